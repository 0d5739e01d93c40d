/**
 * Writes messages as a stream of octets, and reads them. A message has its length (4 octets, little-endian), the length of
 * its text (4 octets), its text in JSON, and octets that go along with it: what is signed, or the signature.
 *
 * Node's own IPC takes several times as long, no thread can wait for it, and its socket cannot be handed to another
 * process. The output of `v8.serialize` would need code that each session worker has to warm up for itself.
 */
import type { Duplex } from 'node:stream'
import type { FromSignerProcess, ToSignerProcess } from './messages.ts'

const LENGTH_OCTETS = 4
const TEXT_OFFSET = 2 * LENGTH_OCTETS
const NOTHING = Buffer.alloc(0)
/**
 * Octets of a frame, which has some hundred. What a library has written into the stream reads like a length of a gigabyte:
 * without a limit all that comes behind it would be waited for, and kept.
 */
const MAX_LENGTH = 65_536
/** Octets of a frame of the main thread: those about a thousand keys, with their certificates, have some millions. */
export const MAX_MAIN_LENGTH = 16_777_216

/** Messages about keys. Several fields of theirs hold octets, which their text has in base64, as they are rare. */
const ABOUT_KEYS: readonly string[] = ['open', 'opened', 'keys-found'] satisfies (
  | ToSignerProcess
  | FromSignerProcess
)['type'][]

export function encodeMessage(message: ToSignerProcess | FromSignerProcess): Buffer {
  switch (message.type) {
    case 'sign':
      return encodeFrame({ ...message, data: undefined }, message.data)
    case 'signed':
      return encodeFrame({ ...message, signature: undefined }, message.signature)
    default:
      return encodeFrame(message, NOTHING, ABOUT_KEYS.includes(message.type) ? writeOctets : undefined)
  }
}

type Octets = { readonly base64: string }

/** Puts octets into JSON. It looks at the holder, since a `Buffer` has become an object of numbers already. */
function writeOctets(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const held = this[name]
  return held instanceof Uint8Array
    ? ({ base64: Buffer.from(held).toString('base64') } satisfies Octets)
    : value
}

function readOctets(_name: string, value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'base64' in value
    ? Buffer.from((value as Octets).base64, 'base64')
    : value
}

function encodeFrame(message: object, octets: Uint8Array, replacer?: typeof writeOctets): Buffer {
  const text = JSON.stringify(message, replacer)
  const frame = Buffer.allocUnsafe(TEXT_OFFSET + 3 * text.length + octets.length)
  const textLength = frame.write(text, TEXT_OFFSET)
  const end = TEXT_OFFSET + textLength + octets.length
  frame.writeUInt32LE(end - LENGTH_OCTETS)
  frame.writeUInt32LE(textLength, LENGTH_OCTETS)
  frame.set(octets, end - octets.length)
  return frame.subarray(0, end)
}

/** Puts messages together again that arrive in pieces. */
export class MessageReader<T extends ToSignerProcess | FromSignerProcess> {
  readonly #maxLength: number
  #rest: Buffer = NOTHING

  /** @param maxLength octets of a frame; what claims to be longer is no frame */
  constructor(maxLength = MAX_LENGTH) {
    this.#maxLength = maxLength
  }

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
      const end = begin <= octets.length ? begin + this.#readLength(octets, offset) : Number.POSITIVE_INFINITY
      if (end > octets.length) {
        break
      }
      messages.push(decodeFrame(octets.subarray(offset, end)))
      offset = end
    }
    this.#rest = offset === octets.length ? NOTHING : Buffer.from(octets.subarray(offset))
    return messages
  }

  #readLength(octets: Buffer, offset: number): number {
    const length = octets.readUInt32LE(offset)
    if (length > this.#maxLength) {
      throw new Error('it is no frame')
    }
    return length
  }
}

/**
 * Reads the messages of a session, or of the main thread, from its socket.
 *
 * @param onGarbage called when what arrives is no message: a library may have written to what is not its own
 * @param maxLength octets of a frame
 */
export function readMessages<T extends ToSignerProcess | FromSignerProcess>(
  stream: Duplex,
  onMessage: (message: T) => void,
  onGarbage: (error: Error) => void,
  maxLength?: number,
): void {
  const reader = new MessageReader<T>(maxLength)
  stream.on('data', (piece: Buffer) => {
    let messages: T[] = []
    try {
      messages = reader.read(piece)
    } catch {
      // The error of JSON.parse quotes the octets that were read
      onGarbage(new Error('what was sent is no message'))
    }
    messages.forEach(onMessage)
  })
}

function decodeFrame(frame: Buffer) {
  const textEnd = TEXT_OFFSET + frame.readUInt32LE(LENGTH_OCTETS)
  const text = frame.toString('utf8', TEXT_OFFSET, textEnd)
  const message = JSON.parse(text)
  const octets = frame.subarray(textEnd)
  switch (message.type) {
    case 'sign':
      message.data = octets
      return message
    case 'signed':
      message.signature = octets
      return message
    default:
      return ABOUT_KEYS.includes(message.type) ? JSON.parse(text, readOctets) : message
  }
}
