import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Whether the service was told to end. */
    isClosing(): boolean
    /** Says so to those who ask and call, some time before the service closes; closing says it too. */
    announceClosing(): void
  }
}

/**
 * The end of the service, as callers are told of it: until nothing is accepted any more they are served as ever, but
 * asked to open another connection for their next request, which a load balancer then leads elsewhere.
 */
export const closing = fp(
  async (app) => {
    let closing = false
    const announce = () => {
      closing = true
    }

    app.decorate('isClosing', () => closing)
    app.decorate('announceClosing', announce)
    app.addHook('preClose', async () => announce())
    app.addHook('onSend', (_request, reply, payload, done) => {
      if (closing) {
        // The socket is idle from here on and would keep the server from closing
        reply.header('connection', 'close')
      }
      done(null, payload)
    })
  },
  { name: 'closing' },
)
