/** Takes changed signers, certificates and chains over while the service runs: all of it, or nothing. */
import type { BaseLogger } from 'pino'
import type { LoadedSigners } from '../config.ts'
import { FileWatch } from '../configuration/file-watch.ts'
import { logProblems } from '../configuration/log-problems.ts'
import { ConfigurationError, refuseProblems } from '../errors.ts'
import type { Signers } from './signers.ts'

export type ReloadTrigger = 'signal' | 'files'
export type ReloadOutcome = 'taken over' | 'refused'

export interface ReloadingOptions {
  readonly signers: Pick<Signers, 'takeOver'>
  /** Files of what the service started with. */
  readonly files: readonly string[]
  /** Milliseconds between looks at the files; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration of the signers anew. */
  load(): LoadedSigners
  readonly log: BaseLogger
  onEnd(outcome: ReloadOutcome): void
}

export interface ReloadStatus {
  /** Since when the signers are what they are. */
  readonly since: Date
  /** Of the last try; absent before the first. */
  readonly last?: { readonly outcome: ReloadOutcome; readonly at: Date }
}

export class Reloading {
  readonly #options: ReloadingOptions
  readonly #watch: FileWatch
  #status: ReloadStatus = { since: new Date() }
  #running: Promise<void> | undefined
  #next: ReloadTrigger | undefined
  #started = false
  #stopped = false

  constructor(options: ReloadingOptions) {
    this.#options = options
    this.#watch = new FileWatch(options.intervalMs, () => this.request('files'))
  }

  get status(): ReloadStatus {
    return this.#status
  }

  async start(): Promise<void> {
    const { files, intervalMs } = this.#options
    await this.#watch.watch(files)
    if (intervalMs > 0 && !this.#stopped) {
      this.#watch.start()
    }
    this.#started = true
    this.#goOn()
  }

  /** One at a time, and none before the start; of those that come meanwhile, one more after it. */
  request(trigger: ReloadTrigger): void {
    this.#next = trigger
    this.#goOn()
  }

  /** Lets one that is under way come to its end. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#watch.stop()
    await this.#running
  }

  #goOn(): void {
    const trigger = this.#next
    if (trigger === undefined || !this.#started || this.#stopped || this.#running !== undefined) {
      return
    }
    this.#next = undefined
    this.#running = this.#reload(trigger).finally(() => {
      this.#running = undefined
      this.#goOn()
    })
  }

  async #reload(trigger: ReloadTrigger): Promise<void> {
    const { log, load, signers } = this.#options
    log.info({ trigger }, 'reading the configuration of the signers anew')
    try {
      // Before they are read: what changes meanwhile is a change, and what was refused is not read again unchanged
      await this.#watch.look()
      const { signers: configuration, problems, warnings } = load()
      // Where one is missing, it may come
      await this.#watch.watch(configuration.files)
      refuseProblems(problems)
      await signers.takeOver(configuration, trigger === 'signal')
      this.#end('taken over')
      for (const warning of warnings) {
        log.warn(warning)
      }
      log.info({ signers: configuration.signers.map(({ name }) => name) }, 'the signers were taken over')
    } catch (error) {
      this.#refuse(error)
    }
  }

  #refuse(error: unknown): void {
    const { log } = this.#options
    if (this.#stopped) {
      return
    }
    if (error instanceof ConfigurationError) {
      logProblems(log, 'error', error.problems)
    } else {
      log.error({ err: error }, 'the new configuration cannot be read')
    }
    this.#end('refused')
    log.error('the new configuration was refused: the signers stay as they were; correct it, or send SIGHUP')
  }

  #end(outcome: ReloadOutcome): void {
    const at = new Date()
    this.#status = { since: outcome === 'refused' ? this.#status.since : at, last: { outcome, at } }
    this.#options.onEnd(outcome)
  }
}
