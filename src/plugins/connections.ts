import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/**
 * Ends, when the service closes, the connections that no request is in progress on. Node itself ends those alone that
 * have had a request: one that was opened and never used would keep the server from closing.
 */
export const connections = fp(
  async (app) => {
    const open = new Set<Socket>()
    const unanswered = new Set<ServerResponse>()
    let closing = false

    function endUnused(): void {
      const used = new Set([...unanswered].map(({ req }) => req.socket))
      for (const socket of open) {
        if (!used.has(socket)) {
          // After what was written has been sent
          socket.destroySoon()
        }
      }
    }

    app.server.on('connection', (socket: Socket) => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    })
    app.server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
      unanswered.add(response)
      response.once('close', () => {
        unanswered.delete(response)
        if (closing) {
          endUnused()
        }
      })
    })
    app.addHook('preClose', async () => {
      closing = true
      endUnused()
    })
  },
  { name: 'connections' },
)
