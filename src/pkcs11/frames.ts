/**
 * Messages as a stream of octets: of each its length (4 octets, little-endian), the length of its text (4), its text in JSON,
 * and octets that go along with it.
 *
 * Node's own IPC takes several times as long, and no thread can wait for it. What `v8.serialize` makes would need code of
 * which each session worker has a copy to warm up.
 */

const LENGTH_OCTETS = 4
const TEXT_OFFSET = 2 * LENGTH_OCTETS
const NOTHING = Buffer.alloc(0)

export interface Frame {
  readonly message: unknown
  /** A view of what was read. */
  readonly octets: Uint8Array
}

/** @param message of what JSON has */
export function encodeFrame(message: unknown, octets: Uint8Array = NOTHING): Buffer {
  const text = JSON.stringify(message)
  const frame = Buffer.allocUnsafe(TEXT_OFFSET + 3 * text.length + octets.length)
  const textLength = frame.write(text, TEXT_OFFSET)
  const end = TEXT_OFFSET + textLength + octets.length
  frame.writeUInt32LE(end - LENGTH_OCTETS)
  frame.writeUInt32LE(textLength, LENGTH_OCTETS)
  frame.set(octets, end - octets.length)
  return frame.subarray(0, end)
}

/** Puts messages together again that arrive in pieces. */
export class FrameReader {
  #rest: Buffer = NOTHING

  /** @returns those that end in this piece */
  read(piece: Buffer): Frame[] {
    const octets = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const frames: Frame[] = []
    let offset = 0
    for (;;) {
      const begin = offset + LENGTH_OCTETS
      const end = begin <= octets.length ? begin + octets.readUInt32LE(offset) : Number.POSITIVE_INFINITY
      if (end > octets.length) {
        break
      }
      frames.push(decodeFrame(octets.subarray(offset, end)))
      offset = end
    }
    this.#rest = offset === octets.length ? NOTHING : Buffer.from(octets.subarray(offset))
    return frames
  }
}

function decodeFrame(frame: Buffer): Frame {
  const textEnd = TEXT_OFFSET + frame.readUInt32LE(LENGTH_OCTETS)
  return {
    message: JSON.parse(frame.toString('utf8', TEXT_OFFSET, textEnd)),
    octets: frame.subarray(textEnd),
  }
}
