/**
 * The sessions of one signer process, seen from the HTTP process: which are free, which must prove themselves by a
 * test signature, which must be replaced, and when all of them are lost.
 */
import type { Capacity } from './admission.ts'
import { SigningJob } from './signing-job.ts'
import type { FromSession } from './messages.ts'
import type { TokenFailure } from './return-values.ts'
import type { Session, SessionState } from './session.ts'
import { SessionGroup, type SessionsOptions } from './session-group.ts'
import { SessionRecovery } from './session-recovery.ts'
import type { SigningInput } from './signing-input.ts'

export class Sessions {
  readonly #group: SessionGroup
  readonly #recovery: SessionRecovery

  constructor(options: SessionsOptions) {
    this.#group = new SessionGroup(options)
    this.#recovery = new SessionRecovery(this.#group)
  }

  count(): Record<SessionState, number> {
    return this.#group.count()
  }

  capacity(): Capacity {
    const { idle, busy } = this.count()
    const promising = this.#group.sessions.filter(({ isPromising }) => isPromising)
    return { idle, signing: idle + busy > 0 ? promising.length : 0 }
  }

  /** What went wrong since the last signature came back. */
  get lastFailure(): string | undefined {
    return this.#group.proof.lastFailure
  }

  /** When they stopped signing, in milliseconds of `performance.now()`; undefined while one can sign and they did lately. */
  unusableSince(): number | undefined {
    const { sessions, proof, startedAt } = this.#group
    const { idle, busy } = this.count()
    if (idle + busy > 0) {
      return proof.overdueSince()
    }
    return Math.max(startedAt, ...sessions.map(({ unusableSince }) => unusableSince))
  }

  get size(): number {
    return this.#group.sessions.length
  }

  get hasIdle(): boolean {
    return this.#group.sessions.some(({ state }) => state === 'idle')
  }

  /** Gives the job to a free session, if there is one. */
  lease(job: SigningJob): boolean {
    const session = this.#group.sessions.find(({ state }) => state === 'idle')
    if (session === undefined || this.#group.ended) {
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
    const { sessions, ended } = this.#group
    const now = performance.now()
    let first: Session | undefined
    for (const session of ended ? [] : sessions) {
      if (
        this.#group.goesOn(session, now) &&
        (first === undefined || session.callingSince < first.callingSince)
      ) {
        first = session
      }
    }
    first?.signNext(job)
    return first !== undefined
  }

  /** No session is to begin with the job. */
  withdraw(job: SigningJob): void {
    job.announcedTo?.withdrawNext()
  }

  /** Whether no session will soon begin with it by itself: the one that it was announced to takes long, or there is none. */
  isHeldUp(job: SigningJob): boolean {
    const { watch, options } = this.#group
    const session = job.announcedTo
    return session === undefined || watch.isSlow(session, performance.now(), options.serviceTime)
  }

  /** Whether a session works on it. */
  has(job: SigningJob): boolean {
    return this.#group.sessions.some(({ input }) => input === job)
  }

  /** Ends the bookkeeping. Returns what was in flight. */
  abandon(): SigningJob[] {
    this.#group.end()
    const inFlight = this.#group.sessions.map((session) => session.abandon())
    return [...new Set(inFlight)].filter((work) => work instanceof SigningJob).filter(({ settled }) => !settled)
  }

  receive(message: FromSession): void {
    const session = this.#group.sessions.find(({ number }) => number === message.session)
    const call = this.#group.ended ? undefined : session?.accept(message.ticket)
    if (session === undefined || call === undefined) {
      return
    }
    this.#observe(message)
    if (session.state === 'zombie') {
      // It came back after all, but what it holds is in doubt, and its place is taken
      this.#group.remove(session)
      return
    }
    switch (message.type) {
      case 'session-opened':
        session.opened()
        return this.#group.prove(session)
      case 'session-failed':
        return this.#recovery.openFailed(session, message.failure)
      case 'signed':
        return this.#signed(session, message.signature, this.#took(message, call.since))
      case 'sign-failed':
        return this.#recovery.signFailed(session, message.failure)
    }
  }

  /** The one login was repeated: handles from before it are stale. */
  loggedIn(): void {
    const { login, sessions, opening, ended } = this.#group
    login.succeed()
    for (const session of sessions) {
      if (session.state === 'idle' && !ended) {
        opening.add(session)
      }
    }
  }

  logInFailed(failure: TokenFailure): void {
    this.#recovery.loginFailed(failure)
  }

  /** What time brings: to be called every tenth of a second. Nobody is judged right after the event loop stood still. */
  tick(now: number): void {
    const { watch, proof, opening, login, sessions, options } = this.#group
    if (this.#group.ended) {
      return
    }
    if (watch.stalled(now)) {
      proof.postpone()
      return
    }
    if (proof.overdueSince() !== undefined) {
      this.#group.die(`no signature comes back: ${proof.lastFailure}`)
      return
    }
    if (watch.loginHangs(login, now)) {
      this.#recovery.loginHangs()
      return
    }
    opening.tick(now)
    for (const session of sessions) {
      if (!this.#group.ended) {
        this.#look(session, now)
      }
    }
    // Where all make test signatures, they have their time: a token that has become slow would lose process after process
    // before the first signature that tells how slow it is
    const working = sessions.some(({ input }) => input instanceof SigningJob && !input.settled)
    if (working && watch.areLost(sessions, now, options.serviceTime)) {
      this.#recovery.silence()
    }
  }

  #look(session: Session, now: number): void {
    const { watch, options } = this.#group
    const { state, wakeAt } = session
    if (watch.isSlow(session, now, options.serviceTime)) {
      session.withdrawNext()
    }
    if (watch.hangs(session, now)) {
      this.#recovery.lose(session)
    } else if (watch.isStuck(session, now, options.serviceTime)) {
      this.#recovery.hedge(session)
    } else if (wakeAt !== undefined && now >= wakeAt) {
      this.#recovery.wake(session)
    } else if (state === 'idle' && watch.isUnused(session, now)) {
      this.#group.prove(session, 'busy')
    }
  }

  #signed(session: Session, signature: Uint8Array, ms: number): void {
    const { options, proof, login } = this.#group
    const work = session.input as SigningInput
    if (!work.verify(signature)) {
      this.#recovery.signedWrong(session)
      return
    }
    session.takeInput()
    session.succeeded()
    options.serviceTime.add(ms)
    proof.signed()
    login.signed()
    if (work === options.test) {
      this.#group.proved = true
      options.onTested()
    } else if (work instanceof SigningJob && !work.settled) {
      work.succeed(signature)
    }
    this.#group.release(session)
  }

  /** Milliseconds that a signature took; where nobody was there to read it, those that the library says. */
  #took({ seconds }: FromSession, since: number): number {
    const now = performance.now()
    return this.#group.watch.stoodStill(now) ? seconds * 1000 : now - since
  }

  #observe(message: FromSession): void {
    const operation = message.type === 'signed' || message.type === 'sign-failed' ? 'sign' : 'open'
    const returnValue = 'failure' in message ? message.failure.returnValue : 'CKR_OK'
    this.#group.options.observer.called(operation, message.seconds, returnValue)
  }
}
