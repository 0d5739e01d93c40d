/** Answers to what never reaches a route, and so none of the hooks: in the shape of all others, and logged like them. */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { ErrorReply } from '../../schemas/error.ts'
import { EXPECTATION_FAILED, HEADERS_TOO_LARGE, INVALID_REQUEST, REQUEST_TIMEOUT } from '../errors.ts'
import { sendError } from './error-reply.ts'

/** Milliseconds in which a client can read why it was refused, before its connection is closed under it. */
const LINGER_MS = 2_000

/** The path cannot be decoded. */
export function refuseAddress(request: FastifyRequest, reply: FastifyReply): void {
  const error = new INVALID_REQUEST('the address is not a valid path')
  request.logDetails = {}
  reply.header('x-request-id', request.id)
  sendError(error, request, reply)
  logRefusal(request.log, error, { method: request.method })
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
    const refusal = refusalOf(error)
    const body = describe(refusal, requestId)
    socket.end(
      `HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
    // The error itself holds the bytes that were received
    logRefusal(logger, refusal, { requestId, reason: error.code })
  }
}

/** An expectation other than 100-continue (RFC 9110 10.1.1), which Node would refuse without a body. */
export function refuseExpectation(logger: Logger, requestId: (request: IncomingMessage) => string) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const id = requestId(request)
    const refusal = new EXPECTATION_FAILED()
    response
      .writeHead(refusal.statusCode, {
        'content-type': 'application/json; charset=utf-8',
        'x-request-id': id,
      })
      .end(describe(refusal, id))
    logRefusal(logger, refusal, { requestId: id, method: request.method })
  }
}

interface Refusal {
  readonly statusCode: number
  readonly code: string
  readonly message: string
}

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HEADERS_TOO_LARGE()
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new REQUEST_TIMEOUT()
    default:
      return new INVALID_REQUEST('the request is not valid HTTP')
  }
}

function describe({ statusCode, code, message }: Refusal, requestId: string): string {
  const error = STATUS_CODES[statusCode] as string
  return JSON.stringify({ statusCode, code, error, message, requestId } satisfies ErrorReply)
}

function logRefusal(
  logger: Pick<Logger, 'warn'>,
  { statusCode, code }: Refusal,
  details: Record<string, unknown>,
): void {
  logger.warn({ route: 'none', ...details, statusCode, code }, 'request refused')
}
