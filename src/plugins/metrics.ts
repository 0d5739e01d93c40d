import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Registry } from 'prom-client'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureForm } from '../configuration/signer-configuration.ts'
import { processMetrics } from '../metrics/process-metrics.ts'
import { createRefusalCounter } from '../metrics/refusal-metrics.ts'
import { registerCounter, registerDurations } from '../metrics/registration.ts'
import type { ReachedLevel } from '../signing/level.ts'
import { sendPieces } from './pieces.ts'
import { isSigned, whenFinished } from './request-log.ts'
import { sharePage } from './shared-page.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The requested signature, as soon as it is known; null in requests for anything else. */
    signing: RequestedSignature | null
    /** The level of the container that was made, or of a signature with what a container of it takes; null if there is none. */
    container: ReachedLevel | null
  }
}

/** The signature that a valid request asks for. */
export interface RequestedSignature {
  readonly signer: string
  /** Name of the caller; absent where everybody may call. No label has it, since there may be any number. */
  readonly subject?: string
  readonly container: SignatureForm | 'both'
  readonly hash: HashAlgorithm['name']
}

/** Methods that become label values. A caller can make up others. */
const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** A request for a signature, or one that was refused, at its end. */
export interface EndedRequest {
  /** `signed`, `client_left`, `signed_unanswered`, or the code of the error that was answered. */
  readonly outcome: string
  readonly statusCode: number
  /** Time from its headers until its answer was handed over. */
  readonly seconds: number
  readonly requestId: string
  /** Code of the error that kept the container from its level. */
  readonly shortfall?: string | undefined
}

/** Told what is counted, as it is counted. */
export interface RequestObserver {
  ended(request: EndedRequest): void
}

export interface RequestMetricsOptions {
  readonly registry: Registry
  readonly observer?: RequestObserver
}

/** Counts every request at its end. */
export const requestMetrics = fp<RequestMetricsOptions>(
  async (app, { registry, observer }) => {
    const durations = registerDurations(
      registry,
      'signing_service_http_request_duration_seconds',
      'Time from the headers of a request until its answer was handed over.',
      { method: [], route: [], status_code: [] },
    )
    const refusals = createRefusalCounter(registry)
    const signatures = registerCounter(
      registry,
      'signing_service_signatures_total',
      'Requests for a signature that were understood, by what became of them.',
      { signer: [], container: [], hash: [], outcome: [] },
    )
    const containers = registerCounter(
      registry,
      'signing_service_containers_total',
      'Containers that were made, by their level; with the code of the error that kept them from a higher one.',
      { signer: [], level: [], shortfall: [] },
    )

    function count(request: FastifyRequest, reply: FastifyReply): void {
      const answered = reply.raw.writableFinished
      const labels = {
        method: METHODS.includes(request.method) ? request.method : 'other',
        // The pattern of the route, never the address
        route: request.routeOptions.url ?? 'none',
        status_code: answered ? reply.statusCode : 'none',
      }
      const { statusCode } = reply
      const { code } = request.logDetails
      const seconds = reply.elapsedTime / 1000
      durations.observe(labels, seconds)
      if (answered && code !== undefined) {
        refusals.inc({ code, status_code: statusCode })
      }
      whenFinished(request, () => {
        const { signing, container: made } = request
        const outcome = describeOutcome(request, answered)
        if (signing !== null) {
          const { signer, container, hash } = signing
          signatures.inc({ signer, container, hash, outcome })
        }
        if (signing !== null || request.logDetails.code !== undefined) {
          const { id: requestId } = request
          observer?.ended({ outcome, statusCode, seconds, requestId, shortfall: made?.shortfall })
        }
        if (signing !== null && made !== null) {
          const { level, shortfall = 'none' } = made
          containers.inc({ signer: signing.signer, level, shortfall })
        }
      })
    }

    app.decorateRequest('signing', null)
    app.decorateRequest('container', null)
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.on('close', () => count(request, reply))
      done()
    })
  },
  { name: 'request-metrics', dependencies: ['request-log', 'error-reply'] },
)

/** Serves `GET /metrics` for Prometheus: what is in the registry, and what the process uses. */
export const metricsPage = fp<{ readonly registry: Registry }>(
  async (app, { registry }) => {
    const all = Registry.merge([registry, processMetrics()])
    const makePage = sharePage(async () => Buffer.from(await all.metrics()))
    app.get('/metrics', { config: { probe: true, operation: 'metrics' } }, async (request, reply) => {
      const page = await makePage()
      return sendPieces(request, reply.header('cache-control', 'no-store').type(all.contentType), page)
    })
  },
  { name: 'metrics-page' },
)

/** Returns `signed`, `client_left`, `signed_unanswered`, or the code of the error that was answered. */
function describeOutcome(request: FastifyRequest, answered: boolean): string {
  if (answered) {
    return request.logDetails.code ?? 'signed'
  }
  return isSigned(request) ? 'signed_unanswered' : 'client_left'
}
