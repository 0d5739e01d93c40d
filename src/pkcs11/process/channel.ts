import { readSync, writeSync } from 'node:fs'
import { encodeMessage, MessageReader } from '../frames.ts'
import type { FromSession, ToSession } from '../messages.ts'

/** An order takes some hundred octets. */
const PIECE_OCTETS = 16_384

/** The socket through which the HTTP process and a session worker talk. */
export class Channel {
  readonly #fileDescriptor: number
  readonly #reader = new MessageReader<ToSession>()
  readonly #piece = Buffer.alloc(PIECE_OCTETS)

  constructor(fileDescriptor: number) {
    this.#fileDescriptor = fileDescriptor
  }

  /**
   * Waits for each of them; those that have been withdrawn meanwhile are left out, and that is said. Ends with the channel.
   * The octets of an order are good until the next one is asked for.
   */
  *orders(): Generator<ToSession, void, void> {
    for (;;) {
      const length = this.#read()
      if (length === 0) {
        return
      }
      const messages = this.#reader.read(this.#piece.subarray(0, length))
      const withdrawn = new Set(
        messages.flatMap((message) => (message.type === 'withdraw' ? message.ticket : [])),
      )
      for (const message of messages) {
        if (message.type === 'end' || !withdrawn.has(message.ticket)) {
          yield message
        } else if (message.type === 'sign') {
          this.write({ type: 'withdrawn', session: message.session, ticket: message.ticket })
        }
      }
    }
  }

  /** Nobody hears it any more where the HTTP process has gone. */
  write(message: FromSession): void {
    const frame = encodeMessage(message)
    try {
      for (let written = 0; written < frame.length; ) {
        written += writeSync(this.#fileDescriptor, frame, written)
      }
    } catch {
      // The next read says so
    }
  }

  /** @returns how many octets there are; 0 at the end, which it also is when the HTTP process has left something unread */
  #read(): number {
    let length: number | undefined
    while (length === undefined) {
      try {
        length = readSync(this.#fileDescriptor, this.#piece)
      } catch (error) {
        length = lengthAfter(error as NodeJS.ErrnoException)
      }
    }
    return length
  }
}

/**
 * Returns 0 at the end of the channel, and undefined for a read that is to be repeated since a signal interrupted it, which
 * may be the PKCS#11 library's own.
 *
 * @throws the error, where it is another one
 */
export function lengthAfter(error: NodeJS.ErrnoException): 0 | undefined {
  if (error.code !== 'ECONNRESET' && error.code !== 'EINTR') {
    throw error
  }
  return error.code === 'ECONNRESET' ? 0 : undefined
}
