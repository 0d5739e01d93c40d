import { type ChildProcess, fork } from 'node:child_process'
import { on } from 'node:events'
import { endProcess, endWithUs } from './end-with-us.ts'

/** A process of ours that answers messages, so that what it does costs this one nothing, and can be told apart. */
export class HelperProcess {
  readonly #child: ChildProcess
  readonly #messages: AsyncIterator<unknown[]>

  constructor(module: URL, environment: Readonly<Record<string, string>> = {}) {
    this.#child = fork(module, [], {
      env: { ...process.env, ...environment },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#messages = on(this.#child, 'message', { close: ['exit'] })
    endWithUs(this.#child)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  send(message: object): void {
    this.#child.send(message)
  }

  /**
   * The next message.
   *
   * @throws Error when it ends instead
   */
  async receive(): Promise<unknown> {
    const { done, value } = await this.#messages.next()
    if (done) {
      throw new Error('a process of the measurement has ended: see above')
    }
    return value[0]
  }

  end(): Promise<void> {
    return endProcess(this.#child, 'SIGKILL', 0)
  }
}
