/** Requests for signatures on their way through the sessions of a token: one session each at a time, in their order. */
import type { Client } from '../common/client.ts'
import type { HsmConfiguration } from '../configuration/configuration.ts'
import { HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE, SIGNATURE_SELF_CHECK_FAILED } from '../errors.ts'
import { Admission, type Capacity } from './admission.ts'
import { repeatMs } from './backoff.ts'
import { SigningJob } from './signing-job.ts'
import { JobQueue } from './job-queue.ts'
import type { SignOrder } from './messages.ts'
import type { PoolObserver } from './pool-observer.ts'
import { type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import { ServiceTime } from './service-time.ts'
import type { Sessions } from './sessions.ts'
import { UnsettledJobs } from './unsettled-jobs.ts'

export interface SignOptions {
  /** Milliseconds of `performance.now()`; no answer comes later. */
  readonly deadline: number
  /** Who wants the signature. */
  readonly client?: Client
  /** Whether a signature is the right one: no other is returned. */
  verify(signature: Uint8Array): boolean
}

export interface SigningJobsOptions {
  readonly hsm: Pick<HsmConfiguration, 'queueLimit'>
  readonly observer: PoolObserver
  /** Those that are there now. */
  sessions(): Sessions | undefined
  /** Whether there is any that signs. */
  isReady(): boolean
  /** Whether signing is out of the question until then, in milliseconds of `performance.now()`. */
  isUnavailableUntil(deadline: number): boolean
  /** A request failed in a way for which its key may be to blame. */
  retestKey(key: number): void
}

export class SigningJobs {
  readonly serviceTime = new ServiceTime()
  readonly #options: SigningJobsOptions
  readonly #queue = new JobQueue()
  readonly #unsettled = new UnsettledJobs()
  readonly #admission: Admission

  constructor(options: SigningJobsOptions) {
    this.#options = options
    this.#admission = new Admission(this.#queue, options.hsm.queueLimit, this.serviceTime)
  }

  /** How many wait for a session. */
  get waiting(): number {
    return this.#queue.length
  }

  /** As `SessionPool.sign`. */
  async sign(
    { key, mechanism, data }: SignOrder,
    { deadline, client, verify }: SignOptions,
  ): Promise<Uint8Array> {
    if (client?.hasLeft || this.#options.isUnavailableUntil(deadline)) {
      throw new HSM_UNAVAILABLE()
    }
    if (deadline <= performance.now()) {
      throw new HSM_TIMEOUT()
    }
    this.#admit(deadline)
    const onDeadline = (late: SigningJob) => this.#expire(late)
    const job = new SigningJob({ key, mechanism, data, deadline, verify, onDeadline })
    this.#unsettled.add()
    client?.onLeave(() => this.#abandon(job))
    this.#enqueue(job)
    try {
      const signature = await job.signature
      if (client !== undefined) {
        client.signed = true
      }
      return signature
    } finally {
      if (job.hedged) {
        // The other session was faster
        this.#take(job)
      }
      this.#unsettled.settled()
    }
  }

  /** Settles when all are done, or after that time. */
  drained(timeoutMs: number): Promise<void> {
    return this.#unsettled.drained(timeoutMs)
  }

  /** What time brings. */
  tick(): void {
    for (const job of this.#admission.tooLate(this.#capacity())) {
      this.#drop(job, new HSM_BUSY())
    }
    this.dispatch()
  }

  /** The process has gone: what it was working on is repeated in the next one. Signing a digest twice is safe. */
  lost(inFlight: readonly SigningJob[]): void {
    for (const job of inFlight) {
      this.repeat(job, 'process')
    }
    const hopeless = this.#queue.all().filter(({ deadline }) => this.#options.isUnavailableUntil(deadline))
    for (const job of hopeless) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** A session could not do it. */
  returned(job: SigningJob, failure: TokenFailure): void {
    job.lastFailure = failure.returnValue
    if (failure.recovery === 'permanent') {
      this.#options.retestKey(job.key)
      this.#drop(job, new HSM_UNAVAILABLE({ cause: new Error(failure.returnValue) }))
    } else if (failure.recovery === 'throttled' && job.mayBeRepeated) {
      this.#queue.rest(job, repeatMs(job), () => this.repeat(job, failure.returnValue))
    } else {
      this.repeat(job, failure.returnValue)
    }
    // What the session was told of is for others now
    this.dispatch()
  }

  /** @param reason for the observer */
  repeat(job: SigningJob, reason: string): void {
    if (job.mayBeRepeated) {
      this.#options.observer.retried(reason)
      this.#enqueue(job)
    } else if (!this.#options.sessions()?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  #enqueue(job: SigningJob): void {
    this.#queue.add(job)
    this.dispatch()
  }

  /** Gives free sessions what waits; where there is none, tells those that are busy what comes next. */
  dispatch(): void {
    const sessions = this.#options.sessions()
    if (sessions === undefined) {
      return
    }
    let { hasIdle } = sessions
    // At most one that begins and one that is announced for each session
    for (const job of this.#queue.ready(2 * sessions.size + 1)) {
      if (job.settled) {
        continue
      }
      if (hasIdle && (!job.announced || sessions.isHeldUp(job)) && sessions.lease(job)) {
        this.begun(job)
        hasIdle = sessions.hasIdle
      } else if (!job.announced && !sessions.announce(job)) {
        return
      }
    }
  }

  /** A session works on it. */
  begun(job: SigningJob): void {
    this.#queue.remove(job)
    job.attempts += 1
    if (job.attempts === 1) {
      this.#options.observer.waited((performance.now() - job.arrivedAt) / 1000)
    }
  }

  #expire(job: SigningJob): void {
    this.#drop(job, this.#options.isReady() ? new HSM_TIMEOUT() : new HSM_UNAVAILABLE())
  }

  /** The client has gone: a job that waits is dropped, one in flight ends by itself. */
  #abandon(job: SigningJob): void {
    job.abandoned = true
    if (this.#take(job) && !this.#options.sessions()?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** @param error unless the last that came for it was a wrong signature, which says more */
  #drop(job: SigningJob, error: Error): void {
    this.#take(job)
    if (!job.settled) {
      const wrong = job.lastFailure === WRONG_SIGNATURE.returnValue
      job.fail(wrong ? new SIGNATURE_SELF_CHECK_FAILED() : error)
      if (wrong) {
        this.#options.retestKey(job.key)
      }
    }
  }

  /** Nobody is to begin with it. Returns whether it waited. */
  #take(job: SigningJob): boolean {
    this.#options.sessions()?.withdraw(job)
    return this.#queue.remove(job)
  }

  /** Refuses what would wait in vain. */
  #admit(deadline: number): void {
    const capacity = this.#capacity()
    if (this.#admission.isFull(capacity)) {
      throw this.#options.isReady() ? new HSM_BUSY() : new HSM_UNAVAILABLE()
    }
    if (this.#admission.isTooLate(deadline, capacity)) {
      throw new HSM_BUSY()
    }
  }

  #capacity(): Capacity {
    return this.#options.sessions()?.capacity() ?? { idle: 0, signing: 0 }
  }
}
