import type { Duplex } from 'node:stream'
import { encodeMessage, MessageReader } from '../frames.ts'
import type { FromSession, StartSession, ToSession } from '../messages.ts'

/** File descriptor of the first channel in the signer process, the next after that of Node's own IPC. */
export const FIRST_CHANNEL = 4

interface Channel {
  readonly stream: Duplex
  readonly fileDescriptor: number
}

/**
 * Carries messages between the HTTP process and the session workers. Each worker has a socket of its own, which it reads
 * and writes by blocking calls, so that no other thread has to pass anything on.
 *
 * A session that has ended leaves its channel to another one.
 */
export class SessionChannels {
  readonly #start: (message: StartSession) => void
  readonly #free: Channel[]
  readonly #all: readonly Channel[]
  /** Keyed by the number of the session, until its worker has ended. */
  readonly #used = new Map<number, Channel>()
  /** Messages for sessions that have no channel yet, in the order of the sessions. */
  readonly #waiting = new Map<number, Buffer[]>()

  /**
   * @param streams the sockets, in the order of their file descriptors in the signer process
   * @param start has the signer process start a worker for a session
   * @param onGarbage called when what arrives is no message: a library may have written to what is not its own
   */
  constructor(
    streams: readonly Duplex[],
    onMessage: (message: FromSession) => void,
    start: (message: StartSession) => void,
    onGarbage: () => void,
  ) {
    this.#start = start
    this.#all = streams.map((stream, index) => ({ stream, fileDescriptor: FIRST_CHANNEL + index }))
    this.#free = [...this.#all]
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

  /** Sends to a session: to a new one as soon as there is a channel for it. */
  send(message: ToSession): void {
    const { session } = message
    const frame = encodeMessage(message)
    const used = this.#used.get(session)
    if (used !== undefined) {
      used.stream.write(frame)
      return
    }
    const waiting = this.#waiting.get(session)
    if (waiting !== undefined) {
      waiting.push(frame)
      return
    }
    this.#waiting.set(session, [frame])
    this.#assign()
  }

  /** Frees the channel of a session whose worker has ended. */
  ended(session: number): void {
    const channel = this.#used.get(session)
    this.#used.delete(session)
    if (channel !== undefined) {
      this.#free.push(channel)
      this.#assign()
    }
  }

  /** Has all workers end when they have done what they were told. */
  close(): void {
    for (const { stream } of this.#all) {
      stream.end()
    }
  }

  #assign(): void {
    const [waiting] = this.#waiting
    const channel = waiting && this.#free.shift()
    if (waiting === undefined || channel === undefined) {
      return
    }
    const [session, frames] = waiting
    this.#waiting.delete(session)
    this.#used.set(session, channel)
    this.#start({ type: 'start', session, channel: channel.fileDescriptor })
    for (const frame of frames) {
      channel.stream.write(frame)
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
