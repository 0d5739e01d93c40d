/**
 * The jobs of a token on their way through its sessions: each has one session at a time. Owners take turns, with one job
 * in each, and the jobs of one owner are signed in the order of arrival: so one who asks for much keeps nobody waiting.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '../../common/client.ts'
import { removeFrom } from '../../common/remove-from.ts'
import type { Trace } from '../../common/trace.ts'
import { HSM_BUSY, HSM_TIMEOUT, HSM_UNAVAILABLE, SIGNATURE_SELF_CHECK_FAILED } from '../../errors.ts'
import { type TokenFailure, WRONG_SIGNATURE } from '../return-values.ts'
import type { SigningInput } from '../signing-input.ts'
import type { PoolObserver } from './pool-options.ts'
import { ServiceTime } from './service-time.ts'
import type { JobSource, Sessions } from './sessions.ts'
import { SigningJob } from './signing-job.ts'
import { repeatMs } from './waits.ts'

export interface SignOptions {
  /** Milliseconds of `performance.now()`; no answer comes later. */
  readonly deadline: number
  /** Who wants the signature. */
  readonly client?: Client
  /** On whose account it is wanted: a word that is compared and nothing else. Those without one are one owner. */
  readonly owner?: string
  /** The trace that the request belongs to. */
  readonly trace?: Trace
}

/** Jobs that may wait while nothing has been signed for so long that others have waited in vain. */
const AWAY_LIMIT = 64

export interface SigningJobsOptions {
  /** Jobs that may wait. */
  readonly limit: number
  readonly observer: PoolObserver
  /** Tells whether a session signs. */
  isReady(): boolean
  /** Tells whether no session has signed for longer than a request waits. Each that waits keeps a connection of its caller's. */
  isAway(): boolean
  /** Whether signing is out of the question until `deadline`, in ms of `performance.now()`. */
  isUnavailableUntil(deadline: number): boolean
  /** A job failed in a way for which its key may be to blame. */
  retestKey(key: number): void
}

export class SigningJobs implements JobSource {
  readonly serviceTime = new ServiceTime()
  /** Those that are there now. */
  sessions: Sessions | undefined
  readonly #options: SigningJobsOptions
  /** Jobs that wait for a session, by their turns, and in each turn by their deadlines. */
  readonly #queue: SigningJob[] = []
  /** The latest turn of which a job has begun. */
  #turn = 0
  readonly #unsettled: SigningJob[] = []

  constructor(options: SigningJobsOptions) {
    this.#options = options
  }

  /** How many wait for a session. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Does what `SessionPool.sign` says. */
  async sign(input: SigningInput, { deadline, client, owner, trace }: SignOptions): Promise<Uint8Array> {
    if (client?.hasLeft || this.#options.isUnavailableUntil(deadline)) {
      throw new HSM_UNAVAILABLE()
    }
    if (deadline <= performance.now()) {
      throw new HSM_TIMEOUT()
    }
    const turn = this.#nextTurn(owner)
    this.#admit(turn, deadline)
    const job = new SigningJob(input, deadline, (late) => this.#expire(late), { owner, turn, trace })
    this.#unsettled.push(job)
    client?.onLeave(() => this.#abandon(job))
    this.#enqueue(job)
    try {
      const signature = await job.signature
      if (client !== undefined) {
        client.signed = true
      }
      return signature
    } finally {
      removeFrom(this.#unsettled, job)
    }
  }

  /** Resolves when all jobs are settled, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const waiting = new AbortController()
    const settled = Promise.allSettled(this.#unsettled.map(({ signature }) => signature))
    await Promise.race([settled, delay(timeoutMs, undefined, { signal: waiting.signal })])
    waiting.abort()
  }

  /** Refuses the jobs whose turn would come too late, and gives out others: to be called often. */
  tick(): void {
    const { signing } = this.#capacity()
    let ahead = 0
    for (const job of this.#ready()) {
      // A session already works on a hedged job; a job that is late already is refused by its own timer
      const isPending = !job.hedged && job.deadline > performance.now()
      if (isPending && this.#isTooLate(job.deadline, ahead, signing)) {
        this.#drop(job, new HSM_BUSY())
      } else {
        ahead += 1
      }
    }
    this.dispatch()
  }

  /** Repeats what the process that has gone was working on in the next one. Signing a digest twice is safe. */
  lost(): void {
    const inFlight = this.sessions?.abandon() ?? []
    this.sessions = undefined
    for (const job of inFlight) {
      this.repeat(job, 'process')
    }
    for (const job of this.#unsettled) {
      this.leftOut(job)
    }
    for (const job of [...this.#queue]) {
      if (this.#options.isUnavailableUntil(job.deadline)) {
        this.#drop(job, new HSM_UNAVAILABLE())
      }
    }
  }

  signed(job: SigningJob, signature: Uint8Array): void {
    // If two sessions had it, the other one must not begin with it any more
    this.#take(job)
    job.succeed(signature)
  }

  leftOut(job: SigningJob): void {
    if (job.abandoned && !this.sessions?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** Has a job that a session could not do repeated, unless that cannot help. */
  returned(job: SigningJob, failure: TokenFailure): void {
    job.lastFailure = failure
    if (failure.recovery === 'permanent') {
      this.#options.retestKey(job.key)
      this.#drop(job, new HSM_UNAVAILABLE({ cause: new Error(failure.returnValue) }))
    } else {
      if (failure.recovery === 'throttled') {
        job.restsUntil = performance.now() + repeatMs(job.attempts, job.deadline)
      }
      this.repeat(job, failure.returnValue)
    }
    // The job that the session was told of is for others now
    this.dispatch()
  }

  /** Has a job given to a session again, unless that was done too often. */
  repeat(job: SigningJob, reason: string): void {
    if (job.mayBeRepeated) {
      this.#options.observer.retried(reason)
      this.#enqueue(job)
    } else if (!this.sessions?.has(job)) {
      this.#drop(job, new HSM_UNAVAILABLE())
    }
  }

  /** Returns the turn of an owner's next job: the one after his last, but none that has begun. */
  #nextTurn(owner: string | undefined): number {
    const last = this.#queue.findLast((job) => job.owner === owner)
    return Math.max(this.#turn, last?.turn ?? 0) + 1
  }

  /** Returns the place in the queue by turn and, within one, by deadline, which is the order of arrival. */
  #placeOf({ turn, deadline }: Pick<SigningJob, 'turn' | 'deadline'>): number {
    const isBefore = (job: SigningJob) => job.turn < turn || (job.turn === turn && job.deadline <= deadline)
    return this.#queue.findLastIndex(isBefore) + 1
  }

  /** Puts a job into the queue. One that is repeated gets its old place. */
  #enqueue(job: SigningJob): void {
    if (job.hedged) {
      // It may wait already, as two sessions work on it
      this.#take(job)
    }
    this.#queue.splice(this.#placeOf(job), 0, job)
    this.dispatch()
  }

  /** Gives free sessions the jobs that wait; where there is none, tells busy sessions what comes next. */
  dispatch(): void {
    const { sessions } = this
    if (sessions === undefined) {
      return
    }
    // Each session begins with one job at most, and is told of one
    let { hasIdle } = sessions
    for (const job of this.#ready(2 * sessions.size + 1)) {
      if (hasIdle && sessions.lease(job)) {
        this.begun(job)
        hasIdle = sessions.hasIdle
      } else if (!sessions.announce(job)) {
        return
      }
    }
  }

  /** Returns the first jobs that may have the next session, in their order; all unless there is a limit. */
  #ready(limit = this.#queue.length): SigningJob[] {
    const now = performance.now()
    const ready: SigningJob[] = []
    for (const job of this.#queue) {
      if (ready.length === limit) {
        break
      }
      if (job.restsUntil <= now) {
        ready.push(job)
      }
    }
    return ready
  }

  /** Takes a job that a session works on out of the queue. */
  begun(job: SigningJob): void {
    this.#take(job)
    this.#turn = Math.max(this.#turn, job.turn)
    job.attempts += 1
    if (job.attempts === 1) {
      this.#options.observer.waited((performance.now() - job.arrivedAt) / 1000, job.trace)
    }
  }

  #expire(job: SigningJob): void {
    this.#drop(job, this.#options.isReady() ? new HSM_TIMEOUT() : new HSM_UNAVAILABLE())
  }

  /** Drops a job whose client has gone, unless a session may have begun with it: then it ends with what that answers. */
  #abandon(job: SigningJob): void {
    job.abandoned = true
    this.#take(job)
    this.leftOut(job)
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
    this.sessions?.withdraw(job)
    const place = this.#queue.indexOf(job)
    if (place >= 0) {
      this.#queue.splice(place, 1)
    }
    return place >= 0
  }

  /** Refuses a request that would wait in vain. A full queue has room for it if a job of a later turn can go. */
  #admit(turn: number, deadline: number): void {
    const { idle, signing } = this.#capacity()
    const ahead = this.#placeOf({ turn, deadline })
    // Jobs that wait to be repeated get free sessions before a new one
    const waiting = this.#queue.length - idle
    const isFull = waiting >= this.#options.limit || (waiting >= AWAY_LIMIT && this.#options.isAway())
    // One that a session has begun with before has an earlier turn
    const last = isFull ? this.#queue.at(-1) : undefined
    if (isFull && (last === undefined || last.turn <= turn)) {
      throw this.#createFull()
    }
    if (ahead >= idle && this.#isTooLate(deadline, ahead, signing)) {
      throw new HSM_BUSY()
    }
    if (last !== undefined) {
      this.#drop(last, this.#createFull())
    }
  }

  #createFull(): Error {
    return this.#options.isReady() ? new HSM_BUSY() : new HSM_UNAVAILABLE()
  }

  /** Returns whether a job that so many are ahead of would have its signature after its deadline. */
  #isTooLate(deadline: number, ahead: number, sessions: number): boolean {
    return performance.now() + this.serviceTime.untilSigned(ahead, sessions) > deadline
  }

  #capacity(): ReturnType<Sessions['capacity']> {
    return this.sessions?.capacity() ?? { idle: 0, signing: 0 }
  }
}
