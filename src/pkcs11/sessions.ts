/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which have to make a test signature,
 * which are opened anew, and when all of them are lost.
 */
import type { HsmConfiguration } from '../configuration/configuration.ts'
import type { Capacity } from './admission.ts'
import { backoffMs, restMs } from './backoff.ts'
import { Login } from './login.ts'
import type { FromSession, LoginOutcome, ToSignerProcess } from './messages.ts'
import { OpeningQueue } from './opening-queue.ts'
import type { TestFailure } from './pool-key.ts'
import type { PoolLog, PoolObserver, RestartReason } from './pool-observer.ts'
import { explainRefusal, type Recovery, type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import type { ServiceTime } from './service-time.ts'
import { type Purpose, Session, type SessionState } from './session.ts'
import { SessionTimeouts, zombieLimit } from './session-timeouts.ts'
import type { SigningInput } from './signing-input.ts'
import { SigningJob } from './signing-job.ts'
import { TestSignatureSchedule } from './test-signature-schedule.ts'

/** A process in which so many sessions fail, before one has signed, will not sign. */
const START_FAILURES = 2
/** A session that the token throttles more often in a row must make a test signature before it gets another job. */
const MAX_THROTTLES = 2
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

/** Why no session of a signer process is used any more. */
export type SessionsEnd =
  /** Nothing works any more inside the process. */
  | { readonly kind: 'lost'; readonly reason: string; readonly restart: RestartReason }
  /** The first test signatures failed, all in a way that the certificate or the key may be to blame for. */
  | { readonly kind: 'start-failed'; readonly failure: TestFailure }
  /** The token said something about the PIN, which must not be tried again. */
  | { readonly kind: 'pin-refused'; readonly returnValue: string }

/** Gives jobs to sessions and takes them back; `SigningJobs` does. */
export interface JobSource {
  /** A session is free, or can be told what comes next. */
  dispatch(): void
  /** A session has begun with a job that it was told of before. */
  begun(job: SigningJob): void
  /** The session could not do this job; another one may. */
  returned(job: SigningJob, failure: TokenFailure): void
  /** A call takes long: the job may be given to another session too. */
  slow(job: SigningJob): void
}

export interface SessionsOptions {
  /** Input of test signatures. */
  readonly test: SigningInput
  readonly hsm: Pick<HsmConfiguration, 'sessions' | 'timeoutMs' | 'keepAliveMs'>
  /** Measured across processes. */
  readonly serviceTime: ServiceTime
  readonly jobs: JobSource
  readonly log: PoolLog
  readonly observer: PoolObserver
  send(message: ToSignerProcess): void
  /** A test signature verified. */
  onTested(isFirst: boolean): void
  /** Called at most once; nothing else is called after it. */
  onEnd(end: SessionsEnd): void
}

export class Sessions {
  readonly #options: SessionsOptions
  readonly #sessions: Session[] = []
  readonly #opening = new OpeningQueue()
  readonly #schedule: TestSignatureSchedule
  readonly #login: Login
  readonly #timeouts: SessionTimeouts
  readonly #startedAt = performance.now()
  #tested = false
  #ended = false
  /** Number of the next session. */
  #number = 0

  /** Begins to open the sessions. */
  constructor(options: SessionsOptions) {
    const { hsm, send } = options
    this.#options = options
    this.#schedule = new TestSignatureSchedule(hsm)
    this.#login = new Login(() => send({ type: 'log-in' }))
    this.#timeouts = new SessionTimeouts(hsm)
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

  capacity(): Capacity {
    const { idle, busy } = this.count()
    const promising = this.#sessions.filter(({ isPromising }) => isPromising)
    return { idle, signing: idle + busy > 0 ? promising.length : 0 }
  }

  /** Returns whether a test signature has verified. */
  get tested(): boolean {
    return this.#tested
  }

  /** Last failure since the last signature came back, in words for everybody who can reach the service. */
  get lastFailure(): string | undefined {
    return this.#schedule.lastFailure
  }

  /** Returns when they stopped signing, in ms of `performance.now()`; undefined while one can sign and they did lately. */
  unusableSince(): number | undefined {
    const { idle, busy } = this.count()
    if (idle + busy > 0) {
      return this.#schedule.overdueSince()
    }
    return Math.max(this.#startedAt, ...this.#sessions.map(({ unusableSince }) => unusableSince))
  }

  get size(): number {
    return this.#sessions.length
  }

  get hasIdle(): boolean {
    return this.#sessions.some(({ state }) => state === 'idle')
  }

  /** Gives the job to a free session, if there is one. */
  lease(job: SigningJob): boolean {
    const session = this.#sessions.find(({ state }) => state === 'idle')
    if (session === undefined || this.#ended) {
      return false
    }
    this.withdraw(job)
    session.enter('busy')
    session.sign(job)
    return true
  }

  /**
   * Tells a session that is busy, the one that has been so longest, what it signs next: between two signatures it need
   * not wait for this process then.
   *
   * @returns whether there was one that could be told
   */
  announce(job: SigningJob): boolean {
    const now = performance.now()
    const [first] = this.#sessions
      .filter((session) => this.#canBeTold(session, now))
      .sort((one, other) => one.callingSince - other.callingSince)
    first?.signNext(job)
    return first !== undefined
  }

  /** Keeps the session that was told of a job from beginning with it. */
  withdraw(job: SigningJob): void {
    job.announcedTo?.withdrawNext()
  }

  /** Returns whether no session will soon begin with the job by itself: the one that was told of it takes long, or none was. */
  isHeldUp({ announcedTo }: SigningJob): boolean {
    return announcedTo === undefined || this.#isSlow(announcedTo, performance.now())
  }

  /** Returns whether a session works on the job. */
  has(job: SigningJob): boolean {
    return this.#sessions.some(({ input }) => input === job)
  }

  /** Ends the bookkeeping. Returns the jobs in flight. */
  abandon(): SigningJob[] {
    this.#ended = true
    const inFlight = this.#sessions.map((session) => session.abandon())
    return [...new Set(inFlight)]
      .filter((input) => input instanceof SigningJob)
      .filter(({ settled }) => !settled)
  }

  receive(message: FromSession | LoginOutcome): void {
    switch (message.type) {
      case 'logged-in':
        return this.#loggedIn()
      case 'log-in-failed':
        return this.#logInFailed(message.failure)
      default:
        return this.#answered(message)
    }
  }

  #answered(message: FromSession): void {
    const session = this.#sessions.find(({ number }) => number === message.session)
    const call = this.#ended ? undefined : session?.accept(message.ticket)
    if (session === undefined || call === undefined) {
      return
    }
    this.#observe(message)
    if (session.state === 'zombie') {
      // It came back after all, but nobody knows what it holds, and its place is taken
      this.#sessions.splice(this.#sessions.indexOf(session), 1)
      this.#options.send({ type: 'end', session: session.number })
      return
    }
    switch (message.type) {
      case 'session-opened':
        session.opened()
        return this.#test(session)
      case 'signed':
        return this.#signed(session, message.signature, this.#took(message, call.since))
      case 'session-failed':
        return this.#callFailed(session, message.failure, 'a session cannot be opened')
      case 'sign-failed':
        return this.#callFailed(session, message.failure, 'a signing call failed')
    }
  }

  /** Opens idle sessions anew, as handles from before the login are stale. */
  #loggedIn(): void {
    this.#login.succeed()
    for (const session of this.#sessions) {
      if (session.state === 'idle' && !this.#ended) {
        this.#opening.add(session)
      }
    }
  }

  #logInFailed({ recovery, returnValue }: TokenFailure): void {
    if (recovery === 'pin') {
      this.#end({ kind: 'pin-refused', returnValue })
    } else {
      this.#lost(`the login failed (${returnValue})`)
    }
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
    if (this.#timeouts.stalled(now)) {
      this.#schedule.postpone()
      return
    }
    if (this.#schedule.overdueSince() !== undefined) {
      this.#lost(`no signature comes back: ${this.lastFailure}`)
      return
    }
    if (this.#timeouts.loginHangs(this.#login, now)) {
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
    const working = this.#sessions.some(({ input }) => input instanceof SigningJob && !input.settled)
    if (working && this.#timeouts.areLost(this.#sessions, now, this.#options.serviceTime)) {
      this.#lost(SILENCE, 'hang')
    }
  }

  #look(session: Session, now: number): void {
    const { state, wakeAt } = session
    if (this.#isSlow(session, now)) {
      session.withdrawNext()
    }
    if (this.#timeouts.hangs(session, now)) {
      this.#giveUp(session)
    } else if (this.#timeouts.isStuck(session, now, this.#options.serviceTime)) {
      this.#hedge(session)
    } else if (wakeAt !== undefined && now >= wakeAt) {
      this.#wake(session)
    } else if (state === 'idle' && this.#timeouts.isUnused(session, now)) {
      this.#test(session, 'busy')
    }
  }

  /** Opens another session as soon as it is its turn. */
  #add(): void {
    const session = new Session(this.#number, this.#options.test.key, this.#options.send)
    this.#number += 1
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

  #signed(session: Session, signature: Uint8Array, ms: number): void {
    const options = this.#options
    const input = session.input as SigningInput
    if (!input.verify(signature)) {
      options.observer.selfCheckFailed()
      options.log.error({ session: session.number }, `${MISMATCH}; it was discarded`)
      session.lastFailure = WRONG_SIGNATURE
      this.#failed(session, WRONG_SIGNATURE, MISMATCH)
      return
    }
    session.succeeded()
    options.serviceTime.add(ms)
    this.#schedule.signed()
    this.#login.signed()
    if (input === options.test) {
      const isFirst = !this.#tested
      this.#tested = true
      options.onTested(isFirst)
    } else if (input instanceof SigningJob && !input.settled) {
      input.succeed(signature)
    }
    this.#release(session)
  }

  /** Lets a session that signed do so again. */
  #release(session: Session): void {
    this.#opening.done(session)
    if (this.#login.isAfter(session.openedAt)) {
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
    const { lacksNext, input, openedAt, throttles } = session
    return (
      lacksNext &&
      !this.#ended &&
      !this.#isSlow(session, now) &&
      input instanceof SigningJob &&
      !input.hedged &&
      throttles === 0 &&
      !this.#login.running &&
      !this.#login.isAfter(openedAt)
    )
  }

  #isSlow(session: Pick<Session, 'callingSince'>, now: number): boolean {
    return this.#timeouts.isSlow(session, now, this.#options.serviceTime)
  }

  /** Logs what is new about a session: its first failure, and others when the return value changes. */
  #callFailed(session: Session, failure: TokenFailure, what: string): void {
    if (session.lastFailure?.returnValue !== failure.returnValue) {
      this.#options.log.warn({ session: session.number, ...failure }, what)
    }
    session.lastFailure = failure
    this.#failed(session, failure, `${what} (${failure.returnValue})`)
  }

  /** @param reason the failure, for people */
  #failed(session: Session, failure: TokenFailure, reason: string): void {
    const { recovery, returnValue } = failure
    const { purpose, input } = session
    const openedAt = purpose === 'open' ? session.since : session.openedAt
    this.#schedule.failed(reason)
    if (recovery === 'pin') {
      this.#end({ kind: 'pin-refused', returnValue })
      return
    }
    if (recovery === 'log-in' && !this.#login.repeat(openedAt)) {
      this.#lost('the token does not keep the login')
      return
    }
    session.input = undefined
    // A test signature that fails in a session older than the login says no more than that the login was missing
    const isTest = purpose === 'test' || purpose === 'retest'
    const isStale = isTest && (this.#login.running || this.#login.isAfter(openedAt))
    const action = ACTIONS[isStale ? 'log-in' : recovery][purpose]
    this.#act(action, session, { returnValue, reason })
    if (input instanceof SigningJob && !input.settled) {
      this.#options.jobs.returned(input, failure)
    }
  }

  #act(
    action: Action,
    session: Session,
    { returnValue, reason }: Record<'returnValue' | 'reason', string>,
  ): void {
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
    session.fail()
    session.wakeAt = session.failedAt + backoffMs(session.failures - 1)
    this.#opening.done(session)
    if (session.failures === 1) {
      this.#retestIdle()
    }
    if (!this.#login.running) {
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
  #hedge(session: Session): void {
    const { input } = session
    session.withdrawNext()
    if (input instanceof SigningJob && !input.hedged && !input.settled) {
      input.hedged = true
      this.#options.jobs.slow(input)
    }
  }

  /** Opens another session beside one whose call may never return. With too many of those the process is lost. */
  #giveUp(session: Session): void {
    const { hsm, observer, log } = this.#options
    session.enter('zombie')
    this.#opening.done(session)
    this.#schedule.failed(SILENCE)
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
      ({ state, failures, failedAt }) => state !== 'zombie' && failures > 0 && !this.#login.isAfter(failedAt),
    )
    const startFailed = !this.#tested && failed.length >= Math.min(START_FAILURES, this.#sessions.length)
    if (!startFailed && failed.length + this.count().zombie < this.#sessions.length) {
      return
    }
    const failures = failed.map(({ lastFailure }) => lastFailure as TokenFailure)
    if (startFailed && failures.every((failure) => failure === WRONG_SIGNATURE)) {
      this.#end({ kind: 'start-failed', failure: { kind: 'mismatch' } })
    } else if (
      startFailed &&
      failures.every(({ returnValue }) => explainRefusal(returnValue) !== undefined)
    ) {
      const { returnValue } = failures[0] as TokenFailure
      this.#end({ kind: 'start-failed', failure: { kind: 'refused', returnValue } })
    } else {
      this.#lost(reason)
    }
  }

  #lost(reason: string, restart: RestartReason = 'hsm'): void {
    this.#end({ kind: 'lost', reason, restart })
  }

  #end(end: SessionsEnd): void {
    if (!this.#ended) {
      this.#ended = true
      this.#options.onEnd(end)
    }
  }

  /** Returns how long a signature took, in ms; where nobody was there to read it, how long the library says. */
  #took({ seconds }: FromSession, since: number): number {
    const now = performance.now()
    return this.#timeouts.stoodStill(now) ? seconds * 1000 : now - since
  }

  #observe(message: FromSession): void {
    const operation = message.type === 'signed' || message.type === 'sign-failed' ? 'sign' : 'open'
    const returnValue = 'failure' in message ? message.failure.returnValue : 'CKR_OK'
    this.#options.observer.called(operation, message.seconds, returnValue)
  }
}
