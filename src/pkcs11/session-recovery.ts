/** What becomes of sessions that fail: another try, a rest, another in their place, or the end of their process. */
import { backoffMs, restMs } from './backoff.ts'
import { SigningJob } from './signing-job.ts'
import { explainRefusal } from './key-refusal.ts'
import { type TokenFailure, WRONG_SIGNATURE } from './return-values.ts'
import type { Session } from './session.ts'
import type { SessionGroup } from './session-group.ts'
import { zombieLimit } from './session-timeouts.ts'

/** A process in which the first sessions fail, so many of them, will not sign. */
const HOPELESS_FAILURES = 2
/** A session that the token throttles more often in a row must prove itself before it is given more to do. */
const MAX_THROTTLES = 2
/** Where there is no return value to tell. */
const SILENCE = 'sessions do not answer'
const MISMATCH = 'a signature does not verify with the signer certificate'

export class SessionRecovery {
  readonly #group: SessionGroup

  constructor(group: SessionGroup) {
    this.#group = group
  }

  openFailed(session: Session, failure: TokenFailure): void {
    this.#note(session, failure, 'a session cannot be opened')
    if (this.#endsAll(failure, session.since)) {
      return
    }
    if (failure.recovery === 'log-in') {
      this.#group.opening.add(session)
    } else {
      this.#retire(session, `a session cannot be opened (${failure.returnValue})`)
    }
  }

  signFailed(session: Session, failure: TokenFailure): void {
    this.#note(session, failure, 'a signing call failed')
    if (!this.#endsAll(failure, session.openedAt)) {
      this.#failed(session, failure)
    }
  }

  signedWrong(session: Session): void {
    const { observer, log } = this.#group.options
    observer.selfCheckFailed()
    log.error({ session: session.number }, `${MISMATCH}; it was discarded`)
    this.#group.proof.failed(MISMATCH)
    session.lastFailure = WRONG_SIGNATURE.returnValue
    this.#failed(session, WRONG_SIGNATURE)
  }

  loginFailed(failure: TokenFailure): void {
    if (failure.recovery === 'pin') {
      this.#refusePin(failure)
    } else {
      this.#group.die(`the login failed (${failure.returnValue})`)
    }
  }

  loginHangs(): void {
    this.#group.die('the login is not answered', 'hang')
  }

  /** It has rested long enough. */
  wake(session: Session): void {
    if (session.failures > 0) {
      this.#group.opening.add(session)
    } else if (session.state === 'busy') {
      this.#group.release(session)
    } else {
      this.#group.prove(session)
    }
  }

  /** Its call takes long: another session may be faster. */
  hedge(session: Session): void {
    const { input } = session
    session.withdrawNext()
    if (input instanceof SigningJob && !input.hedged && !input.settled) {
      input.hedged = true
      this.#group.options.onSlow(input)
    }
  }

  /** Its call may never return: another session is opened beside it. Too many of them, and the process is lost. */
  lose(session: Session): void {
    const { hsm, observer, log } = this.#group.options
    session.enter('zombie')
    this.#group.opening.done(session)
    this.#group.proof.failed(SILENCE)
    observer.evicted('timeout')
    log.error({ session: session.number }, 'a session did not answer in time')
    if (this.#group.count().zombie > zombieLimit(hsm.sessions)) {
      this.silence()
    } else {
      this.#group.add()
    }
  }

  silence(): void {
    this.#group.die(SILENCE, 'hang')
  }

  #failed(session: Session, failure: TokenFailure): void {
    const work = session.takeInput()
    if (!(work instanceof SigningJob)) {
      this.#testFailed(session, failure)
      return
    }
    if (failure.recovery === 'throttled') {
      this.#rest(session)
    } else if (failure.recovery === 'permanent') {
      // The request may be at fault, or the session: that tells
      this.#group.prove(session)
    } else {
      this.#replace(session, failure.returnValue)
    }
    if (!work.settled) {
      this.#group.options.onReturned(work, failure)
    }
  }

  /** A session that was in use is opened anew at once; one that has just been opened waits before it tries again. */
  #testFailed(session: Session, failure: TokenFailure): void {
    const { login, opening, proof } = this.#group
    if (login.running || login.isAfter(session.openedAt)) {
      opening.add(session)
    } else if (failure.recovery === 'throttled') {
      this.#rest(session)
    } else if (session.state === 'busy') {
      this.#replace(session, failure.returnValue)
    } else {
      this.#retire(session, proof.lastFailure as string)
    }
  }

  /**
   * Logs in again where that is what failed.
   *
   * @param since when the session was opened
   * @returns whether nothing in this process can go on
   */
  #endsAll(failure: TokenFailure, since: number): boolean {
    const { login } = this.#group
    if (failure.recovery === 'pin') {
      this.#refusePin(failure)
      return true
    }
    if (failure.recovery !== 'log-in' || login.isAfter(since) || login.repeat()) {
      return false
    }
    this.#group.die('the token does not keep the login')
    return true
  }

  #refusePin(failure: TokenFailure): void {
    this.#group.end(() => this.#group.options.onPinRefused(failure))
  }

  /** Opens another in its place. */
  #replace(session: Session, reason: string): void {
    this.#group.options.observer.evicted(reason)
    this.#group.opening.add(session)
    this.#group.doubt()
  }

  /** Gives a failed session another try: the first soon, the others the later the more often it failed. */
  #retire(session: Session, reason: string): void {
    session.fail()
    session.wakeAt = session.failedAt + backoffMs(session.failures - 1)
    this.#group.opening.done(session)
    if (session.failures === 1) {
      this.#group.doubt()
    }
    if (!this.#group.login.running) {
      this.#checkAlive(reason)
    }
  }

  /** The token is short of something: a session asks less often, and is out of use when that does not help. */
  #rest(session: Session): void {
    session.throttles += 1
    const proved = session.state === 'busy' && session.throttles <= MAX_THROTTLES
    session.enter(proved ? 'busy' : 'opening')
    session.wakeAt = session.since + restMs(session.throttles)
    this.#group.opening.done(session)
  }

  /**
   * When every session hangs or failed since it last signed, the process is lost, even if some are being opened again;
   * when none has signed yet, the first few that fail tell.
   */
  #checkAlive(reason: string): void {
    const { sessions, login, proved, options } = this.#group
    const failed = sessions.filter(
      ({ state, failures, failedAt }) => state !== 'zombie' && failures > 0 && !login.isAfter(failedAt),
    )
    const hopeless = !proved && failed.length >= Math.min(HOPELESS_FAILURES, sessions.length)
    if (!hopeless && failed.length + this.#group.count().zombie < sessions.length) {
      return
    }
    const answers = failed.map(({ lastFailure = '' }) => lastFailure)
    if (hopeless && answers.every((answer) => answer === WRONG_SIGNATURE.returnValue)) {
      this.#group.end(options.onMismatch)
    } else if (hopeless && answers.every((answer) => explainRefusal(answer) !== undefined)) {
      this.#group.end(() => options.onRefused(answers[0] as string))
    } else {
      this.#group.die(reason)
    }
  }

  /** Logs what is new about a session: its first failure, and others when the return value changes. */
  #note(session: Session, failure: TokenFailure, what: string): void {
    this.#group.proof.failed(`${what} (${failure.returnValue})`)
    if (session.lastFailure !== failure.returnValue) {
      session.lastFailure = failure.returnValue
      this.#group.options.log.warn({ session: session.number, ...failure }, what)
    }
  }
}
