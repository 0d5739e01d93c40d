import { performance } from 'node:perf_hooks'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { BODY_PERIOD_MS } from '../common/arrival.ts'
import { SERVICE_BUSY } from '../errors.ts'
import { registerGauge } from '../metrics/gauge.ts'

type EndBody = (error: Error) => void

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of memory that the body takes. */
    bodyBytes: number
    /**
     * Says how many bytes of memory the body takes now.
     *
     * @param end ends the body, which then takes no memory; called where it has arrived for so long that others get its
     *   room
     * @throws SERVICE_BUSY when all bodies would take too many
     */
    holdBody(bytes: number, end: EndBody): void
    /** Gives them back: nothing holds the body any more. The end of a request does so too. */
    releaseBody(): void
  }
}

/** Bytes of memory that the bodies of all requests may take. Documents are not among them, but hashed as they come. */
const LIMIT = 16_777_216

/** Bytes that a body may take though there is no room left: whoever sends large ones must not keep out the others. */
const SMALL = 16_384

export interface BodyBudgetOptions {
  readonly registry: Registry
}

/** Bounds the memory that bodies take: a request that would exceed it is told to come back. */
export const bodyBudget = fp<BodyBudgetOptions>(
  async (app, { registry }) => {
    let held = 0
    /** Requests whose bodies are not small, in the order in which they grew, and what ends each. */
    const large = new Map<FastifyRequest, EndBody>()

    /** Ends a body whose caller has hardly waited for so long. Returns whether there was one. */
    function endSlowBody(besides: FastifyRequest): boolean {
      const longAgo = performance.now() - BODY_PERIOD_MS
      for (const [request, end] of large) {
        if (request !== besides && request.arrivedAt < longAgo) {
          end(new SERVICE_BUSY())
          return true
        }
      }
      return false
    }

    app.decorateRequest('bodyBytes', 0)
    app.decorateRequest('holdBody', function (bytes, end) {
      const more = bytes - this.bodyBytes
      if (bytes > SMALL) {
        while (more > 0 && held + more > LIMIT) {
          if (!endSlowBody(this)) {
            throw new SERVICE_BUSY()
          }
        }
        large.set(this, end)
      } else {
        large.delete(this)
      }
      held += more
      this.bodyBytes = bytes
    })
    app.decorateRequest('releaseBody', function () {
      this.holdBody(0, () => {})
    })
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.on('close', () => request.releaseBody())
      done()
    })

    registerGauge(registry, {
      name: 'signing_service_http_body_bytes',
      help: 'Bytes of memory that the bodies of requests take.',
      collect() {
        this.set(held)
      },
    })
    registerGauge(registry, {
      name: 'signing_service_http_body_bytes_limit',
      help: 'Bytes of memory that they may take before others are refused.',
      collect() {
        this.set(LIMIT)
      },
    })
  },
  { name: 'body-budget', dependencies: ['http-manners'] },
)
