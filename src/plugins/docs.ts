import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import type { DescribedPort } from '../description/describe-api.ts'
import { EventLoopTurns } from '../requests/event-loop-turns.ts'
import { sendPieces } from './pieces.ts'

/** Has the browser run nothing but these scripts, load nothing from other hosts, and show the page in no frame. */
const POLICY = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Signing service</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<main id="docs"></main>
<noscript>This page takes JavaScript. What it shows is at <a href="/docs/json">/docs/json</a>.</noscript>
</body>
</html>
`

/**
 * Shows the description. No request is sent from the page, and no token typed into it: browsers name its origin in each
 * POST, which would be refused.
 */
const START = `const nothing = () => () => null
SwaggerUIBundle({
  url: '/docs/json',
  dom_id: '#docs',
  deepLinking: true,
  supportedSubmitMethods: [],
  validatorUrl: null,
  plugins: [{ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing } }],
})
`

/** Files of Swagger UI, with their types. */
const FILES = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
} as const

/** The turns of all files: one piece is handed over in each, so that hundreds of readers do not hold up requests. */
const TURNS = new EventLoopTurns()

type Ports = readonly [DescribedPort, ...DescribedPort[]]

export interface DocsOptions {
  /** The ports of the service, the one for requests to sign first. */
  readonly ports: Ports
}

/**
 * Serves the description of all addresses: `/docs/json` for programs, and `/docs` for people. Neither the description nor
 * the page takes time or memory until somebody asks for it.
 */
export const docs = fp<DocsOptions>(
  async (app, { ports }) => {
    let text: Promise<Buffer> | undefined
    app.get('/docs/json', { config: { operation: 'description' } }, async (request, reply) => {
      text ??= describe(ports).catch((error) => {
        // Whoever asks next has it tried again
        text = undefined
        throw error
      })
      return sendPieces(request, reply.type('application/json; charset=utf-8'), await text)
    })

    app.get('/docs', { config: { operation: 'description page' } }, async (_request, reply) =>
      protect(reply).type('text/html; charset=utf-8').send(PAGE),
    )
    app.get('/docs/start.js', async (_request, reply) =>
      protect(reply).type(FILES['swagger-ui-bundle.js']).send(START),
    )
    const { resolve } = createRequire(import.meta.url)
    for (const [name, type] of Object.entries(FILES)) {
      let content: Buffer | undefined
      app.get(`/docs/${name}`, async (request, reply) => {
        content ??= readFileSync(resolve(`@fastify/swagger-ui/static/${name}`))
        return sendPieces(request, protect(reply).type(type), content, TURNS)
      })
    }
  },
  { name: 'docs' },
)

async function describe(ports: Ports): Promise<Buffer> {
  const { describeApi } = await import('../description/describe-api.ts')
  return Buffer.from(JSON.stringify(await describeApi(ports)))
}

function protect(reply: FastifyReply): FastifyReply {
  return reply
    .header('content-security-policy', POLICY)
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
}
