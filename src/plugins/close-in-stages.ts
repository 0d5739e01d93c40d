import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** Time that a client has to read its answer, in ms. Document Engine by default waits no longer for one. */
const LINGER_MS = 5_000

/** Most bytes of a refused body that are discarded so that its connection can serve the next request. */
const MAX_DISCARDED = 65_536

/**
 * Closes the connection, in stages, of a request that is answered while its body is still on its way. Node would read
 * all of the body, and a megabyte in chunks of one byte takes a tenth of a second.
 *
 * @param closes true if the connection is closed after the answer anyway
 * @returns headers for the answer
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
 * Makes Node close a connection in stages (RFC 9112 9.6), since its client may still be sending. If it were closed at
 * once, the client would get a reset, and might never read the answer.
 */
function closeInStages(socket: Socket): void {
  const ignore = () => {}
  const destroy = () => socket.destroy()
  socket.destroySoon = () => {
    socket.destroySoon = ignore
    // The HTTP parser gets no more bytes, since those that still come are no request
    socket.removeAllListeners('data')
    socket.on('data', ignore).resume()
    socket.end()
    socket.once('end', destroy)
    setTimeout(destroy, LINGER_MS).unref()
  }
}
