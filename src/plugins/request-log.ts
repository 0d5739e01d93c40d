import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the one log line of this request says beside method, address, status and duration. No secrets. */
    logDetails: Record<string, string>
  }
  interface FastifyContextConfig {
    /** Asked every few seconds: logged at debug level, since what changes its answer is logged itself, once. */
    probe?: boolean
  }
}

/** One line a request, at its end. The address is the route's: what a caller put into the query stays out. */
export const requestLog = fp(
  async (app) => {
    app.decorateRequest('logDetails', null as unknown as Record<string, string>)
    app.addHook('onRequest', (request, reply, done) => {
      request.logDetails = {}
      reply.raw.on('close', () => {
        if (!reply.raw.writableFinished) {
          request.log.warn(describe(request, reply), 'client left before it was answered')
        }
      })
      done()
    })
    app.addHook('onResponse', (request, reply, done) => {
      const line = { ...describe(request, reply), statusCode: reply.statusCode }
      if (request.routeOptions.config.probe) {
        request.log.debug(line, 'probe answered')
      } else if (reply.statusCode >= 500) {
        request.log.error(line, 'request failed')
      } else if (reply.statusCode >= 400) {
        request.log.warn(line, 'request refused')
      } else {
        request.log.info(line, 'request answered')
      }
      done()
    })
  },
  { name: 'request-log' },
)

function describe(request: FastifyRequest, reply: FastifyReply) {
  return {
    method: request.method,
    route: request.routeOptions.url ?? 'none',
    durationMs: Math.round(reply.elapsedTime * 10) / 10,
    ...request.logDetails,
  }
}
