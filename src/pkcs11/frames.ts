/**
 * Messages as a stream of octets: of each its length (4 octets, little-endian), then what `v8.serialize` makes of it.
 * Node's own IPC takes five times as long, and cannot be read by a thread that waits for it.
 */
import { deserialize, serialize } from 'node:v8'

const LENGTH_OCTETS = 4
const NOTHING = Buffer.alloc(0)

export function encodeFrame(message: unknown): Buffer {
  const content = serialize(message)
  const frame = Buffer.allocUnsafe(LENGTH_OCTETS + content.length)
  frame.writeUInt32LE(content.length)
  content.copy(frame, LENGTH_OCTETS)
  return frame
}

/** Puts messages together again that arrive in pieces. */
export class FrameReader {
  #rest: Buffer = NOTHING

  /** @returns the messages that end in this piece; what octets they have are views of it */
  read(piece: Buffer): unknown[] {
    const octets = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const messages: unknown[] = []
    let offset = 0
    for (;;) {
      const begin = offset + LENGTH_OCTETS
      const end = begin <= octets.length ? begin + octets.readUInt32LE(offset) : Number.POSITIVE_INFINITY
      if (end > octets.length) {
        break
      }
      messages.push(deserialize(octets.subarray(begin, end)))
      offset = end
    }
    this.#rest = offset === octets.length ? NOTHING : Buffer.from(octets.subarray(offset))
    return messages
  }
}
