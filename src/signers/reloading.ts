/** Takes changed signers, certificates and chains over while the service runs: all of it, or nothing. */
import type { BaseLogger } from 'pino'
import { backoffMs } from '../common/backoff.ts'
import type { LoadedSigners } from '../configuration/configuration.ts'
import { FileWatch } from '../configuration/file-watch.ts'
import { logProblems } from '../configuration/log-problems.ts'
import { ConfigurationError, refuseProblems } from '../errors.ts'
import type { Signers } from './signers.ts'

export type ReloadTrigger = 'signal' | 'files'
/** A configuration is `pending` while all that is wrong with it may pass: it is tried again by itself. */
export type ReloadOutcome = 'taken over' | 'pending' | 'refused'

/** Waits between tries of a pending configuration, in ms. */
const RETRY = { first: 5_000, longest: 60_000 }

export interface ReloadingOptions {
  readonly signers: Pick<Signers, 'takeOver'>
  /** Files of what the service started with. */
  readonly files: readonly string[]
  /** Milliseconds between looks at the files; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration of the signers anew. */
  load(): LoadedSigners
  readonly log: BaseLogger
  /** A configuration was taken over or refused, or has become pending. */
  onEnd(outcome: ReloadOutcome): void
}

export interface ReloadStatus {
  /** Since when the signers are what they are. */
  readonly since: Date
  /** Of the last try; absent before the first. */
  readonly last?: {
    readonly outcome: ReloadOutcome
    readonly at: Date
    /** Why it was not taken over, in words for everybody who reaches the service. */
    readonly reason?: string
  }
}

/** A configuration that was read without problems, and is to be taken over. */
interface Candidate {
  readonly loaded: LoadedSigners
  /** Whether refused PINs are tried again, where their files have changed. */
  readonly retryPins: boolean
  /** Tries that failed so far. */
  readonly failures: number
  /** The problems that were logged last. */
  readonly logged: string
}

export class Reloading {
  readonly #options: ReloadingOptions
  readonly #watch: FileWatch
  #status: ReloadStatus = { since: new Date() }
  #running: Promise<void> | undefined
  #next: ReloadTrigger | undefined
  #pending: Candidate | undefined
  #retryTimer: NodeJS.Timeout | undefined
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
    // Only a signal has refused PINs tried again: files that change meanwhile must not undo that
    this.#next = this.#next === 'signal' ? 'signal' : trigger
    this.#goOn()
  }

  /** Lets one that is under way come to its end. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#watch.stop()
    clearTimeout(this.#retryTimer)
    await this.#running
  }

  #goOn(): void {
    const trigger = this.#next
    if (trigger === undefined || !this.#started || this.#stopped || this.#running !== undefined) {
      return
    }
    this.#next = undefined
    this.#run(() => this.#reload(trigger))
  }

  #run(action: () => Promise<void>): void {
    clearTimeout(this.#retryTimer)
    this.#running = action()
      .catch((error) => this.#refuse(error))
      .finally(() => {
        this.#running = undefined
        this.#goOn()
      })
  }

  async #reload(trigger: ReloadTrigger): Promise<void> {
    const { log, load } = this.#options
    log.info({ trigger }, 'reading the configuration of the signers anew')
    const retryPins = trigger === 'signal' || this.#pending?.retryPins === true
    this.#pending = undefined
    // Before they are read: what changes meanwhile is a change, and what was refused is not read again unchanged
    await this.#watch.look()
    const loaded = load()
    // Where one is missing, it may come
    await this.#watch.watch(loaded.signers.files)
    refuseProblems(loaded.problems)
    await this.#takeOver({ loaded, retryPins, failures: 0, logged: '' })
  }

  async #takeOver(candidate: Candidate): Promise<void> {
    const { log, signers } = this.#options
    const { signers: configuration, warnings } = candidate.loaded
    this.#pending = undefined
    try {
      await signers.takeOver(configuration, candidate.retryPins)
    } catch (error) {
      if (error instanceof ConfigurationError && error.mayPass && !this.#stopped) {
        this.#wait(candidate, error)
        return
      }
      throw error
    }
    this.#end('taken over')
    for (const warning of warnings) {
      log.warn(warning)
    }
    log.info({ signers: configuration.signers.map(({ name }) => name) }, 'the signers were taken over')
  }

  /** Has it tried again later, as it was read: files that change meanwhile are read when they are left alone. */
  #wait(candidate: Candidate, error: ConfigurationError): void {
    const { log } = this.#options
    const failures = candidate.failures + 1
    const pending = { ...candidate, failures, logged: error.message }
    const delayMs = Math.round(backoffMs(failures, RETRY))
    const isNews = error.message !== candidate.logged
    this.#end('pending', describeReason(error), failures === 1)
    if (isNews) {
      logProblems(log, 'warn', error.problems)
      log.warn(
        { delayMs },
        'the new configuration is pending: the signers stay as they were until that has passed; it is tried again',
      )
    } else {
      log.debug({ delayMs }, 'the new configuration is still pending; it is tried again')
    }
    this.#pending = pending
    this.#retryTimer = setTimeout(() => this.#run(() => this.#takeOver(pending)), delayMs).unref()
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
    this.#end('refused', describeReason(error))
    log.error('the new configuration was refused: the signers stay as they were; correct it, or send SIGHUP')
  }

  /** @param isNew whether the outcome is not that of another try of the same configuration */
  #end(outcome: ReloadOutcome, reason?: string, isNew = true): void {
    const at = new Date()
    const since = outcome === 'taken over' ? at : this.#status.since
    this.#status = { since, last: { outcome, at, ...(reason === undefined ? {} : { reason }) } }
    if (isNew) {
      this.#options.onEnd(outcome)
    }
  }
}

/** Says why a configuration is not in use, each reason once. */
function describeReason(error: unknown): string {
  if (!(error instanceof ConfigurationError)) {
    return 'an unexpected error, which the log has'
  }
  const told = error.problems.map(({ told = 'the configuration is wrong; the log says where' }) => told)
  return [...new Set(told)].join('; ')
}
