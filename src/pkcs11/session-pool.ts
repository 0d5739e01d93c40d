/**
 * Signing with the HSM: one request has one session at a time, those beyond wait in a bounded queue, first in first
 * out, and nothing waits past its deadline.
 */
import type { KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../config.ts'
import { type ConfigurationError, HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE } from '../errors.ts'
import { Job } from './job.ts'
import type { FoundKey } from './messages.ts'
import type { TokenFailure } from './return-values.ts'
import type { SessionState } from './session.ts'
import { MAX_ATTEMPTS, Sessions } from './sessions.ts'
import { type HsmState, Supervisor, type SupervisorEvents } from './supervisor.ts'

/** Before a request is repeated on a token that says it is short of something: doubled each time, half of it random. */
const THROTTLE_MS = 50

export interface PoolOptions {
  readonly hsm: HsmConfiguration
  /** DER SubjectPublicKeyInfo of the signer certificate, where a file gives it. */
  readonly publicKey?: Uint8Array
  /**
   * Called each time the token was opened.
   *
   * @returns the public key that signatures must verify with
   * @throws ConfigurationError when the key cannot be used
   */
  onOpened(key: FoundKey): KeyObject
  /** The token was reached, and the configuration does not fit it. Called at most once. */
  onMisconfigured(error: ConfigurationError): void
  readonly log: BaseLogger
}

export interface SignOptions {
  /** Milliseconds of `performance.now()`; no answer comes later. */
  readonly deadline: number
  /** Aborts when nobody wants the signature any more. */
  readonly signal?: AbortSignal
}

export interface PoolStatus {
  readonly state: HsmState
  readonly since: Date
  readonly reason?: string
  readonly sessions: Readonly<Record<SessionState, number>>
  readonly queued: number
}

/** What a pool wants of its supervisor. */
export type SupervisorCalls = Pick<Supervisor, keyof Supervisor>

export class SessionPool {
  readonly #options: PoolOptions
  readonly #supervisor: SupervisorCalls
  #sessions: Sessions | undefined
  readonly #queue: Job[] = []
  /** Those that wait before they are repeated on a token that is short of something. */
  readonly #delayed = new Map<Job, NodeJS.Timeout>()
  /** Accepted and not answered: those that wait, are in flight, or wait to be repeated. */
  readonly #unsettled = new Set<Job>()
  #closing = false
  #onDrained: (() => void) | undefined

  /** @param supervise how its events get a supervisor; a test hands in its own */
  constructor(
    options: PoolOptions,
    supervise = (events: SupervisorEvents): SupervisorCalls =>
      new Supervisor(options.hsm, options.publicKey, events, options.log),
  ) {
    this.#options = options
    this.#supervisor = supervise({
      onOpened: (key) => this.#opened(key),
      onSessionMessage: (message) => this.#sessions?.receive(message),
      onLoggedIn: () => this.#sessions?.loggedIn(),
      onLogInFailed: (failure) => this.#sessions?.logInFailed(failure),
      onLost: () => this.#lost(),
      onMisconfigured: options.onMisconfigured,
    })
  }

  start(): void {
    this.#supervisor.start()
  }

  status(): PoolStatus {
    const supervisor = this.#supervisor.state
    const sessions = this.#sessions?.count() ?? { opening: 0, idle: 0, busy: 0, zombie: 0 }
    const usable = this.#sessions?.isUsable() ?? false
    const state = supervisor.state === 'ready' && !usable ? 'unavailable' : supervisor.state
    const reason = supervisor.reason ?? (state === 'ready' ? undefined : this.#sessions?.lastFailure)
    const { since } = supervisor
    return { state, since, ...(reason === undefined ? {} : { reason }), sessions, queued: this.#waiting() }
  }

  /**
   * Signs with `CKM_RSA_PKCS`.
   *
   * @param digestInfo DER
   * @throws HSM_BUSY when the queue is full, HSM_TIMEOUT when the deadline passed, HSM_UNAVAILABLE when the HSM
   *   cannot sign
   */
  async sign(digestInfo: Uint8Array, { deadline, signal }: SignOptions): Promise<Uint8Array> {
    if (this.#closing || signal?.aborted || this.#supervisor.isHopelessUntil(deadline)) {
      throw new HSM_UNAVAILABLE()
    }
    if (deadline <= performance.now()) {
      throw new HSM_TIMEOUT()
    }
    // Free sessions are for those that wait to be repeated first
    const free = this.#sessions?.count().idle ?? 0
    if (this.#waiting() - free >= this.#options.hsm.queueLimit) {
      throw new HSM_BUSY()
    }
    const job = new Job(digestInfo, deadline, (late) => this.#expire(late))
    this.#unsettled.add(job)
    signal?.addEventListener('abort', () => this.#abandon(job), { once: true })
    this.#enqueue(job)
    try {
      return await job.signature
    } finally {
      this.#unsettled.delete(job)
      this.#checkDrained()
    }
  }

  /** Takes no more work, finishes what it has for at most `timeoutMs`, and ends the signer process. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#onDrained = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#checkDrained()
    })
    this.#sessions?.abandon()
    await this.#supervisor.close()
  }

  #opened(key: FoundKey): void {
    const { hsm, log } = this.#options
    this.#sessions = new Sessions({
      publicKey: this.#options.onOpened(key),
      count: hsm.sessions,
      timeoutMs: hsm.timeoutMs,
      keepAliveMs: hsm.keepAliveMs,
      log,
      send: (message) => this.#supervisor.send(message),
      onProved: () => this.#supervisor.markReady(),
      onIdle: () => this.#dispatch(),
      onReturned: (job, failure) => this.#returned(job, failure),
      onDead: (reason) => this.#supervisor.replace(reason),
      onPinRefused: (failure) => this.#supervisor.refusePin(failure.returnValue),
    })
  }

  /** The process has gone: what it was working on is repeated in the next one. Signing a digest twice is safe. */
  #lost(): void {
    const inFlight = this.#sessions?.abandon() ?? []
    this.#sessions = undefined
    for (const job of inFlight) {
      this.#repeat(job)
    }
    const waiting = [...this.#queue, ...this.#delayed.keys()]
    for (const job of waiting.filter(({ deadline }) => this.#supervisor.isHopelessUntil(deadline))) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  #returned(job: Job, failure: TokenFailure): void {
    if (failure.recovery === 'permanent') {
      this.#drop(job, new HSM_UNAVAILABLE())
    } else if (failure.recovery === 'throttled' && !job.abandoned) {
      const delay = THROTTLE_MS * 2 ** job.throttled * (0.5 + Math.random() / 2)
      job.throttled += 1
      job.attempts -= 1
      const repeat = () => {
        this.#delayed.delete(job)
        this.#repeat(job)
      }
      this.#delayed.set(job, setTimeout(repeat, delay))
    } else {
      this.#repeat(job)
    }
  }

  #repeat(job: Job): void {
    if (job.attempts >= MAX_ATTEMPTS || job.abandoned) {
      this.#drop(job, new HSM_UNAVAILABLE())
    } else if (!job.settled) {
      this.#enqueue(job)
    }
  }

  /** Sorted by deadline, which is the order of arrival: what is repeated has its old place. */
  #enqueue(job: Job): void {
    const earlier = this.#queue.findLastIndex(({ deadline }) => deadline <= job.deadline)
    this.#queue.splice(earlier + 1, 0, job)
    this.#dispatch()
  }

  #dispatch(): void {
    let job = this.#queue[0]
    while (job !== undefined && this.#sessions?.lease(job)) {
      this.#queue.shift()
      job = this.#queue[0]
    }
  }

  #expire(job: Job): void {
    this.#drop(job, this.status().state === 'ready' ? new HSM_TIMEOUT() : new HSM_UNAVAILABLE())
    this.#sessions?.expire(job)
  }

  /** The client has gone: a job that waits is dropped, one in flight ends by itself. */
  #abandon(job: Job): void {
    job.abandoned = true
    if (this.#queue.includes(job) || this.#delayed.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  #drop(job: Job, error: Error): void {
    const position = this.#queue.indexOf(job)
    if (position >= 0) {
      this.#queue.splice(position, 1)
    }
    clearTimeout(this.#delayed.get(job))
    this.#delayed.delete(job)
    if (!job.settled) {
      job.fail(error)
    }
  }

  #waiting(): number {
    return this.#queue.length + this.#delayed.size
  }

  #checkDrained(): void {
    if (this.#closing && this.#unsettled.size === 0) {
      this.#onDrained?.()
    }
  }
}
