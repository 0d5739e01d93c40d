import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Client } from '../common/client.ts'
import type { LineLimit } from './line-limit.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Further fields of the one log line of this request, beside method, route, status and duration. No secrets. */
    logDetails: Record<string, string>
    /** Null until something is done for the caller that takes time. */
    client: Client | null
  }
  interface FastifyContextConfig {
    /** Asked every few seconds: logged at debug level, since what changes its answer is logged itself, once. */
    probe?: boolean
  }
}

export interface RequestLogOptions {
  readonly lines: LineLimit
}

/** Logs one line for each request, at its end. The address is the route's: what a caller put into the query stays out. */
export const requestLog = fp<RequestLogOptions>(
  async (app, { lines }) => {
    app.decorateRequest('logDetails', null as unknown as Record<string, string>)
    app.decorateRequest('client', null)
    app.addHook('onRequest', (request, reply, done) => {
      request.logDetails = {}
      reply.raw.on('close', () => {
        if (!reply.raw.writableFinished) {
          logLeft(request, reply, lines)
        }
      })
      done()
    })
    // Called for refusals too, and where the client has left
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

/** The HSM may be signing when the client leaves: the line waits until it is known whether it did. */
function logLeft(request: FastifyRequest, reply: FastifyReply, lines: LineLimit): void {
  const line = describe(request, reply)
  whenFinished(request, () => {
    if (isSigned(request) || lines.admits('client_left')) {
      request.log.warn({ ...line, ...describeSigned(request) }, 'client left before it was answered')
    }
  })
}

/** Calls it once nothing is done for a request any more, although its client may have left before. */
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
    // A container below its level is signed, and not what was asked for
    request.log[shortfall === undefined ? 'info' : 'warn'](line, 'request answered')
  } else if (statusCode >= 400 && (isSigned(request) || lines.admits(`${code}`))) {
    const level = statusCode >= 500 ? 'error' : 'warn'
    const message = statusCode >= 500 ? 'request failed' : 'request refused'
    request.log[level]({ ...line, ...describeSigned(request) }, message)
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

/** Whether the HSM made a signature for a request, which may not have reached its client. */
export function isSigned({ client }: FastifyRequest): boolean {
  return client?.signed === true
}

/** A signature that nobody got is on record all the same. */
function describeSigned(request: FastifyRequest): { readonly signed?: true } {
  return isSigned(request) ? { signed: true } : {}
}
