import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Returns whether the service was told to end. */
    isClosing(): boolean
    /** Makes the service not ready, and has callers reconnect, some time before it closes. Closing does so too. */
    announceClosing(): void
  }
}

/**
 * Announces the end of the service to callers. Until it closes they are served as before, but asked to open another
 * connection for their next request, which a load balancer then leads elsewhere.
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
        // The socket would stay idle and keep the server from closing
        reply.header('connection', 'close')
      }
      done(null, payload)
    })
  },
  { name: 'closing' },
)
