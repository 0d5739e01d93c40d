import type { IncomingMessage } from 'node:http'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Logger } from 'pino'
import { holdsToken } from '../access/user-token.ts'
import type { Client } from '../common/client.ts'
import { readTraceParent, type Trace } from '../common/trace.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Fields of this request's log line beside method, route, status and duration. They must hold no secrets. */
    logDetails: Record<string, string>
    /** Null until work that takes time begins for the caller. */
    client: Client | null
    /** Null if the caller names none and none is made. */
    trace: Trace | null
  }
  interface FastifyContextConfig {
    /** True for routes that are called every few seconds. They are logged at debug level. */
    probe?: boolean
  }
}

/** Most lines of one kind in a second: more than anybody reads, and too few to fill a disk in a day. */
const MAX_LINES = 100
const INTERVAL_MS = 1_000

/**
 * Limits log lines that any caller can cause in any number. Beyond 100 lines of one kind in a second, lines are
 * counted, and one line says how many there were.
 */
export class LineLimit {
  readonly #logger: Pick<Logger, 'warn'>
  /** Number of lines in this second, keyed by kind. */
  readonly #counts = new Map<string, number>()

  constructor(logger: Pick<Logger, 'warn'>) {
    this.#logger = logger
  }

  /**
   * Counts a line, and returns whether it may be logged.
   *
   * @param kind one of few values, which callers must not be able to make up
   */
  admits(kind: string): boolean {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count === 1) {
      setTimeout(() => this.#end(kind), INTERVAL_MS).unref()
    }
    return count <= MAX_LINES
  }

  /** Logs how many lines were left out so far; called at the end of the service. */
  flush(): void {
    for (const kind of this.#counts.keys()) {
      this.#end(kind)
    }
  }

  #end(kind: string): void {
    const suppressed = (this.#counts.get(kind) ?? 0) - MAX_LINES
    this.#counts.delete(kind)
    if (suppressed > 0) {
      this.#logger.warn({ code: kind, suppressed }, 'more lines of this kind in a second than are logged')
    }
  }
}

export interface CallerIds {
  readonly callerRequestId?: string
  readonly traceId?: string
}

/**
 * Returns for the log by what the caller knows a request: its `X-Request-Id`, if that is a plain word without a user's token, since
 * anything else could be a secret, and the id of its trace.
 */
export function callerIds({ headers }: Pick<IncomingMessage, 'headers'>): CallerIds {
  const { 'x-request-id': given, traceparent } = headers
  const isWord = typeof given === 'string' && /^[\w.:-]{1,64}$/.test(given) && !holdsToken(given)
  const trace = readTraceParent(traceparent)
  return { ...(isWord && { callerRequestId: given }), ...(trace && { traceId: trace.id }) }
}

/**
 * Creates the logger of a request, which adds the caller's ids to each line.
 *
 * @param bindings the service's own id
 */
export function createRequestLogger(
  logger: FastifyBaseLogger,
  bindings: object,
  options: object,
  request: IncomingMessage,
): FastifyBaseLogger {
  return logger.child({ ...bindings, ...callerIds(request) }, options)
}

/** Logs one line for each request, at its end. It names the route, not the address, whose query a caller chooses. */
export const requestLog = fp<{ readonly lines: LineLimit }>(
  async (app, { lines }) => {
    app.decorateRequest('logDetails', null as unknown as Record<string, string>)
    app.decorateRequest('client', null)
    app.decorateRequest('trace', null)
    app.addHook('onRequest', (request, reply, done) => {
      request.logDetails = {}
      request.trace = readTraceParent(request.headers.traceparent) ?? null
      reply.raw.on('close', () => {
        if (!reply.raw.writableFinished) {
          logLeft(request, reply, lines)
        }
      })
      done()
    })
    // Fastify calls this for refusals too, and if the client has left
    app.addHook('onSend', (request, _reply, payload, done) => {
      request.client?.finish()
      done(null, payload)
    })
    app.addHook('onResponse', (request, reply, done) => {
      logAnswered(request, reply, lines)
      done()
    })
    app.addHook('onClose', async () => lines.flush())
  },
  { name: 'request-log' },
)

/** Logs that the client left, once it is known whether the HSM made a signature for it. */
function logLeft(request: FastifyRequest, reply: FastifyReply, lines: LineLimit): void {
  const line = describe(request, reply)
  whenFinished(request, () => {
    if (isSigned(request) || lines.admits('client_left')) {
      request.log.warn(
        { ...line, ...(isSigned(request) && { signed: true }) },
        'client left before it was answered',
      )
    }
  })
}

/** Calls `act` once all work for a request has ended, although its client may have left before. */
export function whenFinished({ client }: FastifyRequest, act: () => void): void {
  if (client === null) {
    act()
  } else {
    client.whenFinished(act)
  }
}

function logAnswered(request: FastifyRequest, reply: FastifyReply, lines: LineLimit): void {
  const { statusCode } = reply
  const { code, shortfall } = request.logDetails
  const line = { ...describe(request, reply), statusCode }
  if (request.routeOptions.config.probe && code === undefined) {
    request.log.debug(line, 'probe answered')
  } else if (statusCode < 400 && (isSigned(request) || lines.admits('answered'))) {
    // A container below its configured level is a success that deserves a warning
    request.log[shortfall === undefined ? 'info' : 'warn'](line, 'request answered')
  } else if (statusCode >= 400 && (isSigned(request) || lines.admits(`${code}`))) {
    const level = statusCode >= 500 ? 'error' : 'warn'
    const message = statusCode >= 500 ? 'request failed' : 'request refused'
    request.log[level]({ ...line, ...(isSigned(request) && { signed: true }) }, message)
  }
}

function describe(request: FastifyRequest, reply: FastifyReply) {
  return {
    method: request.method,
    route: request.routeOptions.url ?? 'none',
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
    ...request.logDetails,
  }
}

/** Returns whether the HSM made a signature for a request, even if it did not reach the client. */
export function isSigned({ client }: FastifyRequest): boolean {
  return client?.signed === true
}
