/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which have to make a test signature,
 * which are opened anew, and when all of them are lost.
 */
import type { FromLibrary, FromSession, LoginOutcome } from '../messages.ts'
import { explainRefusal, type Recovery, type TokenFailure, WRONG_SIGNATURE } from '../return-values.ts'
import type { SigningInput } from '../signing-input.ts'
import { OpeningQueue } from './opening-queue.ts'
import type { TestFailure } from './pool-keys.ts'
import type { PoolOptions, RestartReason } from './pool-options.ts'
import type { ServiceTime } from './service-time.ts'
import { type Purpose, Session, type SessionState } from './session.ts'
import { SessionTimeouts, zombieLimit } from './session-timeouts.ts'
import { SigningJob } from './signing-job.ts'
import type { Supervisor } from './supervisor.ts'
import { backoffMs, pinMs, restMs } from './waits.ts'

/** A process in which so many sessions fail, before one has signed, will not sign. */
const START_FAILURES = 2
/** A session that the token throttles more often in a row must make a test signature before it gets another job. */
const MAX_THROTTLES = 2
/** A token that forgets the login again and again, with no signature between, is not healed by another one. */
const MAX_LOGINS = 2
/** Reasons, for people, where there is no return value. */
const SILENCE = 'sessions do not answer'
const MISMATCH = 'a signature does not verify with the signer certificate'

/**
 * Reaction to a failed call of a session:
 * - `reopen`: it is opened anew as soon as it is its turn
 * - `replace`: the same, and the idle sessions make test signatures, since what broke it may have broken them
 * - `retry`: it is opened anew after a wait, the longer the more often it failed
 * - `rest`: it waits a little, since the token is short of something
 * - `test`: it makes a test signature, which tells whether the request was at fault
 */
type Action = 'reopen' | 'replace' | 'retry' | 'rest' | 'test'

const BROKEN = { open: 'retry', test: 'retry', retest: 'replace', job: 'replace' } as const

/** The action for each class of return values and each purpose of the call. A return value about the PIN ends all sessions. */
const ACTIONS: Readonly<Record<Exclude<Recovery, 'pin'>, Readonly<Record<Purpose, Action>>>> = {
  'find-key': BROKEN,
  'replace-session': BROKEN,
  device: BROKEN,
  permanent: { ...BROKEN, job: 'test' },
  throttled: { open: 'retry', test: 'rest', retest: 'rest', job: 'rest' },
  'log-in': { open: 'reopen', test: 'reopen', retest: 'reopen', job: 'replace' },
}

type Signed = Extract<FromLibrary, { readonly type: 'signed' }>

/** Gives jobs to sessions and takes them back; `SigningJobs` does. */
export interface JobSource {
  /** A session is free, or can be told what comes next. */
  dispatch(): void
  /** A session has begun with a job that it was told of before. */
  begun(job: SigningJob): void
  /** A session made the signature, which verified. */
  signed(job: SigningJob, signature: Uint8Array): void
  /** The session, from which the job had been taken back, has not signed it and will not. */
  leftOut(job: SigningJob): void
  /** The session could not do this job; another one may. */
  returned(job: SigningJob, failure: TokenFailure): void
  /** The job may be given to another session too, for a reason that is counted. */
  repeat(job: SigningJob, reason: string): void
}

export interface SessionsOptions extends Pick<PoolOptions, 'log' | 'observer'> {
  readonly hsm: Pick<PoolOptions['hsm'], 'sessions' | 'timeoutMs' | 'keepAliveMs'>
  readonly access: Pick<PoolOptions['access'], 'pin'>
  /** Input of test signatures. */
  readonly test: SigningInput
  /** Measured across processes. */
  readonly serviceTime: ServiceTime
  readonly jobs: JobSource
  /** Told at most once that the process is to be replaced, or the PIN refused. */
  readonly supervisor: Pick<Supervisor, 'send' | 'replace' | 'refusePin'>
  /** A test signature verified. */
  onTested(): void
  /** The first test signatures failed, all in a way that the certificate or the key may be to blame for: this is the end. */
  onStartFailed(failure: TestFailure): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: Session[] = []
  /** Those whose calls returned too late: each is opened anew in place of the next one that hangs. */
  readonly #spare: Session[] = []
  readonly #opening = new OpeningQueue()
  readonly #timeouts: SessionTimeouts
  #tested = false
  #ended = false
  /** Time at which sessions were last usable, in ms of `performance.now()`, as are all times here. */
  #usableAt = performance.now()
  #signedAt = performance.now()
  #lastFailure: string | undefined
  /** Time at which the one login that all sessions share was last repeated. */
  #loggedInAt = 0
  /** Since when a repetition of it has not been answered; undefined where it has. */
  #loggingInSince: number | undefined
  /** Repetitions of the login since the last signature. */
  #logins = 0

  /** Begins to open the sessions. */
  constructor(options: SessionsOptions) {
    const { hsm, serviceTime, access } = options
    this.#options = options
    this.#timeouts = new SessionTimeouts(hsm, serviceTime, pinMs(access.pin))
    for (let count = 0; count < hsm.sessions; count++) {
      this.#add()
    }
  }

  count(): Record<SessionState, number> {
    const counts = { opening: 0, idle: 0, busy: 0, zombie: 0 }
    for (const { state } of this.#sessions) {
      counts[state] += 1
    }
    return counts
  }

  /** Returns how many sessions are free, and how many sign or soon will: 0 where none does and nothing can be foretold. */
  capacity(): { readonly idle: number; readonly signing: number } {
    let idle = 0
    let busy = 0
    let promising = 0
    for (const { state, isPromising } of this.#sessions) {
      idle += state === 'idle' ? 1 : 0
      busy += state === 'busy' ? 1 : 0
      promising += isPromising ? 1 : 0
    }
    return { idle, signing: idle + busy > 0 ? promising : 0 }
  }

  /** Last failure since the last signature came back, in words for everybody who can reach the service. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  /** Returns when they stopped signing, in ms of `performance.now()`; undefined while one can sign. */
  unusableSince(): number | undefined {
    return this.#hasUsable() ? undefined : this.#usableAt
  }

  get size(): number {
    return this.#sessions.length
  }

  /** Gives the job to a free session, if there is one and none that was told of the job will soon begin with it. */
  lease(job: SigningJob): boolean {
    const session = this.#sessions.find(({ state }) => state === 'idle')
    const told = this.#toldOf(job)
    if (session === undefined || this.#ended || (told && !this.#timeouts.isSlow(told, performance.now()))) {
      return false
    }
    told?.withdrawNext()
    session.enter('busy')
    session.sign(job)
    return true
  }

  /**
   * Tells a session that is busy, the one that has been so longest, what it signs next, unless one has been told of it:
   * between two signatures it need not wait for this process then.
   *
   * @returns whether there is one that has been told
   */
  announce(job: SigningJob): boolean {
    if (job.announced) {
      return true
    }
    const now = performance.now()
    let first: Session | undefined
    for (const session of this.#sessions) {
      const isEarlier = first === undefined || session.callingSince < first.callingSince
      if (isEarlier && this.#canBeTold(session, now)) {
        first = session
      }
    }
    first?.signNext(job)
    return first !== undefined
  }

  /** Keeps the session that was told of a job from beginning with it. */
  withdraw(job: SigningJob): void {
    this.#toldOf(job)?.withdrawNext()
  }

  #toldOf(job: SigningJob): Session | undefined {
    return job.announced ? this.#sessions.find(({ nextJob }) => nextJob === job) : undefined
  }

  get hasIdle(): boolean {
    return this.#sessions.some(({ state }) => state === 'idle')
  }

  /** Returns whether a session works on the job, or may begin with it though it was taken back. */
  has(job: SigningJob): boolean {
    return [this.#sessions, this.#spare].some((sessions) => sessions.some((session) => session.has(job)))
  }

  /** Ends the bookkeeping. Returns the jobs in flight. */
  abandon(): SigningJob[] {
    this.#ended = true
    return [...new Set(this.#sessions.flatMap(({ job }) => job ?? []))]
  }

  receive(message: FromSession | LoginOutcome): void {
    switch (message.type) {
      case 'logged-in':
        return this.#loggedIn()
      case 'log-in-failed': {
        const { recovery, returnValue } = message.failure
        return recovery === 'pin'
          ? this.#refusePin(returnValue)
          : this.#lost(`the login failed (${returnValue})`)
      }
      default:
        return this.#answered(message)
    }
  }

  #answered(message: FromSession): void {
    const isSender = ({ number }: Session) => number === message.session
    const session = this.#sessions.find(isSender) ?? this.#spare.find(isSender)
    if (session === undefined || this.#ended) {
      return
    }
    const withdrawn = session.endWithdrawal(message.ticket)
    if (withdrawn !== undefined) {
      this.#endWithdrawal(withdrawn, message)
    } else if (message.type !== 'withdrawn' && message.ticket === session.call?.ticket) {
      this.#called(session, session.call.since, message)
    }
  }

  /** Ends a job that was taken back, or was signed before the session heard of that. */
  #endWithdrawal(job: SigningJob, message: FromSession): void {
    const { jobs } = this.#options
    if (message.type !== 'withdrawn') {
      this.#observe(message, job)
    }
    // A session that fails here, or signs wrongly, does so again with the next order, and is judged then
    if (message.type === 'signed' && !job.settled && this.#verifies(job, message)) {
      jobs.signed(job, message.signature)
    } else {
      jobs.leftOut(job)
    }
    jobs.dispatch()
  }

  /** @param since when the session could begin with the call, in ms of `performance.now()` */
  #called(session: Session, since: number, message: FromLibrary): void {
    session.call = undefined
    this.#observe(message, session.input)
    if (session.state === 'zombie') {
      // It came back after all, but nobody knows what it holds, and its place is taken
      this.#sessions.splice(this.#sessions.indexOf(session), 1)
      this.#spare.push(session)
      session.end()
      return
    }
    switch (message.type) {
      case 'session-opened':
        session.openedAt = performance.now()
        return this.#test(session)
      case 'signed':
        return this.#signed(session, message, this.#took(message, since))
      case 'session-failed':
        return this.#callFailed(session, message.failure, 'a session cannot be opened')
      case 'sign-failed':
        return this.#callFailed(session, message.failure, 'a signing call failed')
    }
  }

  /** Opens idle sessions anew, as handles from before the login are stale. */
  #loggedIn(): void {
    this.#loggingInSince = undefined
    this.#loggedInAt = performance.now()
    for (const session of this.#sessions) {
      if (session.state === 'idle' && !this.#ended) {
        this.#opening.add(session)
      }
    }
  }

  /**
   * Logs in again for all sessions, unless that was done since `time`.
   *
   * @returns false when it was repeated in vain too often
   */
  #logIn(time: number): boolean {
    if (this.#loggingInSince !== undefined || time < this.#loggedInAt) {
      return true
    }
    if (this.#logins === MAX_LOGINS) {
      return false
    }
    this.#logins += 1
    this.#loggingInSince = performance.now()
    this.#options.supervisor.send({ type: 'log-in' })
    return true
  }

  /**
   * Looks at the clock: to be called every tenth of a second. Nobody is judged right after the event loop stood still.
   *
   * @param now ms of `performance.now()`
   */
  tick(now: number): void {
    if (this.#ended) {
      return
    }
    if (this.#hasUsable()) {
      this.#usableAt = now
    }
    const stoodStill = this.#timeouts.stoodStill(now)
    this.#timeouts.looked(now)
    if (stoodStill) {
      // There was no time for a signature
      this.#signedAt = Math.max(this.#signedAt, now - this.#timeouts.silenceMs / 2)
      return
    }
    if (now > this.#signedAt + this.#timeouts.silenceMs) {
      this.#lost(`no signature comes back: ${this.#lastFailure}`)
      return
    }
    if (this.#timeouts.loginHangs(this.#loggingInSince, now)) {
      this.#lost('the login is not answered', 'hang')
      return
    }
    this.#opening.tick(now)
    for (const session of this.#sessions) {
      if (!this.#ended) {
        this.#look(session, now)
      }
    }
    // Where all make test signatures, they have their time: a token that has become slow would lose process after process
    // before the first signature that tells how slow it is
    const working = this.#sessions.some(({ job }) => job !== undefined)
    if (working && this.#timeouts.areLost(this.#sessions, now)) {
      this.#lost(SILENCE, 'hang')
    }
  }

  #look(session: Session, now: number): void {
    const { state, wakeAt } = session
    if (this.#timeouts.isSlow(session, now)) {
      session.withdrawNext()
    }
    if (this.#timeouts.hangs(session, now)) {
      this.#giveUp(session)
    } else if (this.#timeouts.isStuck(session, now)) {
      this.#hedge(session)
    } else if (wakeAt !== undefined && now >= wakeAt) {
      this.#wake(session)
    } else if (state === 'idle' && this.#timeouts.isUnused(session, now)) {
      this.#test(session, 'busy')
    }
  }

  #hasUsable(): boolean {
    return this.#sessions.some(({ state }) => state === 'idle' || state === 'busy')
  }

  /** Opens another session as soon as it is its turn. */
  #add(): void {
    const { test, supervisor } = this.#options
    const session =
      this.#spare.pop() ?? new Session(this.#sessions.length, test.key, (message) => supervisor.send(message))
    this.#sessions.push(session)
    this.#opening.add(session)
  }

  /** Has a session make a test signature; it counts as usable meanwhile where nothing speaks against it. */
  #test(session: Session, state: 'opening' | 'busy' = 'opening'): void {
    session.enter(state)
    session.sign(this.#options.test)
  }

  #retestIdle(): void {
    for (const session of this.#sessions) {
      if (session.state === 'idle') {
        this.#test(session, 'busy')
      }
    }
  }

  #signed(session: Session, message: Signed, ms: number): void {
    const { test, serviceTime, jobs, onTested } = this.#options
    const { job, input } = session
    if (!this.#verifies(input as SigningInput, message)) {
      this.#failed(session, WRONG_SIGNATURE, MISMATCH)
      return
    }
    session.succeeded()
    serviceTime.add(ms)
    this.#signedAt = performance.now()
    this.#lastFailure = undefined
    this.#logins = 0
    if (input === test) {
      this.#tested = true
      onTested()
    } else if (job !== undefined) {
      jobs.signed(job, message.signature)
    }
    this.#release(session)
  }

  /** Returns whether a signature is right; one that is not is counted and logged. */
  #verifies(input: SigningInput, { session, signature }: Signed): boolean {
    const verifies = input.verify(signature)
    if (!verifies) {
      this.#options.observer.selfCheckFailed()
      this.#options.log.error({ session }, `${MISMATCH}; it was discarded`)
    }
    return verifies
  }

  /** Lets a session that signed do so again. */
  #release(session: Session): void {
    this.#opening.done(session)
    if (session.openedAt < this.#loggedInAt) {
      this.#opening.add(session)
      return
    }
    const job = session.advance()
    if (job === undefined) {
      session.enter('idle')
    } else {
      this.#options.jobs.begun(job)
    }
    this.#options.jobs.dispatch()
  }

  /** Returns whether a session will sign another job when it has signed, with no order in between, and can be told which. */
  #canBeTold(session: Session, now: number): boolean {
    const { input, isUntold, openedAt, throttles } = session
    return (
      !this.#ended &&
      input instanceof SigningJob &&
      !input.hedged &&
      isUntold &&
      throttles === 0 &&
      !this.#timeouts.isSlow(session, now) &&
      this.#loggingInSince === undefined &&
      openedAt >= this.#loggedInAt
    )
  }

  /** Logs what is new about a session: its first failure, and others when the return value changes. */
  #callFailed(session: Session, failure: TokenFailure, what: string): void {
    if (session.lastFailure?.returnValue !== failure.returnValue) {
      this.#options.log.warn({ session: session.number, ...failure }, what)
    }
    this.#failed(session, failure, `${what} (${failure.returnValue})`)
  }

  /** @param reason the failure, for people */
  #failed(session: Session, failure: TokenFailure, reason: string): void {
    const { recovery, returnValue } = failure
    const { purpose, job } = session
    const openedAt = purpose === 'open' ? session.since : session.openedAt
    session.lastFailure = failure
    this.#lastFailure = reason
    if (recovery === 'pin') {
      this.#refusePin(returnValue)
      return
    }
    if (recovery === 'log-in' && !this.#logIn(openedAt)) {
      this.#lost('the token does not keep the login')
      return
    }
    session.input = undefined
    // A test signature that fails in a session older than the login says no more than that the login was missing
    const isTest = purpose === 'test' || purpose === 'retest'
    const isStale = isTest && (this.#loggingInSince !== undefined || openedAt < this.#loggedInAt)
    this.#act(ACTIONS[isStale ? 'log-in' : recovery][purpose], session, returnValue, reason)
    if (job !== undefined) {
      this.#options.jobs.returned(job, failure)
    }
  }

  #act(action: Action, session: Session, returnValue: string, reason: string): void {
    switch (action) {
      case 'reopen':
        return this.#opening.add(session)
      case 'replace':
        this.#options.observer.evicted(returnValue)
        this.#opening.add(session)
        return this.#retestIdle()
      case 'retry':
        return this.#scheduleRetry(session, reason)
      case 'rest':
        return this.#rest(session)
      case 'test':
        return this.#test(session)
    }
  }

  /** Gives a failed session another try: the first soon, the others the later the more often it failed. */
  #scheduleRetry(session: Session, reason: string): void {
    session.enter('opening')
    session.failures += 1
    session.failedAt = session.since
    session.wakeAt = session.since + backoffMs(session.failures - 1)
    this.#opening.done(session)
    if (session.failures === 1) {
      this.#retestIdle()
    }
    if (this.#loggingInSince === undefined) {
      this.#checkAlive(reason)
    }
  }

  /** Has a session ask less often; it must make a test signature where that does not help. */
  #rest(session: Session): void {
    session.throttles += 1
    session.enter(session.state === 'busy' && session.throttles <= MAX_THROTTLES ? 'busy' : 'opening')
    session.wakeAt = session.since + restMs(session.throttles)
    this.#opening.done(session)
  }

  /** Goes on with a session that has waited long enough. */
  #wake(session: Session): void {
    if (session.failures > 0) {
      this.#opening.add(session)
    } else if (session.state === 'busy') {
      this.#release(session)
    } else {
      this.#test(session)
    }
  }

  /** Lets another session try the job of one whose call takes long. */
  #hedge({ job }: Session): void {
    if (job?.hedged === false) {
      job.hedged = true
      this.#options.jobs.repeat(job, 'slow')
    }
  }

  /** Opens another session beside one whose call may never return. With too many of those the process is lost. */
  #giveUp(session: Session): void {
    const { hsm, observer, log } = this.#options
    session.enter('zombie')
    this.#opening.done(session)
    this.#lastFailure = SILENCE
    observer.evicted('timeout')
    log.error({ session: session.number }, 'a session did not answer in time')
    if (this.count().zombie > zombieLimit(hsm.sessions)) {
      this.#lost(SILENCE, 'hang')
    } else {
      this.#add()
    }
  }

  /**
   * Ends all when every session hangs or failed since it last signed, even if some are being opened again; when none has
   * signed yet, the first few that fail tell.
   */
  #checkAlive(reason: string): void {
    const failed = this.#sessions.filter(
      ({ state, failures, failedAt }) => state !== 'zombie' && failures > 0 && failedAt >= this.#loggedInAt,
    )
    const startFailed = !this.#tested && failed.length >= Math.min(START_FAILURES, this.#sessions.length)
    if (!startFailed && failed.length + this.count().zombie < this.#sessions.length) {
      return
    }
    const failures = failed.map(({ lastFailure }) => lastFailure as TokenFailure)
    if (startFailed && failures.every((failure) => failure === WRONG_SIGNATURE)) {
      this.#end(() => this.#options.onStartFailed({ kind: 'mismatch' }))
    } else if (
      startFailed &&
      failures.every(({ returnValue }) => explainRefusal(returnValue) !== undefined)
    ) {
      const { returnValue } = failures[0] as TokenFailure
      this.#end(() => this.#options.onStartFailed({ kind: 'refused', returnValue }))
    } else {
      this.#lost(reason)
    }
  }

  /** Has the process replaced, since nothing works any more inside it. */
  #lost(reason: string, restart: RestartReason = 'hsm'): void {
    this.#end(() => this.#options.supervisor.replace(reason, restart))
  }

  /** Stops for good: the token said something about the PIN, which must not be tried again. */
  #refusePin(returnValue: string): void {
    this.#end(() => this.#options.supervisor.refusePin(returnValue))
  }

  /** @param tell called unless this is not the first end */
  #end(tell: () => void): void {
    if (!this.#ended) {
      this.#ended = true
      tell()
    }
  }

  /** Returns how long a signature took, in ms; where nobody was there to read it, how long the library says. */
  #took({ seconds }: FromLibrary, since: number): number {
    const now = performance.now()
    return this.#timeouts.stoodStill(now) ? seconds * 1000 : now - since
  }

  #observe(message: FromLibrary, input: SigningInput | undefined): void {
    const operation = message.type === 'signed' || message.type === 'sign-failed' ? 'sign' : 'open'
    const returnValue = 'failure' in message ? message.failure.returnValue : 'CKR_OK'
    const trace = input instanceof SigningJob ? input.trace : undefined
    this.#options.observer.called(operation, message.seconds, returnValue, trace)
  }
}
