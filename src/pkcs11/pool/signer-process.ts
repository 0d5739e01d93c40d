import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { Duplex } from 'node:stream'
import { startChild } from '../child-process.ts'
import {
  FIRST_CHANNEL,
  type FromSignerProcess,
  type ToMainThread,
  type ToSignerProcess,
} from '../messages.ts'
import { SessionChannels } from './session-channels.ts'

const MAIN = new URL(`../process/entry${extname(import.meta.filename)}`, import.meta.url)

/** A running signer process, seen from the HTTP process. */
export class SignerProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  readonly #channels: SessionChannels

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
    this.#channels = new SessionChannels(
      channelsOf(this.#child),
      onMessage,
      (number) => this.#tell({ type: 'start', number }),
      () => this.kill(),
    )
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

  /** Drops the message where the process has gone, which `onEnd` tells. */
  send(message: ToSignerProcess): void {
    if ('session' in message) {
      this.#channels.send(message)
    } else {
      this.#tell(message)
    }
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
    this.#channels.close()
    await this.#ended
    clearTimeout(timer)
  }
}

/** Returns none where the system has no file descriptors left, whatever the type says. */
function channelsOf({ stdio }: { readonly stdio?: readonly unknown[] }): Duplex[] {
  return (stdio?.slice(FIRST_CHANNEL) ?? []) as Duplex[]
}
