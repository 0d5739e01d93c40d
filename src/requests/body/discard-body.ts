import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/** The HTTP parser of Node.js calls `onIncoming` for each request, and the function at `kOnBody` for each piece of a body. */
interface Parser {
  readonly constructor: { readonly kOnBody: number }
  onIncoming: (...args: unknown[]) => unknown
  [callback: number]: unknown
}

/** Most bytes of a refused body that are read so that its connection can serve the next request. */
const MAX_DISCARDED = 65_536

/** Returns whether so much of a body may still come that its connection is closed after the answer. */
export function hasLongRest({ complete, headers }: IncomingMessage): boolean {
  const length = headers['content-length']
  // A body that has come whole may already be followed by another request
  return !complete && (headers['transfer-encoding'] !== undefined || Number(length ?? 0) > MAX_DISCARDED)
}

/**
 * Discards the rest of a body. Of a long one nothing more is read, until its connection is closed in stages.
 *
 * @returns whether it is long
 */
export function discardBody(message: IncomingMessage): boolean {
  const isLong = hasLongRest(message)
  if (isLong) {
    // A message resumes its socket whenever it has been read
    message._read = () => {}
    // If the rest has been read already, the next request may come
    process.nextTick(() => message.complete || message.socket.pause())
    skipChunks(message)
  }
  return isLong
}

/**
 * Has the parser skip the rest of a body in chunks. One read of a connection may hold ten thousand, which Node.js would hand over one
 * by one although nobody wants them: that takes 20 ms and megabytes. Without its callback the parser skips them in 1 ms.
 */
function skipChunks({ headers, socket }: IncomingMessage): void {
  const { parser } = socket as Socket & { readonly parser?: Parser | null }
  const place = parser?.constructor.kOnBody
  if (parser == null || place === undefined || headers['transfer-encoding'] === undefined) {
    return
  }
  const { onIncoming, [place]: onBody } = parser
  if (onBody === null) {
    return
  }
  function restore(): void {
    ;(parser as Parser)[place as number] = onBody
  }
  parser[place] = null
  // Node.js gives the parser to another connection after this one
  socket.prependListener('close', restore)
  parser.onIncoming = (...args) => {
    restore()
    socket.off('close', restore)
    parser.onIncoming = onIncoming
    return onIncoming(...args)
  }
}
