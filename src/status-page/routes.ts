/** Serves `GET /`: the page for browsers, and JSON for probes, which do not ask for HTML. */
import { createHash } from 'node:crypto'
import fastifyAccepts from '@fastify/accepts'
import type { FastifyPluginAsync } from 'fastify'
import { SCRIPT, STYLE } from './browser-parts.ts'
import { describeStatus, type StatusSources } from './describe-status.ts'
import { renderPage } from './render-page.ts'

export interface StatusPageOptions {
  /** Absent on a port that does not show the page. */
  readonly page?: StatusSources
}

/** The browser runs and shows what is in the page alone, and asks nobody but this port. */
const POLICY = [
  ...[
    "default-src 'none'",
    `style-src ${hashOf(STYLE)}`,
    `script-src ${hashOf(SCRIPT)}`,
    "connect-src 'self'",
  ],
  ...['img-src data:', "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

/** Time for which a page is answered again, in ms: however many ask, one is made in it. */
const KEPT_MS = 1_000

export const statusPage: FastifyPluginAsync<StatusPageOptions> = async (app, { page }) => {
  await app.register(fastifyAccepts)
  let kept: { readonly text: Promise<string>; readonly until: number } | undefined
  function describe(sources: StatusSources): Promise<string> {
    const now = performance.now()
    if (kept === undefined || now >= kept.until) {
      kept = { text: describeStatus(sources).then(renderPage), until: now + KEPT_MS }
    }
    return kept.text
  }

  app.get('/', { config: { probe: true, operation: 'probe' } }, async (request, reply) => {
    if (page === undefined) {
      return { status: 'ok', service: 'signing-service' }
    }
    reply.header('vary', 'accept')
    if (request.accepts().type(['json', 'html']) !== 'html') {
      return { status: 'ok', service: 'signing-service' }
    }
    return reply.headers(HEADERS).send(await describe(page))
  })
}

/** Returns the source of a policy that allows this text (CSP 3, 2.3.1). */
function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
