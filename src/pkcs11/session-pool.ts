/**
 * Signing with the HSM: one request has one session at a time, those beyond wait in a bounded queue, first in first
 * out, and nothing waits past its deadline.
 */
import type { KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../config.ts'
import {
  type ConfigurationError,
  HSM_BUSY,
  HSM_TIMEOUT,
  HSM_UNAVAILABLE,
  SIGNATURE_SELF_CHECK_FAILED,
} from '../errors.ts'
import { Admission, type Capacity } from './admission.ts'
import { repeatMs } from './backoff.ts'
import { Job } from './job.ts'
import { JobQueue } from './job-queue.ts'
import type { FoundKey } from './messages.ts'
import type { PoolObserver } from './pool-observer.ts'
import { type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import { ServiceTime } from './service-time.ts'
import type { SessionState } from './session.ts'
import { Sessions } from './sessions.ts'
import { type HsmState, Supervisor, type SupervisorEvents } from './supervisor.ts'
import { UnsettledJobs } from './unsettled-jobs.ts'

/** How often sessions and queue are looked at. */
const TICK_MS = 100

const NO_SESSIONS = { opening: 0, idle: 0, busy: 0, zombie: 0 }

export interface PoolOptions {
  readonly hsm: HsmConfiguration
  /** DER SubjectPublicKeyInfo of the signer certificate, where a file gives it. */
  readonly publicKey?: Uint8Array
  /** False where there need not be a certificate yet. */
  readonly certified?: boolean
  /**
   * Called each time the token was opened.
   *
   * @returns the public key that test signatures must verify with
   * @throws ConfigurationError when the key cannot be used
   */
  onOpened(key: FoundKey): KeyObject
  /** The token was reached, and the configuration does not fit it. Called at most once. */
  onMisconfigured(error: ConfigurationError): void
  readonly log: BaseLogger
  readonly observer: PoolObserver
}

export interface SignOptions {
  /** Milliseconds of `performance.now()`; no answer comes later. */
  readonly deadline: number
  /** Aborts when nobody wants the signature any more. */
  readonly signal?: AbortSignal
  /** Whether a signature is the right one: no other is returned. */
  verify(signature: Uint8Array): boolean
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
  readonly #queue = new JobQueue()
  readonly #serviceTime = new ServiceTime()
  readonly #admission: Admission
  readonly #unsettled = new UnsettledJobs()
  readonly #ticking: NodeJS.Timeout
  #closing = false

  /** @param supervise how its events get a supervisor; a test hands in its own */
  constructor(
    options: PoolOptions,
    supervise = (events: SupervisorEvents): SupervisorCalls => new Supervisor({ ...options, events }),
  ) {
    this.#options = options
    this.#admission = new Admission(this.#queue, options.hsm.queueLimit, this.#serviceTime)
    this.#supervisor = supervise({
      onOpened: (key) => this.#opened(key),
      onSessionMessage: (message) => this.#sessions?.receive(message),
      onLoggedIn: () => this.#sessions?.loggedIn(),
      onLogInFailed: (failure) => this.#sessions?.logInFailed(failure),
      onLost: () => this.#lost(),
      onMisconfigured: options.onMisconfigured,
    })
    // After the event loop stood still, answers that came in time are read first
    this.#ticking = setInterval(() => setImmediate(() => this.#tick()), TICK_MS).unref()
  }

  start(): void {
    this.#supervisor.start()
  }

  status(): PoolStatus {
    const { state, since, reason = this.#sessions?.lastFailure } = this.#supervisor.state
    const rest = { sessions: this.#sessions?.count() ?? NO_SESSIONS, queued: this.#queue.length }
    const unusableSince = state === 'ready' ? this.#sessions?.unusableSince() : undefined
    if (unusableSince !== undefined) {
      const when = new Date(Date.now() - (performance.now() - unusableSince))
      return { state: 'unavailable', since: when, ...defined(reason), ...rest }
    }
    return { state, since, ...(state === 'ready' ? {} : defined(reason)), ...rest }
  }

  /**
   * Signs with `CKM_RSA_PKCS`.
   *
   * @param digestInfo DER
   * @throws HSM_BUSY when the queue is full or the deadline would pass in it, HSM_TIMEOUT when it passed,
   *   HSM_UNAVAILABLE when the HSM cannot sign, SIGNATURE_SELF_CHECK_FAILED when no signature verified
   */
  async sign(digestInfo: Uint8Array, { deadline, signal, verify }: SignOptions): Promise<Uint8Array> {
    if (this.#closing || signal?.aborted || this.#supervisor.isHopelessUntil(deadline)) {
      throw new HSM_UNAVAILABLE()
    }
    if (deadline <= performance.now()) {
      throw new HSM_TIMEOUT()
    }
    this.#admit(deadline)
    const job = new Job({ data: digestInfo, deadline, verify, onDeadline: (late) => this.#expire(late) })
    this.#unsettled.add(job)
    signal?.addEventListener('abort', () => this.#abandon(job), { once: true })
    this.#enqueue(job)
    try {
      return await job.signature
    } finally {
      if (job.hedged) {
        // The other session was faster
        this.#queue.remove(job)
      }
      this.#unsettled.delete(job)
    }
  }

  /** Takes no more work, finishes what it has for at most `timeoutMs`, and ends the signer process. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true
    await this.#unsettled.drained(timeoutMs)
    clearInterval(this.#ticking)
    this.#sessions?.abandon()
    await this.#supervisor.close()
  }

  #opened(key: FoundKey): void {
    const supervisor = this.#supervisor
    this.#sessions = new Sessions({
      ...this.#options,
      publicKey: this.#options.onOpened(key),
      serviceTime: this.#serviceTime,
      send: (message) => supervisor.send(message),
      onProved: () => supervisor.markReady(),
      onIdle: () => this.#dispatch(),
      onReturned: (job, failure) => this.#returned(job, failure),
      onSlow: (job) => this.#repeat(job, 'slow'),
      onDead: (reason, kind) => supervisor.replace(reason, kind),
      onMismatch: () => {
        if (key.publicKey === undefined) {
          supervisor.refuseCertificate()
        } else {
          // The certificate is that of the key: the HSM is faulty, which may pass
          supervisor.replace('test signatures do not verify', 'hsm')
        }
      },
      onPinRefused: ({ returnValue }) => supervisor.refusePin(returnValue),
    })
  }

  /** Refuses what would wait in vain. */
  #admit(deadline: number): void {
    const capacity = this.#capacity()
    if (this.#admission.isFull(capacity)) {
      throw this.status().state === 'ready' ? new HSM_BUSY() : new HSM_UNAVAILABLE()
    }
    if (this.#admission.isTooLate(deadline, capacity)) {
      throw new HSM_BUSY()
    }
  }

  #tick(): void {
    this.#sessions?.tick(performance.now())
    for (const job of this.#admission.hopeless(this.#capacity())) {
      this.#drop(job, new HSM_BUSY())
    }
  }

  #capacity(): Capacity {
    return this.#sessions?.capacity() ?? { idle: 0, signing: 0 }
  }

  /** The process has gone: what it was working on is repeated in the next one. Signing a digest twice is safe. */
  #lost(): void {
    const inFlight = this.#sessions?.abandon() ?? []
    this.#sessions = undefined
    for (const job of inFlight) {
      this.#repeat(job, 'process')
    }
    const hopeless = this.#queue.all().filter(({ deadline }) => this.#supervisor.isHopelessUntil(deadline))
    for (const job of hopeless) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  #returned(job: Job, failure: TokenFailure): void {
    job.lastFailure = failure.returnValue
    if (failure.recovery === 'permanent') {
      this.#drop(job, new HSM_UNAVAILABLE())
    } else if (failure.recovery === 'throttled' && job.mayBeRepeated) {
      this.#queue.rest(job, repeatMs(job), () => this.#repeat(job, failure.returnValue))
    } else {
      this.#repeat(job, failure.returnValue)
    }
  }

  /** @param reason for the observer */
  #repeat(job: Job, reason: string): void {
    if (job.mayBeRepeated) {
      this.#options.observer.retried(reason)
      this.#enqueue(job)
    } else if (!this.#sessions?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  #enqueue(job: Job): void {
    this.#queue.add(job)
    this.#dispatch()
  }

  #dispatch(): void {
    let job = this.#queue.first
    while (job !== undefined && this.#sessions?.lease(job)) {
      this.#queue.removeFirst()
      if (job.attempts === 1) {
        this.#options.observer.waited((performance.now() - job.arrivedAt) / 1000)
      }
      job = this.#queue.first
    }
  }

  #expire(job: Job): void {
    this.#drop(job, this.status().state === 'ready' ? new HSM_TIMEOUT() : new HSM_UNAVAILABLE())
  }

  /** The client has gone: a job that waits is dropped, one in flight ends by itself. */
  #abandon(job: Job): void {
    job.abandoned = true
    if (this.#queue.remove(job) && !this.#sessions?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** @param error unless the last that came for it was a wrong signature, which says more */
  #drop(job: Job, error: Error): void {
    this.#queue.remove(job)
    if (!job.settled) {
      job.fail(job.lastFailure === WRONG_SIGNATURE.returnValue ? new SIGNATURE_SELF_CHECK_FAILED() : error)
    }
  }
}

function defined(reason: string | undefined): { reason?: string } {
  return reason === undefined ? {} : { reason }
}
