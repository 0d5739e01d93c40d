/** Answers requests that never reach a route and its hooks, in the shape of all other refusals, and logs them alike. */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { HEADERS_TOO_LARGE, INVALID_REQUEST, REQUEST_TIMEOUT } from '../errors.ts'
import { waitForTurn } from '../requests/intake.ts'
import { findCurrent, findUnanswered, isInHandshake, stopArriving } from './connections.ts'
import { destroyLater, discardRest } from './discard-rest.ts'
import { createErrorReply, type ServiceError, sendError } from './error-reply.ts'
import { callerIds, type LineLimit } from './request-log.ts'

/** Time that a client has to read why it was refused, in ms, before its connection is closed. */
const LINGER_MS = 2_000

export class MalformedRequests {
  readonly #logger: Logger
  readonly #lines: LineLimit
  /** Connections on which nothing is read any more. */
  readonly #refused = new WeakSet<Socket>()

  constructor(logger: Logger, lines: LineLimit) {
    this.#logger = logger
    this.#lines = lines
  }

  watch(server: Server): void {
    server.on('connect', (request, socket) => this.#refuseTunnel(request, socket as Socket))
  }

  /** Refuses a path that cannot be decoded, when it is its turn: no hooks are called for it. */
  refuseAddress(request: FastifyRequest, reply: FastifyReply): void {
    const error = new INVALID_REQUEST('the address is not a valid path')
    request.logDetails = {}
    reply.headers({ 'x-request-id': request.id, ...stopArriving(request.raw) })
    waitForTurn(request, reply, () => {
      sendError(error, request, reply)
      this.#log(error, { requestId: request.id, ...callerIds(request.raw), method: request.method })
    })
  }

  /** Refuses bytes that are not HTTP, or came too slowly, if an answer can still be sent. */
  refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
    if (isInHandshake(socket)) {
      this.#logHandshake(error, socket)
      return
    }
    if (error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    if (this.#refused.has(socket)) {
      return
    }
    this.#refused.add(socket)
    // The error is not logged itself, since it holds the bytes that were received
    this.#endAfterAnswers(socket, refusalOf(error), { reason: error.code })
  }

  /** Refuses the rest of a connection once the complete requests that came before it are answered. */
  #endAfterAnswers(socket: Socket, refusal: ServiceError, details: Record<string, unknown>): void {
    discardRest(socket)
    const response = findUnanswered(socket)
    if (response === undefined) {
      this.#end(socket, refusal, details)
    } else {
      response.once('close', () => this.#end(socket, refusal, details))
    }
  }

  #end(socket: Socket, refusal: ServiceError, details: Record<string, unknown>): void {
    // A connection that was asked to close, or has ended, takes no answer
    if (socket.writable) {
      const requestId = randomUUID()
      write(socket, refusal, requestId)
      this.#log(refusal, { requestId, ...details })
    }
  }

  /** Refuses CONNECT (RFC 9110 9.3.6), whose connection Node would close without an answer. */
  #refuseTunnel(request: IncomingMessage, socket: Socket): void {
    // Node has released the connection: an error without a listener would end the process, the client's end goes unheard, and an
    // answer in pieces that is on its way waits for ever
    socket
      .on('drain', () => findCurrent(socket)?.emit('drain'))
      .on('error', () => socket.destroy())
      .on('end', () => {
        socket.destroySoon()
        destroyLater(socket, LINGER_MS)
      })
    const refusal = new INVALID_REQUEST('CONNECT is not answered, as this is no proxy')
    this.#endAfterAnswers(socket, refusal, { ...callerIds(request), method: request.method })
  }

  /** Logs why a TLS handshake failed, unless the client just left, as those do that look whether the port is open. */
  #logHandshake({ code }: NodeJS.ErrnoException, socket: Socket): void {
    socket.destroy()
    // Node.js closes the connection of a client whose certificate it does not trust without an error
    const reason = (socket as Partial<TLSSocket>).authorizationError ?? code
    if (`${reason}` !== 'ECONNRESET' && this.#lines.admits('tls_handshake')) {
      this.#logger.warn({ route: 'none', reason }, 'TLS handshake failed')
    }
  }

  #log({ statusCode, code, message: refusal }: ServiceError, details: Record<string, unknown>): void {
    if (this.#lines.admits(code)) {
      this.#logger.warn({ route: 'none', ...details, refusal, statusCode, code }, 'request refused')
    }
  }
}

function refusalOf({ code }: NodeJS.ErrnoException): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HEADERS_TOO_LARGE()
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new REQUEST_TIMEOUT()
    default:
      return new INVALID_REQUEST('the request is not valid HTTP')
  }
}

function write(socket: Socket, refusal: ServiceError, requestId: string): void {
  const body = JSON.stringify(createErrorReply(refusal, requestId))
  socket.end(
    `HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
  destroyLater(socket, LINGER_MS)
}
