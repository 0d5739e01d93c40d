import type { Duplex } from 'node:stream'
import { encodeMessage, MAX_MAIN_LENGTH, readMessages } from '../frames.ts'
import type { FromSignerProcess, ToMainThread, ToSignerProcess } from '../messages.ts'
import type { StartedProcess } from './starting.ts'

/**
 * A running signer process, seen from the HTTP process. Its main thread and each of its session workers have a socket of
 * their own. Workers read and write theirs by blocking calls, so that no other thread has to pass anything on.
 */
export class SignerProcess {
  readonly #process: StartedProcess
  readonly #ended: Promise<void>
  /** The main thread's socket; undefined where the process could not be started. */
  readonly #main: Promise<Duplex | undefined>
  /** The sockets of the sessions, in their order, once they are there. */
  #channels: readonly Duplex[] = []
  /** Sessions that have a worker. */
  readonly #started = new Set<number>()

  /**
   * @param onMessage called for every message
   * @param onEnd called once, with how it ended, for example `signal SIGSEGV`, or why it could not be started
   */
  constructor(
    process: StartedProcess,
    onMessage: (message: FromSignerProcess) => void,
    onEnd: (how: string) => void,
  ) {
    this.#process = process
    const read = (channel: Duplex, receive = onMessage, maxLength?: number) => {
      readMessages(channel, receive, () => this.kill(), maxLength)
      // `onEnd` tells that the process has gone
      channel.on('error', () => {})
    }
    this.#main = process.channels.then(([main, ...channels]) => {
      this.#channels = channels
      for (const channel of channels) {
        read(channel)
      }
      if (main !== undefined) {
        read(main, (message) => this.#receive(message, onMessage), MAX_MAIN_LENGTH)
      }
      return main
    })
    this.#ended = process.ended.then(onEnd)
  }

  /** Drops the message where the process has gone, which `onEnd` tells. A session gets its worker with its first order. */
  send(message: ToSignerProcess): void {
    if (!('session' in message)) {
      this.#tell(message)
      return
    }
    const { session } = message
    if (this.#started.has(session)) {
      const channel = this.#channels[session] as Duplex
      channel.write(encodeMessage(message))
    } else if (message.type === 'reopen') {
      this.#started.add(session)
      this.#tell({ type: 'start', order: message })
    }
  }

  /** Receives what the main thread says, which tells of a session only that there is no thread for it. */
  #receive(message: FromSignerProcess, onMessage: (message: FromSignerProcess) => void): void {
    if (message.type === 'session-failed') {
      this.#started.delete(message.session)
    }
    onMessage(message)
  }

  #tell(message: ToMainThread): void {
    void this.#main.then((main) => main?.write(encodeMessage(message)))
  }

  /** Ends the process at once, which alone helps against a call that never returns. */
  kill(): void {
    this.#process.kill()
  }

  /** Asks the process to close its sessions and end, and kills it when it has not done so in `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), timeoutMs)
    this.#tell({ type: 'close' })
    void this.#main.then(() => this.#channels.forEach((channel) => void channel.end()))
    await this.#ended
    clearTimeout(timer)
  }
}
