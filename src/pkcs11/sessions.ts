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
import { Session, type SessionState } from './session.ts'
import { TEST_DIGEST_INFO } from './test-signature.ts'

/** A request is given to sessions at most this often. */
export const MAX_ATTEMPTS = 3
/** Before a session that failed is opened again. */
const REOPEN_MS = 1_000
/** A session that is still opening after this time hangs. */
const OPENING_MS = 30_000

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
    this.#sessions = Array.from(
      { length: options.count },
      (_, number) => new Session(number, options.send, options.timeoutMs, (late) => this.#lose(late)),
    )
    const interval = Math.min(options.keepAliveMs, OPENING_MS) / 2
    this.#keepAlive = setInterval(() => this.#exercise(), interval).unref()
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
    session.enter('busy')
    session.sign(job)
    return true
  }

  hasIdle(): boolean {
    return this.#sessions.some(({ state }) => state === 'idle')
  }

  /**
   * A job's deadline passed. A session that works on it goes on for nobody: it may have been given the job at the last
   * moment, which does not make it a zombie.
   */
  expire(job: Job): void {
    this.#sessions.find((session) => session.job === job)?.takeJob()
  }

  /** Ends the bookkeeping. Returns what was in flight. */
  abandon(): Job[] {
    clearInterval(this.#keepAlive)
    const inFlight: Job[] = []
    for (const session of this.#sessions) {
      const job = session.abandon()
      if (job?.data === TEST_DIGEST_INFO) {
        job.fail(new HSM_UNAVAILABLE())
      } else if (job !== undefined) {
        inFlight.push(job)
      }
    }
    return inFlight
  }

  receive(message: FromSession): void {
    const session = this.#sessions[message.session]
    if (!session?.accepts(message.ticket)) {
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
        session.reopen()
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
    this.#startNext()
    const job = session.takeJob()
    if (job === undefined) {
      this.#test(session, 'opening')
    } else {
      session.enter('busy')
      session.sign(job)
    }
  }

  #openFailed(session: Session, failure: TokenFailure): void {
    this.#options.log.warn({ session: session.number, ...failure }, 'a session could not be opened')
    this.#startNext()
    if (failure.recovery === 'log-in') {
      this.#logIn()
    }
    const job = session.takeJob()
    this.#retire(session, `a session cannot be opened (${failure.returnValue})`)
    if (job !== undefined) {
      this.#options.onReturned(job, failure)
    }
  }

  /** Sessions are opened for the first time one after another: the time of those that wait begins now. */
  #startNext(): void {
    for (const waiting of this.#sessions) {
      if (waiting.ticket === 0) {
        waiting.since = performance.now()
      }
    }
  }

  #signed(session: Session, signature: Uint8Array): void {
    const job = session.takeJob()
    job?.succeed(signature)
    if (session.state === 'zombie') {
      // It came back after all, but what it holds is in doubt
      session.reopen()
    } else if (job?.data === TEST_DIGEST_INFO) {
      this.#tested(session, signature)
    } else {
      this.#release(session)
    }
  }

  #signFailed(session: Session, failure: TokenFailure): void {
    this.#options.log.warn({ session: session.number, ...failure }, 'a signing call failed')
    if (failure.recovery === 'log-in' && session.openedAt >= this.#loggedInAt) {
      this.#logIn()
    }
    const job = session.takeJob()
    const temporary = failure.recovery === 'throttled'
    if (job === undefined) {
      session.reopen()
    } else if (job.data === TEST_DIGEST_INFO) {
      job.fail(new HSM_UNAVAILABLE())
      this.#testFailed(session, failure)
    } else if (temporary || failure.recovery === 'permanent') {
      this.#release(session)
      this.#options.onReturned(job, failure)
    } else {
      session.reopen()
      if (job.attempts < MAX_ATTEMPTS) {
        // The job stays with its session, which comes back fresh: another one may be as stale as this one was
        session.job = job
      } else {
        this.#options.onReturned(job, failure)
      }
    }
  }

  #test(session: Session, state: SessionState): void {
    const deadline = performance.now() + this.#options.timeoutMs
    const job = new Job(TEST_DIGEST_INFO, deadline, (late) => late.fail(new HSM_UNAVAILABLE()))
    // What became of a test shows in the session's state
    job.signature.catch(() => {})
    session.enter(state)
    session.sign(job)
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

  /** A session that has just been opened waits before it tries again; one that was in use is opened anew at once. */
  #testFailed(session: Session, failure: TokenFailure): void {
    if (session.state === 'opening') {
      this.#retire(session, `a test signature failed (${failure.returnValue})`)
    } else if (failure.recovery === 'throttled') {
      this.#release(session)
    } else {
      session.reopen()
    }
  }

  #release(session: Session): void {
    if (session.openedAt < this.#loggedInAt) {
      session.reopen()
      return
    }
    session.enter('idle')
    this.#options.onIdle()
  }

  /** Gives a failed session another try later. */
  #retire(session: Session, reason: string): void {
    session.enter('opening')
    session.failed = true
    const { ticket } = session
    setTimeout(() => session.ticket === ticket && session.failed && session.reopen(), REOPEN_MS).unref()
    if (!this.#loggingIn) {
      this.#checkAlive(reason)
    }
  }

  /** Its call may never return; too many of them, and the process is lost. */
  #lose(session: Session): void {
    session.takeJob()
    session.enter('zombie')
    this.#options.log.error({ session: session.number }, 'a session did not answer in time')
    if (this.count().zombie > this.#sessions.length / 2) {
      this.#options.onDead('sessions do not answer')
    } else {
      this.#checkAlive('sessions do not answer')
    }
  }

  /** When no session works any more, the process is lost. */
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

  /** Readiness is a recent signature: the sessions that nobody used make one. Those that hang in opening are found. */
  #exercise(): void {
    const now = performance.now()
    for (const session of this.#sessions) {
      const { state, since, failed, job } = session
      if (state === 'idle' && now - since >= this.#options.keepAliveMs / 2) {
        this.#test(session, 'busy')
      } else if (state === 'opening' && !failed && job === undefined && now - since > OPENING_MS) {
        this.#lose(session)
      }
    }
  }
}
