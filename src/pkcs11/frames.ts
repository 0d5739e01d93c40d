/**
 * Writes messages as a stream of octets, and reads them. A message has its length (4 octets, little-endian), the length of
 * its text (4 octets), its text in JSON, and octets that go along with it: what is signed, or the signature.
 *
 * Node's own IPC takes several times as long, and no thread can wait for it. The output of `v8.serialize` would need code
 * that each session worker has to warm up for itself.
 */
import type { Duplex } from 'node:stream'
import type { FromSession, ToSession } from './messages.ts'

const LENGTH_OCTETS = 4
const TEXT_OFFSET = 2 * LENGTH_OCTETS
const NOTHING = Buffer.alloc(0)
/**
 * Octets of a frame, which has some hundred. What a library has written into the stream reads like a length of a gigabyte:
 * without a limit all that comes behind it would be waited for, and kept.
 */
const MAX_LENGTH = 65_536

export function encodeMessage(message: ToSession | FromSession): Buffer {
  switch (message.type) {
    case 'sign':
      return encodeFrame({ ...message, data: undefined }, message.data)
    case 'signed':
      return encodeFrame({ ...message, signature: undefined }, message.signature)
    default:
      return encodeFrame(message, NOTHING)
  }
}

function encodeFrame(message: object, octets: Uint8Array): Buffer {
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
export class MessageReader<T extends ToSession | FromSession> {
  #rest: Buffer = NOTHING

  /**
   * @returns the messages that end in this piece; their octets are views of what was read
   * @throws Error for what is no message
   */
  read(piece: Buffer): T[] {
    const octets = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const messages: T[] = []
    let offset = 0
    for (;;) {
      const begin = offset + LENGTH_OCTETS
      const end = begin <= octets.length ? begin + readLength(octets, offset) : Number.POSITIVE_INFINITY
      if (end > octets.length) {
        break
      }
      messages.push(decodeFrame(octets.subarray(offset, end)))
      offset = end
    }
    this.#rest = offset === octets.length ? NOTHING : Buffer.from(octets.subarray(offset))
    return messages
  }
}

/**
 * Reads the messages of a session from its socket.
 *
 * @param onGarbage called when what arrives is no message: a library may have written to what is not its own
 */
export function readMessages(
  stream: Duplex,
  onMessage: (message: FromSession) => void,
  onGarbage: () => void,
): void {
  const reader = new MessageReader<FromSession>()
  stream.on('data', (piece: Buffer) => {
    let messages: FromSession[] = []
    try {
      messages = reader.read(piece)
    } catch {
      // The error quotes the octets that were read
      onGarbage()
    }
    messages.forEach(onMessage)
  })
}

function readLength(octets: Buffer, offset: number): number {
  const length = octets.readUInt32LE(offset)
  if (length > MAX_LENGTH) {
    throw new Error('it is no frame')
  }
  return length
}

function decodeFrame(frame: Buffer) {
  const textEnd = TEXT_OFFSET + frame.readUInt32LE(LENGTH_OCTETS)
  const message = JSON.parse(frame.toString('utf8', TEXT_OFFSET, textEnd))
  const octets = frame.subarray(textEnd)
  switch (message.type) {
    case 'sign':
      return { ...message, data: octets }
    case 'signed':
      return { ...message, signature: octets }
    default:
      return message
  }
}
