/** A service under measurement, as a process of its own. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { send } from '../../support/http.ts'
import { findPort } from '../../support/ports.ts'
import { childrenOf } from '../../support/process-figures.ts'
import { programPath } from '../../support/programs.ts'
import { endProcess, endWithUs } from './end-with-us.ts'
import type { LoopDelay, WatchOrder } from './event-loop-watch.ts'

const moduleUrl = (path: string) => new URL(`${path}${extname(import.meta.filename)}`, import.meta.url)
const WATCH = moduleUrl('./event-loop-watch')

/** The service as its users start it, and one that does as examples do. */
const PROGRAMS = {
  service: programPath('server'),
  naive: moduleUrl('./naive-service'),
}

/** One of them, or the path of a program that is no JavaScript. */
export type Program = keyof typeof PROGRAMS | { readonly path: string }

const READY_MS = 300_000
const LOOK_MS = 10
const END_MS = 20_000
/** Of stderr, for the message when it does not start. */
const KEPT_OUTPUT = 2_000

export class Server {
  readonly url: string
  readonly #child: ChildProcess
  #stderr = ''
  /** How long it took until it was ready, ms. */
  startMs = Number.NaN

  private constructor(program: Program, port: number, environment: Record<string, string>) {
    this.url = `http://127.0.0.1:${port}`
    const env = {
      ...process.env,
      SIGNING_SERVICE_HOST: '127.0.0.1',
      SIGNING_SERVICE_PORT: `${port}`,
      LOG_LEVEL: 'info',
      // An overload has more in flight than the service takes by default
      SIGNING_SERVICE_MAX_CONNECTIONS: '2048',
      ...environment,
    }
    this.#child =
      typeof program === 'object'
        ? spawn(program.path, { env, stdio: ['ignore', 'ignore', 'pipe'] })
        : fork(PROGRAMS[program], [], {
            env,
            execArgv: [`--import=${WATCH}`],
            stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
          })
    const stderr = this.#child.stderr as Readable
    stderr.on('data', (chunk) => {
      this.#stderr = `${this.#stderr}${chunk}`.slice(-KEPT_OUTPUT)
    })
    endWithUs(this.#child)
  }

  /** Starts it and waits until it is ready. */
  static async start(program: Program, environment: Readonly<Record<string, string>>): Promise<Server> {
    // The log, where the service says which port it got, is nobody's to read here
    const port = await findPort()
    const begin = performance.now()
    const server = new Server(program, port, environment)
    await server.#ready(begin + READY_MS)
    server.startMs = performance.now() - begin
    return server
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Process ids of the signer processes. */
  get signers(): readonly number[] {
    return childrenOf(this.pid)
  }

  /** False of a program that is no JavaScript: it has none. */
  get hasLoop(): boolean {
    return this.#child.connected
  }

  async watchLoop(): Promise<void> {
    await this.#ask('watch event loop')
  }

  /** Since `watchLoop`. */
  tellLoop(): Promise<LoopDelay> {
    return this.#ask('tell event loop') as Promise<LoopDelay>
  }

  /** Of the HTTP process. */
  async collectGarbage(): Promise<void> {
    await this.#ask('collect garbage')
  }

  /** Gracefully. */
  end(): Promise<void> {
    return endProcess(this.#child, 'SIGTERM', END_MS)
  }

  async #ask(order: WatchOrder): Promise<unknown> {
    const answered = once(this.#child, 'message')
    this.#child.send(order)
    const [answer] = await answered
    return answer
  }

  async #ready(end: number): Promise<void> {
    for (;;) {
      const answer = await send(`${this.url}/health/ready`).catch(() => undefined)
      if (answer?.statusCode === 200) {
        return
      }
      if (performance.now() > end || this.#child.exitCode !== null) {
        await endProcess(this.#child, 'SIGKILL', 0)
        throw new Error(`a server did not become ready: ${answer?.body ?? this.#stderr}`)
      }
      await delay(LOOK_MS)
    }
  }
}
