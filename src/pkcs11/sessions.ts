/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which prove themselves by a test
 * signature, which must be replaced, and when all of them are lost.
 */
import type { KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import { HSM_UNAVAILABLE } from '../errors.ts'
import { verifyDigestInfo } from '../signature/verification.ts'
import { backoffMs } from './backoff.ts'
import type { Job } from './job.ts'
import { Login } from './login.ts'
import type { FromSession, ToSignerProcess } from './messages.ts'
import { ProofClock } from './proof-clock.ts'
import type { TokenFailure } from './return-values.ts'
import { Session, type SessionState } from './session.ts'
import { createTestJob, TEST_DIGEST_INFO } from './test-signature.ts'

/** A request is given to sessions at most this often. */
export const MAX_ATTEMPTS = 3
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
  /** Nothing works any more inside this process. Called at most once; nothing else is called after it. */
  onDead(reason: string): void
  /** The token refused the PIN when the login was repeated. */
  onPinRefused(failure: TokenFailure): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: readonly Session[]
  readonly #keepAliveTimer: NodeJS.Timeout
  readonly #exerciseMs: number
  #exercisedAt = performance.now()
  readonly #proof: ProofClock
  readonly #login: Login
  #ended = false

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#sessions = Array.from(
      { length: options.count },
      (_, number) => new Session(number, options.send, options.timeoutMs, (late) => this.#lose(late)),
    )
    this.#proof = new ProofClock(options.keepAliveMs)
    this.#login = new Login(() => options.send({ type: 'log-in' }))
    this.#exerciseMs = Math.min(options.keepAliveMs, OPENING_MS) / 2
    this.#keepAliveTimer = setInterval(() => this.#exercise(), this.#exerciseMs).unref()
  }

  count(): Record<SessionState, number> {
    const counts = { opening: 0, idle: 0, busy: 0, zombie: 0 }
    for (const { state } of this.#sessions) {
      counts[state] += 1
    }
    return counts
  }

  /** What went wrong since the last signature came back. */
  get lastFailure(): string | undefined {
    return this.#proof.lastFailure
  }

  /** Whether a session can sign, and signatures came back lately. */
  isUsable(): boolean {
    const { idle, busy } = this.count()
    return idle + busy > 0 && !this.#proof.isOverdue()
  }

  /** Gives the job to a free session, if there is one. */
  lease(job: Job): boolean {
    const session = this.#sessions.find(({ state }) => state === 'idle')
    if (session === undefined || this.#ended) {
      return false
    }
    session.enter('busy')
    session.sign(job)
    return true
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
    this.#end()
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
    if (this.#ended || !session?.accepts(message.ticket)) {
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
    this.#login.succeed()
    for (const session of this.#sessions) {
      if (session.state === 'idle' && !this.#ended) {
        session.reopen()
      }
    }
  }

  logInFailed(failure: TokenFailure): void {
    if (failure.recovery === 'pin') {
      this.#options.onPinRefused(failure)
    } else {
      this.#die(`the login failed (${failure.returnValue})`)
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
    const stale = failure.recovery === 'log-in' && this.#login.isAfter(session.since)
    this.#startNext()
    if (stale) {
      session.reopen()
      return
    }
    this.#note(session, failure, 'a session cannot be opened')
    if (failure.recovery === 'log-in' && !this.#logIn()) {
      return
    }
    const job = session.takeJob()
    if (job !== undefined) {
      this.#options.onReturned(job, failure)
    }
    this.#retire(session, `a session cannot be opened (${failure.returnValue})`)
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
    session.lastFailure = undefined
    if (session.state === 'zombie') {
      // It came back after all, but what it holds is in doubt
      session.reopen()
    } else if (job?.data === TEST_DIGEST_INFO) {
      this.#tested(session, signature)
    } else {
      this.#prove()
      this.#release(session)
    }
  }

  #signFailed(session: Session, failure: TokenFailure): void {
    this.#note(session, failure, 'a signing call failed')
    if (failure.recovery === 'log-in' && !this.#login.isAfter(session.openedAt) && !this.#logIn()) {
      return
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
    session.enter(state)
    session.sign(createTestJob(this.#options.timeoutMs))
  }

  #tested(session: Session, signature: Uint8Array): void {
    if (verifyDigestInfo(this.#options.publicKey, TEST_DIGEST_INFO, signature)) {
      session.failures = 0
      this.#prove()
      this.#options.onProved()
      this.#release(session)
    } else {
      const reason = 'a test signature does not verify with the signer certificate'
      this.#options.log.error({ session: session.number }, reason)
      this.#proof.fail(reason)
      this.#retire(session, reason)
    }
  }

  /** A session that has just been opened waits before it tries again; one that was in use is opened anew at once. */
  #testFailed(session: Session, failure: TokenFailure): void {
    if (session.state === 'opening' && !this.#login.isAfter(session.openedAt)) {
      this.#retire(session, `a test signature failed (${failure.returnValue})`)
    } else if (failure.recovery === 'throttled') {
      this.#release(session)
    } else {
      session.reopen()
    }
  }

  #release(session: Session): void {
    if (this.#login.isAfter(session.openedAt)) {
      session.reopen()
      return
    }
    session.enter('idle')
    this.#options.onIdle()
  }

  /** Gives a failed session another try, the later the more often it failed. */
  #retire(session: Session, reason: string): void {
    session.fail()
    const { ticket } = session
    const reopen = () => !this.#ended && session.ticket === ticket && session.reopen()
    setTimeout(reopen, backoffMs(session.failures)).unref()
    if (!this.#login.running) {
      this.#checkAlive(reason)
    }
  }

  /** Its call may never return; too many of them, and the process is lost. */
  #lose(session: Session): void {
    if (this.#ended) {
      return
    }
    const reason = 'sessions do not answer'
    this.#proof.fail(reason)
    session.takeJob()
    session.enter('zombie')
    this.#options.log.error({ session: session.number }, 'a session did not answer in time')
    if (this.count().zombie > this.#sessions.length / 2) {
      this.#die(reason)
    } else {
      this.#checkAlive(reason)
    }
  }

  /** When every session failed since it last signed, the process is lost, even if some are being opened again. */
  #checkAlive(reason: string): void {
    const failed = ({ failures, failedAt }: Session) => failures > 0 && !this.#login.isAfter(failedAt)
    if (this.#sessions.every((session) => session.state === 'zombie' || failed(session))) {
      this.#die(reason)
    }
  }

  /** @returns false when another login cannot help, and the process is lost */
  #logIn(): boolean {
    const hope = this.#login.repeat()
    if (!hope) {
      this.#die('the token does not keep the login')
    }
    return hope
  }

  #prove(): void {
    this.#proof.prove()
    this.#login.prove()
  }

  /** Logs what is new about a session: its first failure, and others when the return value changes. */
  #note(session: Session, failure: TokenFailure, what: string): void {
    this.#proof.fail(`${what} (${failure.returnValue})`)
    if (session.lastFailure !== failure.returnValue) {
      session.lastFailure = failure.returnValue
      this.#options.log.warn({ session: session.number, ...failure }, what)
    }
  }

  #end(): void {
    this.#ended = true
    clearInterval(this.#keepAliveTimer)
  }

  #die(reason: string): void {
    if (!this.#ended) {
      this.#end()
      this.#options.onDead(reason)
    }
  }

  /**
   * Readiness is a recent signature: the sessions that nobody used make one. Those that hang in opening are found, and
   * when no signature came back for long, the process is lost. Nobody is judged right after the event loop stood still.
   */
  #exercise(): void {
    const now = performance.now()
    const stalled = now - this.#exercisedAt > 2 * this.#exerciseMs
    this.#exercisedAt = now
    if (!stalled && this.#proof.isOverdue()) {
      this.#die(this.#proof.lastFailure ?? 'no signature comes back')
      return
    }
    for (const session of this.#sessions) {
      if (this.#ended) {
        return
      }
      const { state, since, waits, job } = session
      if (state === 'idle' && now - since >= this.#options.keepAliveMs / 2) {
        this.#test(session, 'busy')
      } else if (state === 'opening' && !waits && !stalled && job === undefined && now - since > OPENING_MS) {
        this.#lose(session)
      }
    }
  }
}
