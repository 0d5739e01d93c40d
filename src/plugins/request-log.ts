import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /** What the one log line of this request says beside method, address, status and duration. No secrets. */
    logDetails: Record<string, string>
  }
}

/** One line a request, at its end. The address is the route's: what a caller put into the query stays out. */
export const requestLog = fp(
  async (app) => {
    app.decorateRequest('logDetails', null as unknown as Record<string, string>)
    app.addHook('onRequest', async (request) => {
      request.logDetails = {}
    })
    app.addHook('onResponse', async (request, reply) => {
      const line = {
        method: request.method,
        route: request.routeOptions.url ?? 'none',
        statusCode: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        ...request.logDetails,
      }
      if (reply.statusCode >= 500) {
        request.log.error(line, 'request failed')
      } else if (reply.statusCode >= 400) {
        request.log.warn(line, 'request refused')
      } else if (request.method === 'POST') {
        request.log.info(line, 'request answered')
      } else {
        // Probes come every few seconds
        request.log.debug(line, 'request answered')
      }
    })
  },
  { name: 'request-log' },
)
