import type { Duplex } from 'node:stream'
import { encodeMessage, MessageReader } from '../frames.ts'
import type { FromSession, ToSession } from '../messages.ts'

/**
 * Carries messages between the HTTP process and the session workers. Each worker has a socket of its own, which it reads
 * and writes by blocking calls, so that no other thread has to pass anything on.
 */
export class SessionChannels {
  readonly #streams: readonly Duplex[]
  readonly #start: (session: number) => void
  readonly #started = new Set<number>()

  /**
   * @param streams the sockets, in the order of the sessions
   * @param start has the signer process start a worker for a session
   * @param onGarbage called when what arrives is no message: a library may have written to what is not its own
   */
  constructor(
    streams: readonly Duplex[],
    onMessage: (message: FromSession) => void,
    start: (session: number) => void,
    onGarbage: () => void,
  ) {
    this.#streams = streams
    this.#start = start
    for (const stream of streams) {
      const reader = new MessageReader<FromSession>()
      stream.on('data', (piece: Buffer) => {
        const messages = readMessages(reader, piece)
        if (messages === undefined) {
          onGarbage()
        }
        messages?.forEach(onMessage)
      })
      // `SignerProcess` tells that the process has gone
      stream.on('error', () => {})
    }
  }

  /** Sends to a session, whose worker is started for its first message. */
  send(message: ToSession): void {
    const { session } = message
    if (!this.#started.has(session)) {
      this.#started.add(session)
      this.#start(session)
    }
    const stream = this.#streams[session] as Duplex
    stream.write(encodeMessage(message))
  }

  /** Has all workers end when they have done what they were told. */
  close(): void {
    for (const stream of this.#streams) {
      stream.end()
    }
  }
}

/** @returns undefined where these are no messages. The error is dropped, since it quotes the octets that were read. */
function readMessages(reader: MessageReader<FromSession>, piece: Buffer): FromSession[] | undefined {
  try {
    return reader.read(piece)
  } catch {
    return undefined
  }
}
