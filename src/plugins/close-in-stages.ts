import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Milliseconds that a client has to read its answer: Document Engine by default waits no longer for one. */
const LINGER_MS = 5_000

/** Bytes of a body that are discarded once it is refused, so that its connection serves the next request. */
const MAX_DISCARDED = 65_536

/**
 * Has the connection closed, in stages, of a request that is answered while its body is still on its way. Node would read all of
 * it, and a megabyte in chunks of one byte takes a tenth of a second.
 *
 * @param closes whether it is closed after the answer anyway
 * @returns the headers that the answer has for that
 */
export function stopArriving(request: IncomingMessage, closes = false): { readonly connection?: 'close' } {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  const isArriving = !request.complete && (length !== undefined || encoding !== undefined)
  if (!isArriving || !(closes || encoding !== undefined || Number(length) > MAX_DISCARDED)) {
    return {}
  }
  closeInStages(request.socket)
  return { connection: 'close' }
}

/**
 * Has a connection closed in stages (RFC 9112 9.6) when Node closes it, as its client may still be sending. If it were
 * closed at once, the client would have it reset, and might never read the answer.
 */
function closeInStages(socket: Socket): void {
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
