import { performance } from 'node:perf_hooks'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { BODY_PERIOD_MS } from '../common/arrival.ts'
import { removeFrom } from '../common/remove-from.ts'
import { SERVICE_BUSY } from '../errors.ts'
import { registerGauge } from '../metrics/registration.ts'

type EndBody = (error: Error) => void

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of memory that the body takes, as `holdBody` was told last. */
    bodyBytes: number
    /** Ends the body, if it is a large one. */
    endBody: EndBody | null
    /**
     * Sets how many bytes of memory the body takes now.
     *
     * @param end ends the body, which then takes no memory; called to make room if the body is slow to arrive
     * @throws SERVICE_BUSY if all bodies together would take too many
     */
    holdBody(bytes: number, end: EndBody): void
    /** Releases the memory of a body that nothing holds any more. The end of a request does so too. */
    releaseBody(): void
  }
}

/** Most bytes of memory that all bodies together may take. Documents, which are hashed as they arrive, do not count. */
const MAX_HELD_BYTES = 8_388_608

/** Bytes that a body may take even if no room is left, so that senders of large bodies do not keep out the others. */
const SMALL_BODY_BYTES = 16_384

/** Limits the memory that bodies take. A request that would exceed the limit is told to come back. */
export const bodyBudget = fp<{ readonly registry: Registry }>(
  async (app, { registry }) => {
    let held = 0
    /** Requests with large bodies, in the order in which they grew. */
    const large: FastifyRequest[] = []

    /** Ends one body that has been arriving for a whole period. Returns whether there was one. */
    function endSlowBody(besides: FastifyRequest): boolean {
      const longAgo = performance.now() - BODY_PERIOD_MS
      const slow = large.find((request) => request !== besides && request.arrivedAt < longAgo)
      slow?.endBody?.(new SERVICE_BUSY())
      return slow !== undefined
    }

    app.decorateRequest('bodyBytes', 0)
    app.decorateRequest('endBody', null)
    app.decorateRequest('holdBody', function (bytes, end) {
      const more = bytes - this.bodyBytes
      if (bytes > SMALL_BODY_BYTES) {
        while (more > 0 && held + more > MAX_HELD_BYTES) {
          if (!endSlowBody(this)) {
            throw new SERVICE_BUSY()
          }
        }
        this.endBody = end
        if (this.bodyBytes <= SMALL_BODY_BYTES) {
          large.push(this)
        }
      } else if (this.bodyBytes > SMALL_BODY_BYTES) {
        removeFrom(large, this)
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

    registerGauge(
      registry,
      'signing_service_http_body_bytes',
      'Bytes of memory that the bodies of requests take.',
      [],
      () => [[{}, held]],
    )
    registerGauge(
      registry,
      'signing_service_http_body_bytes_limit',
      'Bytes of memory that they may take before others are refused.',
      [],
      () => [[{}, MAX_HELD_BYTES]],
    )
  },
  { name: 'body-budget', dependencies: ['http-defaults'] },
)
