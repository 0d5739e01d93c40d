import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Registry } from 'prom-client'
import { processMetrics } from '../metrics/process-metrics.ts'
import {
  createRequestMetrics,
  type MadeContainer,
  type RequestedSignature,
} from '../metrics/request-metrics.ts'
import { isSigned, whenFinished } from './request-log.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The requested signature, as soon as it is known; null in requests for anything else. */
    signing: RequestedSignature | null
    /** The container that was made; null if there is none. */
    container: MadeContainer | null
  }
}

export interface MetricsOptions {
  /** Holds the metrics of other parts; those of requests are added to it. */
  readonly registry: Registry
}

/** Serves `GET /metrics` for Prometheus, and counts every request at its end. */
export const metrics = fp<MetricsOptions>(
  async (app, { registry }) => {
    const requests = createRequestMetrics(registry)
    const all = Registry.merge([registry, processMetrics()])

    app.decorateRequest('signing', null)
    app.decorateRequest('container', null)
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.on('close', () => count(requests, request, reply))
      done()
    })

    /** Shared by requests that come at the same time. */
    let text: Promise<string> | undefined
    function describe(): Promise<string> {
      text ??= all.metrics().finally(() => {
        text = undefined
      })
      return text
    }

    app.get('/metrics', { config: { probe: true } }, async (_request, reply) => {
      return reply
        .header('cache-control', 'no-store')
        .type(all.contentType)
        .send(await describe())
    })
  },
  { name: 'metrics', dependencies: ['request-log', 'error-reply'] },
)

function count(
  metrics: ReturnType<typeof createRequestMetrics>,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const answered = reply.raw.writableFinished
  const statusCode = answered ? reply.statusCode : undefined
  metrics.countRequest(request.method, request.routeOptions.url, statusCode, reply.elapsedTime / 1000)
  whenFinished(request, () => {
    if (request.signing !== null) {
      metrics.countSignature(request.signing, describeOutcome(request, answered))
    }
    if (request.signing !== null && request.container !== null) {
      metrics.countContainer(request.signing, request.container)
    }
  })
}

function describeOutcome(request: FastifyRequest, answered: boolean): string {
  if (answered) {
    return request.logDetails.code ?? 'signed'
  }
  return isSigned(request) ? 'signed_unanswered' : 'client_left'
}
