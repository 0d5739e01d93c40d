import fp from 'fastify-plugin'
import { SERVICE_BUSY } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of the body that count against the budget. */
    bodyBytes: number
    /**
     * Says that so many bytes of the body will be in memory.
     *
     * @throws SERVICE_BUSY when there would be too many of all bodies
     */
    holdBody(bytes: number): void
    /** Gives them back: nothing holds the body any more. The end of a request does so too. */
    releaseBody(): void
  }
}

export interface BodyBudgetOptions {
  /** Bytes that the bodies of all requests may have together. */
  readonly bytes: number
}

/** Bounds the memory that bodies take: a request that would exceed it is told to come back. */
export const bodyBudget = fp<BodyBudgetOptions>(
  async (app, { bytes }) => {
    let held = 0

    app.decorateRequest('bodyBytes', 0)
    app.decorateRequest('holdBody', function (size) {
      const more = Math.max(size - this.bodyBytes, 0)
      if (held + more > bytes) {
        throw new SERVICE_BUSY()
      }
      held += more
      this.bodyBytes += more
    })
    app.decorateRequest('releaseBody', function () {
      held -= this.bodyBytes
      this.bodyBytes = 0
    })
    app.addHook('onRequest', (request, reply, done) => {
      reply.raw.on('close', () => request.releaseBody())
      done()
    })
  },
  { name: 'body-budget' },
)
