/**
 * Signs with the keys of one token: a request has one session at a time, those beyond wait in a bounded queue, where those
 * on whose account they are take turns, and nothing waits past its deadline.
 */

import { defined } from '../../common/defined.ts'
import { ConfigurationError, HSM_UNAVAILABLE, SIGNATURE_SELF_CHECK_FAILED } from '../../errors.ts'
import type { FoundKey, FromOpenToken, KeyOutcome } from '../messages.ts'
import { createTestInput, type KeyUse, type SigningInput } from '../signing-input.ts'
import { describeTestFailure, PoolKeys, type TestFailure } from './pool-keys.ts'
import type { PoolOptions } from './pool-options.ts'
import type { SessionState } from './session.ts'
import { Sessions } from './sessions.ts'
import { SigningJobs, type SignOptions } from './signing-jobs.ts'
import { type HsmState, Supervisor, type SupervisorEvents } from './supervisor.ts'

/** How often sessions and queue are looked at. */
const TICK_MS = 100

const NO_SESSIONS = { opening: 0, idle: 0, busy: 0, zombie: 0 }

export interface PoolStatus {
  readonly state: HsmState
  readonly since: Date
  readonly reason?: string
  readonly sessions: Readonly<Record<SessionState, number>>
  readonly queued: number
}

/** The part of a supervisor that a pool uses. */
export type SupervisorCalls = Pick<Supervisor, keyof Supervisor>

export class SessionPool {
  readonly #options: PoolOptions
  readonly #supervisor: SupervisorCalls
  readonly #jobs: SigningJobs
  readonly #keys: PoolKeys
  /** Number of processes in a row whose sessions made no signature. */
  #startsWithoutSignature = 0
  /** Whether a test signature has verified in any process. */
  #everTested = false
  readonly #ticking: NodeJS.Timeout
  #closing = false
  /** Time at which a session signed, or the pool was made, in ms of `performance.now()`. */
  #readyAt = performance.now()
  /** The warnings about keys that were logged last. */
  #warned = ''

  /** @param supervise how its events get a supervisor; a test hands in its own */
  constructor(
    options: PoolOptions,
    supervise = (events: SupervisorEvents): SupervisorCalls => new Supervisor(options, events),
  ) {
    const { hsm, keys, observer } = options
    this.#options = options
    this.#keys = new PoolKeys({
      keys,
      requireNonExtractable: hsm.requireNonExtractableKeys,
      intervalMs: hsm.keepAliveMs,
      search: (places) => this.#supervisor.send({ type: 'find-keys', keys: places }),
      sign: (key) => this.test(key),
      onFailed: (key, failure) => this.#keyFailed(key, failure),
    })
    this.#jobs = new SigningJobs({
      limit: hsm.queueLimit,
      observer,
      isReady: () => this.status().state === 'ready',
      isAway: () => performance.now() - this.#readyAt > hsm.timeoutMs,
      isUnavailableUntil: (deadline) => this.#supervisor.isUnavailableUntil(deadline),
      retestKey: (key) => this.#keys.retest(key),
    })
    this.#supervisor = supervise({
      onOpened: (outcomes) => this.#opened(outcomes),
      onMessage: (message) => this.#receive(message),
      onLost: () => this.#jobs.lost(),
    })
    // After the event loop stood still, answers that came in time are read first
    this.#ticking = setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref()
  }

  start(): void {
    this.#supervisor.start()
  }

  /** Opens the token again where it did not fit the configuration: what is on it may have been put right. */
  retry(): void {
    this.#supervisor.retry()
  }

  status(): PoolStatus {
    const { sessions, waiting } = this.#jobs
    const { state, since, reason = sessions?.lastFailure } = this.#supervisor.state
    const rest = { sessions: sessions?.count() ?? NO_SESSIONS, queued: waiting }
    const unusableSince = state === 'ready' ? sessions?.unusableSince() : undefined
    if (unusableSince !== undefined) {
      const when = new Date(Date.now() - (performance.now() - unusableSince))
      return { state: 'unavailable', since: when, ...defined({ reason }), ...rest }
    }
    return { state, since, ...(state === 'ready' ? {} : defined({ reason })), ...rest }
  }

  /** Returns the status of the pool, unless one key alone cannot sign: then the status of that key. */
  keyStatus(key: number): PoolStatus {
    const status = this.status()
    const { state, since, reason } = this.#keys.at(key).state
    if (status.state !== 'ready' || state === 'tested') {
      return status
    }
    return {
      ...status,
      state: state === 'unusable' ? 'unavailable' : 'starting',
      since,
      ...defined({ reason }),
    }
  }

  /** Returns whether the PIN was told to a token that has neither accepted nor refused it. */
  get isLoginPending(): boolean {
    return this.#supervisor.isLoginPending
  }

  /** Returns what was found of a key on the token. */
  foundKey(key: number): FoundKey | undefined {
    return this.#keys.at(key).found
  }

  /** Returns whether a key is not there, or does not sign. */
  isUnusable(key: number): boolean {
    return this.#keys.at(key).state.state === 'unusable'
  }

  /** Logs what the operator should know of the keys, though they are used. */
  warnAboutKeys(): void {
    for (const warning of this.#keys.warnings()) {
      this.#options.log.warn({}, warning)
    }
  }

  /**
   * Makes a test signature.
   *
   * @param use what it must verify with
   * @throws as `sign` does
   */
  async test(key: number, use = this.#keys.at(key).use): Promise<void> {
    if (use === undefined) {
      throw new HSM_UNAVAILABLE()
    }
    await this.#sign(createTestInput(key, use), { deadline: performance.now() + this.#options.hsm.timeoutMs })
  }

  /**
   * @returns the signature in the form that the token gives it
   * @throws HSM_BUSY when the queue is full or the deadline would pass in it, HSM_TIMEOUT when it passed,
   *   HSM_UNAVAILABLE when the HSM cannot sign, SIGNATURE_SELF_CHECK_FAILED when no signature verified
   */
  async sign(input: SigningInput, options: SignOptions): Promise<Uint8Array> {
    const { isGone, state } = this.#keys.at(input.key)
    if (isGone) {
      throw new HSM_UNAVAILABLE()
    }
    // Each of its wrong signatures would cost the other keys several sessions
    if (state.failure?.kind === 'mismatch') {
      throw new SIGNATURE_SELF_CHECK_FAILED()
    }
    return this.#sign(input, options)
  }

  async #sign(input: SigningInput, options: SignOptions): Promise<Uint8Array> {
    if (this.#closing) {
      throw new HSM_UNAVAILABLE()
    }
    return this.#jobs.sign(input, options)
  }

  /** Refuses new requests, finishes the others for at most `timeoutMs`, and ends the signer process. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true
    await this.#jobs.drained(timeoutMs)
    clearInterval(this.#ticking)
    this.#jobs.sessions?.abandon()
    await this.#supervisor.close()
  }

  #opened(outcomes: readonly KeyOutcome[]): void {
    const problems = this.#keys.opened(outcomes, this.#startsWithoutSignature)
    const { testKey } = this.#keys
    const { use } = this.#keys.at(testKey)
    if (problems.length > 0 && (use === undefined || !this.#everTested)) {
      throw new ConfigurationError(problems)
    }
    for (const { variable, message } of problems) {
      this.#options.log.error({ variable }, `a signer cannot sign any more: ${variable}: ${message}`)
    }
    this.#warnIfNew()
    this.#startsWithoutSignature += 1
    this.#jobs.sessions = new Sessions({
      ...this.#options,
      test: createTestInput(testKey, use as KeyUse),
      serviceTime: this.#jobs.serviceTime,
      jobs: this.#jobs,
      supervisor: this.#supervisor,
      onTested: () => this.#tested(testKey),
      onStartFailed: (failure) => this.#startFailed(testKey, failure),
    })
  }

  #receive(message: FromOpenToken): void {
    if (message.type === 'keys-found') {
      this.#keys.searched(message.keys)
      this.#warnIfNew()
    } else {
      this.#jobs.sessions?.receive(message)
    }
  }

  /** Logs warnings once, as a token that is opened again and again gives the same. */
  #warnIfNew(): void {
    const warnings = this.#keys.warnings().join()
    if (warnings !== this.#warned) {
      this.#warned = warnings
      this.warnAboutKeys()
    }
  }

  #tested(testKey: number): void {
    this.#startsWithoutSignature = 0
    this.#everTested = true
    this.#keys.at(testKey).tested()
    if (this.#supervisor.markReady()) {
      this.#keys.testAll()
    }
  }

  /** Ends a process in which no session has signed with the key. */
  #startFailed(key: number, failure: TestFailure): void {
    const problem = this.#keys.at(key).findProblem(failure)
    const reason =
      failure.kind === 'refused'
        ? `the token refuses to sign with the private key (${failure.returnValue})`
        : describeTestFailure(failure)
    if (problem === undefined) {
      // The certificate is that of the key: the HSM is faulty, which may pass
      this.#supervisor.replace(reason, 'hsm')
    } else {
      this.#supervisor.misconfigured(new ConfigurationError([problem]), reason)
    }
  }

  /** Tells of a key that does not sign, while others may. */
  #keyFailed(place: number, failure: TestFailure): void {
    if (this.#closing) {
      return
    }
    const key = this.#keys.at(place)
    const problem = key.hasSigned ? undefined : key.findProblem(failure)
    if (problem === undefined) {
      const message = `a key cannot be used: ${describeTestFailure(failure)}`
      this.#options.log.error({ key: key.describe() }, message)
    } else {
      this.#options.onMisconfigured(new ConfigurationError([problem]))
    }
  }

  #tick(): void {
    const now = performance.now()
    this.#jobs.sessions?.tick(now)
    if (!this.#closing && this.status().state === 'ready') {
      this.#readyAt = now
      this.#keys.tick(now)
    }
    this.#jobs.tick()
  }
}
