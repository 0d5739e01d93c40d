import type { Socket } from 'node:net'

/** Milliseconds that a client has to read its answer: Document Engine by default waits no longer for one. */
const LINGER_MS = 5_000

/**
 * Has a connection closed in stages (RFC 9112 9.6) when Node closes it, as its client may still be sending. If it were
 * closed at once, the client would have it reset, and might never read the answer.
 */
export function closeInStages(socket: Socket): void {
  const ignore = () => {}
  const destroy = () => socket.destroy()
  socket.destroySoon = () => {
    socket.destroySoon = ignore
    // The HTTP parser hears no more of it: what still comes is no request
    socket.removeAllListeners('data')
    socket.on('data', ignore).resume()
    socket.end()
    socket.once('end', destroy)
    setTimeout(destroy, LINGER_MS).unref()
  }
}
