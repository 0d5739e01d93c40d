import { type Readable, Transform } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { SERVICE_BUSY } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes of the body that count against the budget. */
    bodyBytes: number
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

    function take(request: FastifyRequest, size: number): void {
      if (held + size > bytes) {
        throw new SERVICE_BUSY()
      }
      held += size
      request.bodyBytes += size
    }

    app.decorateRequest('bodyBytes', 0)
    app.decorateRequest('releaseBody', function () {
      held -= this.bodyBytes
      this.bodyBytes = 0
    })
    app.addHook('onRequest', async (request, reply) => {
      reply.raw.once('close', () => request.releaseBody())
    })
    app.addHook('preParsing', async (request, reply, payload) => {
      if (request.headers['transfer-encoding'] !== undefined) {
        return counted(payload, reply, (size) => take(request, size))
      }
      const length = Number(request.headers['content-length'] ?? 0)
      // A larger one is refused unread
      if (length <= request.routeOptions.bodyLimit) {
        take(request, length)
      }
      return payload
    })
  },
  { name: 'body-budget' },
)

/** The chunks of a body, of which nobody knows the length beforehand, each counted as it arrives. */
function counted(payload: Readable, reply: FastifyReply, take: (size: number) => void): Readable {
  const counting = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        // What comes after the answer is discarded
        if (!reply.raw.destroyed) {
          take(chunk.length)
        }
        done(null, chunk)
      } catch (error) {
        done(error as Error)
      }
    },
  })
  // As for 413, the rest is read and discarded, so that the client comes to read the answer
  const discardRest = () => {
    payload.unpipe(counting)
    payload.resume()
  }
  counting.once('error', discardRest)
  reply.raw.once('close', discardRest)
  payload.once('error', (error) => counting.destroy(error))
  return payload.pipe(counting)
}
