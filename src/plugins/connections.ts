import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'

/**
 * Ends, when the service closes, the connections that no request is in progress on. Node itself ends those alone that
 * have had a request: one that was opened and never used would keep the server from closing.
 */
export const connections = fp(
  async (app) => {
    /** Those that are open, with how many of their requests are unanswered. */
    const open = new Map<Socket, number>()
    let closing = false

    function endUnused(): void {
      for (const [socket, unanswered] of open) {
        if (unanswered === 0) {
          // After what was written has been sent
          socket.destroySoon()
        }
      }
    }

    function count(socket: Socket, more: number): void {
      const unanswered = open.get(socket)
      if (unanswered !== undefined) {
        open.set(socket, unanswered + more)
      }
    }

    app.server.on('connection', (socket: Socket) => {
      open.set(socket, 0)
      socket.once('close', () => open.delete(socket))
    })
    app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      count(socket, 1)
      response.on('close', () => {
        count(socket, -1)
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
