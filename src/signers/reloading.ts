/** Takes over changed signers, certificates and chains while the service runs, all of them or none. */
import type { BaseLogger } from 'pino'
import { backoffMs } from '../common/backoff.ts'
import type { LoadedSigners } from '../configuration/configuration.ts'
import { FileWatch, lookAt } from '../configuration/file-watch.ts'
import { logProblems } from '../configuration/problem.ts'
import type { SignerConfiguration, SignersConfiguration } from '../configuration/signer-configuration.ts'
import { ConfigurationError, refuseProblems } from '../errors.ts'
import type { Signers } from './signers.ts'

export type ReloadTrigger = 'signal' | 'files'
/** A configuration is `pending` while all its problems may pass; it is then tried again. */
export type ReloadOutcome = 'taken over' | 'pending' | 'refused'

/** Waits between tries of a pending configuration, in ms. */
const RETRY = { first: 5_000, longest: 60_000 }

export interface ReloadingOptions {
  readonly signers: Pick<Signers, 'takeOver'>
  /** With which the service started. */
  readonly configuration: Pick<SignersConfiguration, 'files' | 'signers'>
  /** Interval at which the files are polled, in ms; 0 for never. */
  readonly intervalMs: number
  /** Reads the configuration of the signers anew. */
  load(): LoadedSigners
  readonly log: BaseLogger
  /** Called when a configuration was taken over or refused, or has become pending. */
  onEnd(outcome: ReloadOutcome): void
}

export interface ReloadStatus {
  /** When the present signers were taken over. */
  readonly since: Date
  /** Outcome of the last try; absent before the first. */
  readonly last?: {
    readonly outcome: ReloadOutcome
    readonly at: Date
    /** Why the configuration was not taken over, for everybody who reaches the service. */
    readonly reason?: string
  }
}

/** A configuration that was read without problems, and that will be taken over. */
interface Candidate {
  readonly loaded: LoadedSigners
  /** True if refused PINs are tried again if their files have changed. */
  readonly retryPins: boolean
  /** Number of tries that failed. */
  readonly failures: number
  /** Problems that were logged last. */
  readonly logged: string
}

export class Reloading {
  status: ReloadStatus = { since: new Date() }
  readonly #options: ReloadingOptions
  readonly #watch: FileWatch
  /** The latest that was read. */
  #read: Pick<SignersConfiguration, 'signers'>
  /** True while it looks at files, which may take as long as a file server hangs. */
  #isLooking = false
  #running: Promise<void> | undefined
  #next: ReloadTrigger | undefined
  #pending: Candidate | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #started = false
  #stopped = false

  constructor(options: ReloadingOptions) {
    this.#options = options
    this.#read = options.configuration
    this.#watch = new FileWatch(options.intervalMs, () => this.request('files'))
  }

  async start(): Promise<void> {
    const { configuration, intervalMs } = this.#options
    await this.#watch.watch([...configuration.files.keys()], configuration.files)
    if (intervalMs > 0 && !this.#stopped) {
      this.#watch.start()
    }
    this.#started = true
    this.#runNext()
  }

  /** Requests a reload. Reloads run one at a time after the start; requests that come meanwhile cause one more. */
  request(trigger: ReloadTrigger): void {
    // Only a signal retries refused PINs, which files that change meanwhile must not undo
    this.#next = this.#next === 'signal' ? 'signal' : trigger
    this.#runNext()
  }

  /** Stops reloading, and waits for a reload that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#watch.stop()
    clearTimeout(this.#retryTimer)
    if (!this.#isLooking) {
      await this.#running
    }
  }

  #runNext(): void {
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
        this.#runNext()
      })
  }

  async #reload(trigger: ReloadTrigger): Promise<void> {
    const { log, load } = this.#options
    log.info({ trigger }, 'reading the configuration of the signers anew')
    const retryPins = trigger === 'signal' || this.#pending?.retryPins === true
    this.#pending = undefined
    // The status is taken before the files are read, so that a change meanwhile is noticed
    this.#isLooking = true
    await this.#watch.takeAsKnown()
    await lookAt(this.#read.signers.flatMap(listUsedFiles))
    const loaded = load()
    this.#read = loaded.signers
    // All files are watched, since a missing one may come
    await this.#watch.watch([...loaded.signers.files.keys()], loaded.signers.files)
    this.#isLooking = false
    if (this.#stopped) {
      return
    }
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
      if (error instanceof ConfigurationError && error.isTemporary && !this.#stopped) {
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

  /** Schedules another try of the same configuration. Changed files are read once they stay the same. */
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

  /** @param isNew false for another try of the same configuration */
  #end(outcome: ReloadOutcome, reason?: string, isNew = true): void {
    const at = new Date()
    const since = outcome === 'taken over' ? at : this.status.since
    this.status = { since, last: { outcome, at, ...(reason === undefined ? {} : { reason }) } }
    if (isNew) {
      this.#options.onEnd(outcome)
    }
  }
}

/** Lists the files of a signer that are looked at, and read whenever they are used. */
function listUsedFiles({ access, container }: SignerConfiguration): string[] {
  const authorities = container.timestamps?.authorities ?? []
  return [
    access.module,
    ...('file' in access.pin ? [access.pin.file] : []),
    ...authorities.flatMap(({ credentials, tls = {} }) => [
      ...(credentials !== undefined && 'passwordFile' in credentials ? [credentials.passwordFile] : []),
      ...Object.values(tls),
    ]),
  ]
}

/** Returns why a configuration is not in use, with each reason once. */
function describeReason(error: unknown): string {
  if (!(error instanceof ConfigurationError)) {
    return 'an unexpected error, which the log has'
  }
  const messages = error.problems.map(
    ({ publicMessage = 'the configuration is wrong; the log says where' }) => publicMessage,
  )
  return [...new Set(messages)].join('; ')
}
