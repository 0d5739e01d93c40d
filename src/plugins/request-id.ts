/** Gives a request its two ids: the service's own, which is unique, and the one that the caller sent. */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'

/** Returns a unique id for the answer, its `X-Request-Id` and the log. */
export function createRequestId(): string {
  return randomUUID()
}

/** Returns the caller's `X-Request-Id` for the log if it is a plain word, since anything else could be a secret. */
export function callerRequestId({ headers }: IncomingMessage): { readonly callerRequestId?: string } {
  const given = headers['x-request-id']
  const isWord = typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given)
  return isWord ? { callerRequestId: given } : {}
}

/**
 * Creates the logger of a request, which adds both ids to each line.
 *
 * @param bindings the service's own id
 */
export function createRequestLogger(
  logger: FastifyBaseLogger,
  bindings: object,
  options: object,
  request: IncomingMessage,
): FastifyBaseLogger {
  return logger.child({ ...bindings, ...callerRequestId(request) }, options)
}
