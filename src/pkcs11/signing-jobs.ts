/** The jobs of a token on their way through its sessions: each has one session at a time, in the order of arrival. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../common/client.ts'
import type { HsmConfiguration } from '../configuration/configuration.ts'
import { HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE, SIGNATURE_SELF_CHECK_FAILED } from '../errors.ts'
import { Admission, type Capacity } from './admission.ts'
import { repeatMs } from './backoff.ts'
import { JobQueue } from './job-queue.ts'
import type { PoolObserver } from './pool-observer.ts'
import { type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import { ServiceTime } from './service-time.ts'
import type { JobSource, Sessions } from './sessions.ts'
import type { SigningInput } from './signing-input.ts'
import { SigningJob } from './signing-job.ts'

export interface SignOptions {
  /** Milliseconds of `performance.now()`; no answer comes later. */
  readonly deadline: number
  /** Who wants the signature. */
  readonly client?: Client
}

export interface SigningJobsOptions {
  readonly hsm: Pick<HsmConfiguration, 'queueLimit'>
  readonly observer: PoolObserver
  /** The sessions that are there now. */
  sessions(): Sessions | undefined
  /** Tells whether one of them signs. */
  isReady(): boolean
  /** Whether signing is out of the question until `deadline`, in ms of `performance.now()`. */
  isUnavailableUntil(deadline: number): boolean
  /** A job failed in a way for which its key may be to blame. */
  retestKey(key: number): void
}

export class SigningJobs implements JobSource {
  readonly serviceTime = new ServiceTime()
  readonly #options: SigningJobsOptions
  readonly #queue = new JobQueue()
  readonly #unsettled = new Set<SigningJob>()
  readonly #admission: Admission

  constructor(options: SigningJobsOptions) {
    this.#options = options
    this.#admission = new Admission(this.#queue, options.hsm.queueLimit, this.serviceTime)
  }

  /** How many wait for a session. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Does what `SessionPool.sign` says. */
  async sign(input: SigningInput, { deadline, client }: SignOptions): Promise<Uint8Array> {
    if (client?.hasLeft || this.#options.isUnavailableUntil(deadline)) {
      throw new HSM_UNAVAILABLE()
    }
    if (deadline <= performance.now()) {
      throw new HSM_TIMEOUT()
    }
    this.#admit(deadline)
    const job = new SigningJob(input, deadline, (late) => this.#expire(late))
    this.#unsettled.add(job)
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
        // One session was faster: the other is not to begin with it any more
        this.#take(job)
      }
      this.#unsettled.delete(job)
    }
  }

  /** Resolves when all jobs are settled, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const waiting = new AbortController()
    const settled = Promise.allSettled([...this.#unsettled].map(({ signature }) => signature))
    await Promise.race([settled, delay(timeoutMs, undefined, { signal: waiting.signal })])
    waiting.abort()
  }

  /** Refuses the jobs whose turn would come too late, and gives out others: to be called often. */
  tick(): void {
    for (const job of this.#admission.tooLate(this.#capacity())) {
      this.#drop(job, new HSM_BUSY())
    }
    this.dispatch()
  }

  /** Repeats what the process that has gone was working on in the next one. Signing a digest twice is safe. */
  lost(inFlight: readonly SigningJob[]): void {
    for (const job of inFlight) {
      this.#repeat(job, 'process')
    }
    const inVain = this.#queue.all().filter(({ deadline }) => this.#options.isUnavailableUntil(deadline))
    for (const job of inVain) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** Has a job that a session could not do repeated, unless that cannot help. */
  returned(job: SigningJob, failure: TokenFailure): void {
    job.lastFailure = failure
    if (failure.recovery === 'permanent') {
      this.#options.retestKey(job.key)
      this.#drop(job, new HSM_UNAVAILABLE({ cause: new Error(failure.returnValue) }))
    } else if (failure.recovery === 'throttled' && job.mayBeRepeated) {
      this.#queue.rest(job, repeatMs(job), () => this.#repeat(job, failure.returnValue))
    } else {
      this.#repeat(job, failure.returnValue)
    }
    // The job that the session was told of is for others now
    this.dispatch()
  }

  slow(job: SigningJob): void {
    this.#repeat(job, 'slow')
  }

  /** @param reason for the observer */
  #repeat(job: SigningJob, reason: string): void {
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

  /** Gives free sessions the jobs that wait; where there is none, tells busy sessions what comes next. */
  dispatch(): void {
    const sessions = this.#options.sessions()
    if (sessions === undefined) {
      return
    }
    let { hasIdle } = sessions
    // Each session begins with one job at most, and is told of one
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

  /** Takes a job that a session works on out of the queue. */
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

  /** Drops a job whose client has gone, unless a session works on it: then it ends by itself. */
  #abandon(job: SigningJob): void {
    job.abandoned = true
    if (this.#take(job) && !this.#options.sessions()?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** @param error what the client is told, unless the last answer was a wrong signature, which says more */
  #drop(job: SigningJob, error: Error): void {
    this.#take(job)
    if (!job.settled) {
      const wrong = job.lastFailure === WRONG_SIGNATURE
      job.fail(wrong ? new SIGNATURE_SELF_CHECK_FAILED() : error)
      if (wrong) {
        this.#options.retestKey(job.key)
      }
    }
  }

  /** Keeps all sessions from beginning with a job. Returns whether it waited. */
  #take(job: SigningJob): boolean {
    this.#options.sessions()?.withdraw(job)
    return this.#queue.remove(job)
  }

  /** Refuses a request that would wait in vain. */
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
