/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which prove themselves by a test
 * signature, which must be replaced, and when all of them are lost.
 */
import type { KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import { HSM_UNAVAILABLE } from '../errors.ts'
import { verifyDigestInfo } from '../signature/verification.ts'
import { Job } from './job.ts'
import type { FromSession, ToSignerProcess } from './messages.ts'
import type { TokenFailure } from './return-values.ts'
import { TEST_DIGEST_INFO } from './test-signature.ts'

/** A request is given to sessions at most this often. */
export const MAX_ATTEMPTS = 3
/** Before a session that failed is opened again. */
const REOPEN_MS = 1_000
/** A session that is still opening after this time hangs. */
const OPENING_MS = 30_000

/**
 * - `opening`: no session yet, or one that has not proved itself by a test signature
 * - `idle`, `busy`: open and proved
 * - `zombie`: its call outlived the deadline and may never return; it gets no work until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

interface Session {
  readonly number: number
  state: SessionState
  /** The last order; answers to older ones are dropped. */
  ticket: number
  /** What it is working on, test signatures included. */
  job: Job | undefined
  /** Whether it could not be opened and waits for another try. */
  failed: boolean
  /** When the state began. Milliseconds of `performance.now()`, as all times here. */
  since: number
  openedAt: number
}

export interface SessionsOptions {
  /** What test signatures must verify with. */
  readonly publicKey: KeyObject
  readonly count: number
  readonly timeoutMs: number
  readonly keepAliveMs: number
  readonly log: BaseLogger
  send(message: ToSignerProcess): void
  /** A test signature verified. */
  onProved(): void
  /** A session is free. */
  onIdle(): void
  /** The session could not do this job, another one may. */
  onReturned(job: Job, failure: TokenFailure): void
  /** Nothing works any more inside this process. */
  onDead(reason: string): void
  /** The token refused the PIN when the login was repeated. */
  onPinRefused(failure: TokenFailure): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: readonly Session[]
  readonly #keepAlive: NodeJS.Timeout
  #loggedInAt = 0
  #loggingIn = false

  constructor(options: SessionsOptions) {
    this.#options = options
    const since = performance.now()
    this.#sessions = Array.from({ length: options.count }, (_, number) => {
      return { number, state: 'opening', ticket: 0, job: undefined, failed: false, since, openedAt: 0 }
    })
    this.#keepAlive = setInterval(
      () => this.#exercise(),
      Math.min(options.keepAliveMs, OPENING_MS) / 2,
    ).unref()
  }

  count(): Record<SessionState, number> {
    const counts = { opening: 0, idle: 0, busy: 0, zombie: 0 }
    for (const { state } of this.#sessions) {
      counts[state] += 1
    }
    return counts
  }

  /** Gives the job to a free session, if there is one. */
  lease(job: Job): boolean {
    const session = this.#sessions.find(({ state }) => state === 'idle')
    if (session === undefined) {
      return false
    }
    this.#enter(session, 'busy')
    this.#sign(session, job)
    return true
  }

  hasIdle(): boolean {
    return this.#sessions.some(({ state }) => state === 'idle')
  }

  /** A job's deadline passed. If a session works on it, that is a zombie now; too many, and the process is lost. */
  expire(job: Job): void {
    const session = this.#sessions.find((one) => one.job === job)
    if (session === undefined) {
      return
    }
    this.#enter(session, 'zombie')
    this.#options.log.error({ session: session.number }, 'a session did not answer before the deadline')
    if (this.count().zombie > this.#sessions.length / 2) {
      this.#options.onDead('sessions do not answer')
    } else {
      this.#checkAlive('sessions do not answer')
    }
  }

  /** Ends the bookkeeping. Returns what was in flight. */
  abandon(): Job[] {
    clearInterval(this.#keepAlive)
    return this.#sessions.flatMap((session) => {
      const { job } = session
      session.job = undefined
      session.ticket = -1
      if (job?.data === TEST_DIGEST_INFO) {
        job.fail(new HSM_UNAVAILABLE())
      }
      return job === undefined || job.settled ? [] : [job]
    })
  }

  receive(message: FromSession): void {
    const session = this.#sessions[message.session]
    if (session === undefined || session.ticket !== message.ticket) {
      return
    }
    switch (message.type) {
      case 'session-opened':
        return this.#opened(session)
      case 'session-failed':
        return this.#openFailed(session, message.failure)
      case 'signed':
        return this.#signed(session, message.signature)
      case 'sign-failed':
        return this.#signFailed(session, message.failure)
    }
  }

  /** The one login was repeated: handles from before it are stale. */
  loggedIn(): void {
    this.#loggingIn = false
    this.#loggedInAt = performance.now()
    for (const session of this.#sessions) {
      if (session.state === 'idle' || session.failed) {
        this.#reopen(session)
      }
    }
  }

  logInFailed(failure: TokenFailure): void {
    this.#loggingIn = false
    if (failure.recovery === 'pin') {
      this.#options.onPinRefused(failure)
    } else {
      this.#options.onDead(`the login failed (${failure.returnValue})`)
    }
  }

  /** A job that waited for its session to be replaced goes on with it; otherwise the session proves itself first. */
  #opened(session: Session): void {
    session.openedAt = performance.now()
    if (session.job !== undefined && !session.job.settled) {
      this.#enter(session, 'busy')
      this.#sign(session, session.job)
    } else {
      this.#test(session, 'opening')
    }
  }

  #openFailed(session: Session, failure: TokenFailure): void {
    this.#options.log.warn({ session: session.number, ...failure }, 'a session could not be opened')
    const job = this.#takeJob(session)
    this.#retire(session, `a session cannot be opened (${failure.returnValue})`)
    if (failure.recovery === 'log-in') {
      this.#logIn()
    }
    if (job !== undefined) {
      this.#options.onReturned(job, failure)
    }
  }

  #signed(session: Session, signature: Uint8Array): void {
    const { state, job } = session
    session.job = undefined
    if (state === 'zombie') {
      // It came back after all, but what it holds is in doubt
      this.#reopen(session)
    } else if (job?.data === TEST_DIGEST_INFO) {
      job.succeed(signature)
      this.#tested(session, signature)
    } else {
      this.#release(session)
      if (job !== undefined && !job.settled) {
        job.succeed(signature)
      }
    }
  }

  #signFailed(session: Session, failure: TokenFailure): void {
    this.#options.log.warn({ session: session.number, ...failure }, 'a signing call failed')
    const { job } = session
    if (failure.recovery === 'log-in' && session.openedAt >= this.#loggedInAt) {
      this.#logIn()
    }
    const exhausted = job === undefined || job.settled || job.attempts >= MAX_ATTEMPTS
    if (failure.recovery === 'permanent' || failure.recovery === 'throttled' || exhausted) {
      session.job = undefined
    }
    if (failure.recovery === 'permanent' || failure.recovery === 'throttled') {
      this.#release(session)
    } else {
      // The job stays with its session, which comes back fresh: another one may be as stale as this one was
      this.#reopen(session)
    }
    if (session.job !== job && job !== undefined) {
      this.#options.onReturned(job, failure)
    }
  }

  #test(session: Session, state: SessionState): void {
    const deadline = performance.now() + this.#options.timeoutMs
    const job = new Job(TEST_DIGEST_INFO, deadline, (late) => {
      late.fail(new HSM_UNAVAILABLE())
      this.expire(late)
    })
    // What became of a test shows in the session's state
    job.signature.catch(() => {})
    this.#enter(session, state)
    this.#sign(session, job)
  }

  #tested(session: Session, signature: Uint8Array): void {
    if (verifyDigestInfo(this.#options.publicKey, TEST_DIGEST_INFO, signature)) {
      this.#options.onProved()
      this.#release(session)
    } else {
      const reason = 'a test signature does not verify with the signer certificate'
      this.#options.log.error({ session: session.number }, reason)
      this.#retire(session, reason)
    }
  }

  #sign(session: Session, job: Job): void {
    session.job = job
    job.attempts += 1
    session.ticket += 1
    this.#options.send({ type: 'sign', session: session.number, ticket: session.ticket, data: job.data })
  }

  #release(session: Session): void {
    if (session.openedAt < this.#loggedInAt) {
      this.#reopen(session)
      return
    }
    this.#enter(session, 'idle')
    this.#options.onIdle()
  }

  #reopen(session: Session): void {
    this.#enter(session, 'opening')
    session.ticket += 1
    this.#options.send({ type: 'reopen', session: session.number, ticket: session.ticket })
  }

  /** Gives a failed session another try later; when none works any more, the process is lost. */
  #retire(session: Session, reason: string): void {
    this.#enter(session, 'opening')
    session.failed = true
    const { ticket } = session
    setTimeout(() => session.ticket === ticket && session.failed && this.#reopen(session), REOPEN_MS).unref()
    this.#checkAlive(reason)
  }

  #checkAlive(reason: string): void {
    if (this.#sessions.every(({ state, failed }) => state === 'zombie' || failed)) {
      this.#options.onDead(reason)
    }
  }

  #logIn(): void {
    if (!this.#loggingIn) {
      this.#loggingIn = true
      this.#options.send({ type: 'log-in' })
    }
  }

  #enter(session: Session, state: SessionState): void {
    session.state = state
    session.failed = false
    session.since = performance.now()
  }

  #takeJob(session: Session): Job | undefined {
    const { job } = session
    session.job = undefined
    return job
  }

  /** Readiness is a recent signature: the sessions that nobody used make one. Those that hang in opening are found. */
  #exercise(): void {
    const now = performance.now()
    for (const session of this.#sessions) {
      if (session.state === 'idle' && now - session.since >= this.#options.keepAliveMs / 2) {
        this.#test(session, 'busy')
      }
    }
    if (this.#sessions.every(({ state, since }) => state === 'opening' && now - since > OPENING_MS)) {
      this.#options.onDead('sessions do not open')
    }
  }
}
