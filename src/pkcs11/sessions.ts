/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which must prove themselves by a
 * test signature, which must be replaced, and when all of them are lost.
 */
import type { KeyObject } from 'node:crypto'
import type { BaseLogger } from 'pino'
import type { HsmConfiguration } from '../config.ts'
import { backoffMs, restMs } from './backoff.ts'
import { Job, type Work } from './job.ts'
import { Login } from './login.ts'
import type { FromSession, ToSignerProcess } from './messages.ts'
import { OpeningQueue } from './opening-queue.ts'
import type { PoolObserver, RestartReason } from './pool-observer.ts'
import { ProofClock } from './proof-clock.ts'
import { type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import type { ServiceTime } from './service-time.ts'
import { Session, type SessionState } from './session.ts'
import { createTestWork } from './test-signature.ts'
import { Watch } from './watch.ts'

/** A request is given to sessions at most this often. */
export const MAX_ATTEMPTS = 3
/** A process in which the first sessions fail, so many of them, will not sign. */
const HOPELESS_FAILURES = 2
/** Where there is no return value to tell. */
const SILENCE = 'sessions do not answer'
const MISMATCH = 'a signature does not verify with the signer certificate'
/** A session that the token throttles more often in a row must prove itself before it is given more to do. */
const MAX_THROTTLES = 2

export interface SessionsOptions {
  /** What test signatures must verify with. */
  readonly publicKey: KeyObject
  readonly hsm: Pick<
    HsmConfiguration,
    'sessions' | 'timeoutMs' | 'keepAliveMs' | 'zombieLimit' | 'sessionMaxUses' | 'sessionMaxAgeMs'
  >
  /** Outlives the process. */
  readonly serviceTime: ServiceTime
  readonly log: BaseLogger
  readonly observer: PoolObserver
  send(message: ToSignerProcess): void
  /** A test signature verified. */
  onProved(): void
  /** A session is free. */
  onIdle(): void
  /** The session could not do this job, another one may. */
  onReturned(job: Job, failure: TokenFailure): void
  /** A call takes long: the job may be given to another session too. */
  onSlow(job: Job): void
  /** Nothing works any more inside this process. Called at most once; nothing else is called after it. */
  onDead(reason: string, kind: RestartReason): void
  /** No signature verified, and this is why: the certificate is that of another key, or the HSM is faulty. Ends it as `onDead` does. */
  onMismatch(): void
  /** The token said something about the PIN: it must not be tried again. Ends it as `onDead` does. */
  onPinRefused(failure: TokenFailure): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: readonly Session[]
  readonly #opening = new OpeningQueue()
  readonly #test: Work
  readonly #proof: ProofClock
  readonly #login: Login
  readonly #watch: Watch
  #proved = false
  #ended = false

  /** Begins to open them. */
  constructor(options: SessionsOptions) {
    const { hsm, publicKey, send } = options
    this.#options = options
    this.#sessions = Array.from({ length: hsm.sessions }, (_, number) => new Session(number, send))
    this.#test = createTestWork(publicKey)
    this.#proof = new ProofClock(hsm.keepAliveMs)
    this.#login = new Login(() => send({ type: 'log-in' }))
    this.#watch = new Watch(hsm)
    for (const session of this.#sessions) {
      this.#opening.add(session)
    }
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

  /** When they stopped signing, in milliseconds of `performance.now()`; undefined while one can sign and they did lately. */
  unusableSince(): number | undefined {
    const { idle, busy } = this.count()
    if (idle + busy > 0) {
      return this.#proof.overdueSince()
    }
    return Math.max(...this.#sessions.map(({ unusableSince }) => unusableSince))
  }

  /** Gives the job to a free session, if there is one. */
  lease(job: Job): boolean {
    const session = this.#sessions.find(({ state }) => state === 'idle')
    if (session === undefined || this.#ended) {
      return false
    }
    session.enter('busy')
    job.attempts += 1
    session.sign(job)
    return true
  }

  /** Whether a session works on it. */
  has(job: Job): boolean {
    return this.#sessions.some(({ work }) => work === job)
  }

  /** Ends the bookkeeping. Returns what was in flight. */
  abandon(): Job[] {
    this.#ended = true
    const inFlight = this.#sessions.map((session) => session.abandon())
    return [...new Set(inFlight)].filter((work) => work instanceof Job).filter(({ settled }) => !settled)
  }

  receive(message: FromSession): void {
    const session = this.#sessions[message.session]
    const call = this.#ended ? undefined : session?.accept(message.ticket)
    if (session === undefined || call === undefined) {
      return
    }
    this.#observe(message)
    if (session.state === 'zombie') {
      // It came back after all, but what it holds is in doubt
      session.takeWork()
      this.#opening.add(session)
      return
    }
    switch (message.type) {
      case 'session-opened':
        session.opened()
        return this.#prove(session)
      case 'session-failed':
        return this.#openFailed(session, message.failure)
      case 'signed':
        return this.#signed(session, message.signature, performance.now() - call.since)
      case 'sign-failed':
        return this.#signFailed(session, message.failure)
    }
  }

  /** The one login was repeated: handles from before it are stale. */
  loggedIn(): void {
    this.#login.succeed()
    for (const session of this.#sessions) {
      if (session.state === 'idle' && !this.#ended) {
        this.#opening.add(session)
      }
    }
  }

  logInFailed(failure: TokenFailure): void {
    if (failure.recovery === 'pin') {
      this.#ended = true
      this.#options.onPinRefused(failure)
    } else {
      this.#die(`the login failed (${failure.returnValue})`)
    }
  }

  /** What time brings: to be called every tenth of a second. Nobody is judged right after the event loop stood still. */
  tick(now: number): void {
    if (this.#ended || this.#watch.stalled(now)) {
      return
    }
    if (this.#proof.overdueSince() !== undefined) {
      this.#die(this.#proof.lastFailure ?? 'no signature comes back')
      return
    }
    this.#opening.tick(now)
    for (const session of this.#sessions) {
      if (!this.#ended) {
        this.#look(session, now)
      }
    }
    const { serviceTime } = this.#options
    if (this.#sessions.every((one) => one.state === 'zombie' || this.#watch.isStuck(one, now, serviceTime))) {
      // While what they work on can still be signed by the next process
      this.#die(SILENCE, 'hang')
    }
  }

  #look(session: Session, now: number): void {
    const { state, wakeAt, work } = session
    if (this.#watch.hangs(session, now)) {
      this.#lose(session)
    } else if (this.#watch.isStuck(session, now, this.#options.serviceTime)) {
      this.#hedge(work)
    } else if (wakeAt !== undefined && now >= wakeAt) {
      this.#wake(session)
    } else if (state === 'idle' && !this.#renew(session, now) && this.#watch.isUnused(session, now)) {
      this.#prove(session, 'busy')
    }
  }

  #openFailed(session: Session, failure: TokenFailure): void {
    const { recovery, returnValue } = failure
    this.#note(session, failure, 'a session cannot be opened')
    if (this.#endsAll(failure, session.since)) {
      return
    }
    if (recovery === 'log-in') {
      this.#opening.add(session)
    } else {
      this.#retire(session, `a session cannot be opened (${returnValue})`)
    }
  }

  #signed(session: Session, signature: Uint8Array, ms: number): void {
    const work = session.work as Work
    if (!work.verify(signature)) {
      this.#options.observer.selfCheckFailed()
      this.#options.log.error({ session: session.number }, MISMATCH)
      this.#proof.fail(MISMATCH)
      session.lastFailure = WRONG_SIGNATURE.returnValue
      this.#failed(session, WRONG_SIGNATURE)
      return
    }
    session.takeWork()
    session.succeeded()
    this.#options.serviceTime.add(ms)
    this.#proof.prove()
    this.#login.prove()
    if (work === this.#test) {
      this.#proved = true
      this.#options.onProved()
    } else if (work instanceof Job && !work.settled) {
      work.succeed(signature)
    }
    this.#release(session)
  }

  #signFailed(session: Session, failure: TokenFailure): void {
    this.#note(session, failure, 'a signing call failed')
    if (!this.#endsAll(failure, session.openedAt)) {
      this.#failed(session, failure)
    }
  }

  #failed(session: Session, failure: TokenFailure): void {
    const work = session.takeWork()
    if (!(work instanceof Job)) {
      this.#testFailed(session, failure)
      return
    }
    if (failure.recovery === 'throttled') {
      this.#rest(session)
    } else if (failure.recovery === 'permanent') {
      // The request may be at fault, or the session: that tells
      this.#prove(session)
    } else {
      this.#replace(session, failure.returnValue)
    }
    if (!work.settled) {
      this.#options.onReturned(work, failure)
    }
  }

  /** A session that was in use is opened anew at once; one that has just been opened waits before it tries again. */
  #testFailed(session: Session, failure: TokenFailure): void {
    if (this.#login.running || this.#login.isAfter(session.openedAt)) {
      this.#opening.add(session)
    } else if (failure.recovery === 'throttled') {
      this.#rest(session)
    } else if (session.state === 'busy') {
      this.#replace(session, failure.returnValue)
    } else {
      this.#retire(session, this.#proof.lastFailure as string)
    }
  }

  /**
   * Logs in again where that is what failed.
   *
   * @param since when the session was opened
   * @returns whether nothing in this process can go on
   */
  #endsAll(failure: TokenFailure, since: number): boolean {
    if (failure.recovery === 'pin') {
      this.#ended = true
      this.#options.onPinRefused(failure)
      return true
    }
    if (failure.recovery !== 'log-in' || this.#login.isAfter(since) || this.#login.repeat()) {
      return false
    }
    this.#die('the token does not keep the login')
    return true
  }

  /** Has it make a test signature; it is of use meanwhile where there is no reason to doubt it. */
  #prove(session: Session, state: 'opening' | 'busy' = 'opening'): void {
    session.enter(state)
    session.sign(this.#test)
  }

  #release(session: Session): void {
    this.#opening.done(session)
    if (this.#login.isAfter(session.openedAt)) {
      this.#opening.add(session)
    } else if (!this.#renew(session, performance.now())) {
      session.enter('idle')
      this.#options.onIdle()
    }
  }

  /** Opens it anew where it was used enough, one at a time. */
  #renew(session: Session, now: number): boolean {
    const reason = this.#opening.isEmpty ? this.#watch.wornOut(session, now) : undefined
    if (reason !== undefined) {
      this.#options.observer.evicted(reason)
      this.#opening.add(session)
    }
    return reason !== undefined
  }

  /** Opens another in its place. What broke this one may have broken those that nobody uses: they prove themselves. */
  #replace(session: Session, reason: string): void {
    this.#options.observer.evicted(reason)
    this.#opening.add(session)
    this.#doubt()
  }

  #doubt(): void {
    for (const session of this.#sessions) {
      if (session.state === 'idle') {
        this.#prove(session, 'busy')
      }
    }
  }

  /** Gives a failed session another try, the later the more often it failed. */
  #retire(session: Session, reason: string): void {
    session.fail()
    session.wakeAt = session.failedAt + backoffMs(session.failures)
    this.#opening.done(session)
    if (session.failures === 1) {
      this.#doubt()
    }
    if (!this.#login.running) {
      this.#checkAlive(reason)
    }
  }

  /** The token is short of something: a session asks less often, and is out of use when that does not help. */
  #rest(session: Session): void {
    session.throttles += 1
    session.enter(session.throttles > MAX_THROTTLES ? 'opening' : 'busy')
    session.wakeAt = session.since + restMs(session.throttles)
    this.#opening.done(session)
  }

  #wake(session: Session): void {
    if (session.failures > 0) {
      this.#opening.add(session)
    } else if (session.state === 'busy') {
      this.#release(session)
    } else {
      this.#prove(session)
    }
  }

  /** Another session may be faster. */
  #hedge(work: Work | undefined): void {
    if (work instanceof Job && !work.hedged && !work.settled) {
      work.hedged = true
      this.#options.onSlow(work)
    }
  }

  /** Its call may never return; too many of them, and the process is lost. */
  #lose(session: Session): void {
    const { zombieLimit } = this.#options.hsm
    session.enter('zombie')
    this.#opening.done(session)
    this.#proof.fail(SILENCE)
    this.#options.observer.evicted('timeout')
    this.#options.log.error({ session: session.number }, 'a session did not answer in time')
    if (this.count().zombie > zombieLimit) {
      this.#die(SILENCE, 'hang')
    } else {
      this.#checkAlive(SILENCE)
    }
  }

  /**
   * When every session hangs or failed since it last signed, the process is lost, even if some are being opened again;
   * when none has signed yet, the first few that fail tell.
   */
  #checkAlive(reason: string): void {
    const failed = this.#sessions.filter(
      ({ state, failures, failedAt }) => state !== 'zombie' && failures > 0 && !this.#login.isAfter(failedAt),
    )
    const enough = Math.min(HOPELESS_FAILURES, this.#sessions.length)
    const hopeless = !this.#proved && failed.length >= enough
    if (!hopeless && failed.length + this.count().zombie < this.#sessions.length) {
      return
    }
    if (hopeless && failed.every(({ lastFailure }) => lastFailure === WRONG_SIGNATURE.returnValue)) {
      this.#ended = true
      this.#options.onMismatch()
    } else {
      this.#die(reason)
    }
  }

  /** Logs what is new about a session: its first failure, and others when the return value changes. */
  #note(session: Session, failure: TokenFailure, what: string): void {
    this.#proof.fail(`${what} (${failure.returnValue})`)
    if (session.lastFailure !== failure.returnValue) {
      session.lastFailure = failure.returnValue
      this.#options.log.warn({ session: session.number, ...failure }, what)
    }
  }

  #observe(message: FromSession): void {
    const operation = message.type === 'signed' || message.type === 'sign-failed' ? 'sign' : 'open'
    const returnValue = 'failure' in message ? message.failure.returnValue : 'CKR_OK'
    this.#options.observer.called(operation, message.seconds, returnValue)
  }

  #die(reason: string, kind: RestartReason = 'hsm'): void {
    if (!this.#ended) {
      this.#ended = true
      this.#options.onDead(reason, kind)
    }
  }
}
