import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { FromSignerProcess, ToSignerProcess } from './messages.ts'

const MAIN = new URL(`./process/main${extname(import.meta.filename)}`, import.meta.url)

/** A running signer process, seen from the HTTP process. */
export class SignerProcess {
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  /**
   * @param onMessage called for every message
   * @param onExit called once, with how it ended, for example `signal SIGSEGV`
   */
  constructor(onMessage: (message: FromSignerProcess) => void, onExit: (how: string) => void) {
    this.#child = fork(MAIN, {
      serialization: 'advanced',
      // What a PKCS#11 library prints goes to stderr: stdout is for the log alone
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', onMessage)
    this.#child.once('exit', (code, signal) =>
      onExit(signal === null ? `exit code ${code}` : `signal ${signal}`),
    )
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /** A process that has gone takes no message; its `onExit` says so. */
  send(message: ToSignerProcess): void {
    this.#child.send(message, () => {})
  }

  /** The only cure for a call that never returns. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Asks it to close its sessions and end; ends it when it has not done so in `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.kill(), timeoutMs)
    this.send({ type: 'close' })
    await this.#exited
    clearTimeout(timer)
  }
}
