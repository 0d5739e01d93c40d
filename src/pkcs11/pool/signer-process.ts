import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { startChild } from '../child-process.ts'
import { encodeMessage, readMessages } from '../frames.ts'
import {
  FIRST_CHANNEL,
  type FromSignerProcess,
  type ToMainThread,
  type ToSignerProcess,
} from '../messages.ts'

const MAIN = new URL(`../process/entry${extname(import.meta.filename)}`, import.meta.url)

/**
 * A running signer process, seen from the HTTP process. Each of its session workers has a socket of its own, which it reads
 * and writes by blocking calls, so that no other thread has to pass anything on.
 */
export class SignerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  /** The sockets, in the order of the sessions. */
  readonly #channels: readonly Duplex[]
  /** Sessions that have a worker. */
  readonly #started = new Set<number>()

  /**
   * @param sessions how many there can be at once
   * @param onMessage called for every message
   * @param onEnd called once, with how it ended, for example `signal SIGSEGV`, or why it could not be started
   * @throws Error where the system refuses at once
   */
  constructor(
    sessions: number,
    onMessage: (message: FromSignerProcess) => void,
    onEnd: (how: string) => void,
  ) {
    this.#child = startChild(MAIN, sessions)
    this.#channels = channelsOf(this.#child)
    for (const channel of this.#channels) {
      readMessages(channel, onMessage, () => this.kill())
      // `onEnd` tells that the process has gone
      channel.on('error', () => {})
    }
    this.#child.on('message', onMessage)
    // `onEnd` tells what ended it; a signal that could not be sent must not end this process
    this.#child.on('error', () => {})
    this.#ended = once(this.#child, 'exit')
      .then(
        ([code, signal]) => (signal === null ? `exit code ${code}` : `signal ${signal}`),
        // The error's message names the path of the program
        (error: NodeJS.ErrnoException) => `${error.code}`,
      )
      .then(onEnd)
  }

  /** Drops the message where the process has gone, which `onEnd` tells. A session gets its worker with its first message. */
  send(message: ToSignerProcess): void {
    if (!('session' in message)) {
      this.#tell(message)
      return
    }
    const { session } = message
    if (!this.#started.has(session)) {
      this.#started.add(session)
      this.#tell({ type: 'start', number: session })
    }
    const channel = this.#channels[session] as Duplex
    channel.write(encodeMessage(message))
  }

  #tell(message: ToMainThread): void {
    // There is no channel where the system has no file descriptors left
    this.#child.send?.(message, () => {})
  }

  /** Ends the process at once, which alone helps against a call that never returns. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Asks the process to close its sessions and end, and kills it when it has not done so in `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), timeoutMs)
    this.#tell({ type: 'close' })
    for (const channel of this.#channels) {
      channel.end()
    }
    await this.#ended
    clearTimeout(timer)
  }
}

/** Returns none where the system has no file descriptors left, whatever the type says. */
function channelsOf({ stdio }: { readonly stdio?: readonly unknown[] }): Duplex[] {
  return (stdio?.slice(FIRST_CHANNEL) ?? []) as Duplex[]
}
