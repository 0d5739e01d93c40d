/** Answers to what never reaches a route, and so none of the hooks: in the shape of all others, and logged like them. */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { INVALID_REQUEST } from '../errors.ts'
import { sendError } from './error-reply.ts'

/** Milliseconds in which a client can read why it was refused, before its connection is closed under it. */
const LINGER_MS = 2_000

/** The path cannot be decoded. */
export function refuseAddress(request: FastifyRequest, reply: FastifyReply): void {
  const error = new INVALID_REQUEST('the address is not a valid path')
  request.logDetails = {}
  reply.header('x-request-id', request.id)
  sendError(error, request, reply)
  logRefusal(request.log, { method: request.method, statusCode: error.statusCode })
}

/** What is not HTTP, or came too slowly, gets an answer where one can still be sent. */
export function refuseConnection(logger: Logger) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    if (!socket.writable) {
      // It was answered already and is still sending
      return
    }
    const requestId = randomUUID()
    const [statusCode, name, message] = describe(error)
    const body = JSON.stringify({
      statusCode,
      code: new INVALID_REQUEST('').code,
      error: name,
      message,
      requestId,
    })
    socket.end(
      `HTTP/1.1 ${statusCode} ${name}\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
    // The error itself holds the bytes that were received
    logRefusal(logger, { requestId, statusCode, reason: error.code })
  }
}

function describe({ code }: NodeJS.ErrnoException): [number, string, string] {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'Request Header Fields Too Large', 'the headers are too large']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'Request Timeout', 'the request did not arrive in time']
    default:
      return [400, 'Bad Request', 'the request is not valid HTTP']
  }
}

function logRefusal(logger: Pick<Logger, 'warn'>, details: Record<string, unknown>): void {
  logger.warn({ route: 'none', ...details, code: new INVALID_REQUEST('').code }, 'request refused')
}
