/**
 * Writes messages as a stream of octets, and reads them. A message has its length (4 octets, little-endian), the length of
 * its text (4 octets), its text in JSON, and octets that go along with it.
 *
 * Node's own IPC takes several times as long, and no thread can wait for it. The output of `v8.serialize` would need code
 * that each session worker has to warm up for itself.
 */

const LENGTH_OCTETS = 4
const TEXT_OFFSET = 2 * LENGTH_OCTETS
const NOTHING = Buffer.alloc(0)
/**
 * Octets of a frame, which has some hundred. What a library has written into the stream reads like a length of a gigabyte:
 * without a limit all that comes behind it would be waited for, and kept.
 */
const MAX_LENGTH = 65_536

export interface Frame {
  readonly message: unknown
  /** A view of the octets that were read. */
  readonly octets: Uint8Array
}

/** @param message a value that JSON can hold */
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

  /**
   * @returns the messages that end in this piece
   * @throws Error for what is no frame
   */
  read(piece: Buffer): Frame[] {
    const octets = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const frames: Frame[] = []
    let offset = 0
    for (;;) {
      const begin = offset + LENGTH_OCTETS
      const end = begin <= octets.length ? begin + readLength(octets, offset) : Number.POSITIVE_INFINITY
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

function readLength(octets: Buffer, offset: number): number {
  const length = octets.readUInt32LE(offset)
  if (length > MAX_LENGTH) {
    throw new Error('it is no frame')
  }
  return length
}

function decodeFrame(frame: Buffer): Frame {
  const textEnd = TEXT_OFFSET + frame.readUInt32LE(LENGTH_OCTETS)
  return {
    message: JSON.parse(frame.toString('utf8', TEXT_OFFSET, textEnd)),
    octets: frame.subarray(textEnd),
  }
}
