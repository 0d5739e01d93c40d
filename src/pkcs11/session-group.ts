import type { HsmConfiguration } from '../configuration/configuration.ts'
import { SigningJob } from './signing-job.ts'
import { Login } from './login.ts'
import type { ToSignerProcess } from './messages.ts'
import { OpeningQueue } from './opening-queue.ts'
import type { PoolLog } from './pool-log.ts'
import type { PoolObserver, RestartReason } from './pool-observer.ts'
import type { TokenFailure } from './return-values.ts'
import type { ServiceTime } from './service-time.ts'
import { Session, type SessionState } from './session.ts'
import { SessionTimeouts } from './session-timeouts.ts'
import { TestSignatureSchedule } from './test-signature-schedule.ts'
import type { SigningInput } from './signing-input.ts'

export interface SessionsOptions {
  /** What sessions prove themselves with. */
  readonly test: SigningInput
  readonly hsm: Pick<HsmConfiguration, 'sessions' | 'timeoutMs' | 'keepAliveMs'>
  /** Outlives the process. */
  readonly serviceTime: ServiceTime
  readonly log: PoolLog
  readonly observer: PoolObserver
  send(message: ToSignerProcess): void
  /** A test signature verified. */
  onTested(): void
  /** A session is free, or can be told what comes next. */
  onIdle(): void
  /** A session has begun with a job that it was told of before. */
  onBegun(job: SigningJob): void
  /** The session could not do this job, another one may. */
  onReturned(job: SigningJob, failure: TokenFailure): void
  /** A call takes long: the job may be given to another session too. */
  onSlow(job: SigningJob): void
  /** Nothing works any more inside this process. Called at most once; nothing else is called after it. */
  onDead(reason: string, kind: RestartReason): void
  /** No signature verified: the certificate is that of another key, or the HSM is faulty. Ends it as `onDead` does. */
  onMismatch(): void
  /** The token refused all test signatures for good. Ends it as `onDead` does. */
  onRefused(returnValue: string): void
  /** The token said something about the PIN: it must not be tried again. Ends it as `onDead` does. */
  onPinRefused(failure: TokenFailure): void
}

/** The sessions of one signer process and what they share, with what is done to them whether they fail or not. */
export class SessionGroup {
  readonly options: SessionsOptions
  readonly sessions: Session[] = []
  readonly opening = new OpeningQueue()
  readonly proof: TestSignatureSchedule
  readonly login: Login
  readonly watch: SessionTimeouts
  /** Whether a signature has verified. */
  proved = false
  readonly startedAt = performance.now()
  #ended = false
  #opened = 0

  /** Begins to open the sessions. */
  constructor(options: SessionsOptions) {
    const { hsm, send } = options
    this.options = options
    this.proof = new TestSignatureSchedule(hsm)
    this.login = new Login(() => send({ type: 'log-in' }))
    this.watch = new SessionTimeouts(hsm)
    for (let count = 0; count < hsm.sessions; count++) {
      this.add()
    }
  }

  /** Opens a session as soon as it is its turn. */
  add(): void {
    const session = new Session(this.#opened, this.options.test.key, this.options.send)
    this.#opened += 1
    this.sessions.push(session)
    this.opening.add(session)
  }

  /** Closes a session in whose place another was opened. */
  remove(session: Session): void {
    this.sessions.splice(this.sessions.indexOf(session), 1)
    this.options.send({ type: 'end', session: session.number })
  }

  get ended(): boolean {
    return this.#ended
  }

  count(): Record<SessionState, number> {
    const counts = { opening: 0, idle: 0, busy: 0, zombie: 0 }
    for (const { state } of this.sessions) {
      counts[state] += 1
    }
    return counts
  }

  /** Has it make a test signature; it is of use meanwhile where there is no reason to doubt it. */
  prove(session: Session, state: 'opening' | 'busy' = 'opening'): void {
    session.enter(state)
    session.sign(this.options.test)
  }

  /** What broke one session may have broken those that nobody uses: they prove themselves. */
  doubt(): void {
    for (const session of this.sessions) {
      if (session.state === 'idle') {
        this.prove(session, 'busy')
      }
    }
  }

  /** It signed, and may do so again. */
  release(session: Session): void {
    this.opening.done(session)
    if (this.login.isAfter(session.openedAt)) {
      this.opening.add(session)
      return
    }
    const job = session.advance()
    if (job !== undefined) {
      this.options.onBegun(job)
    } else {
      session.enter('idle')
    }
    this.options.onIdle()
  }

  /** Whether it will sign more when it has signed, without a word to it in between, and can be told what. */
  goesOn(session: Session, now: number): boolean {
    const { lacksNext, input, openedAt, throttles } = session
    return (
      lacksNext &&
      !this.watch.isSlow(session, now, this.options.serviceTime) &&
      input instanceof SigningJob &&
      !input.hedged &&
      throttles === 0 &&
      !this.login.running &&
      !this.login.isAfter(openedAt)
    )
  }

  /** Nothing is done any more, and nobody told but by the last word. */
  end(lastWord: () => void = () => {}): void {
    if (!this.#ended) {
      this.#ended = true
      lastWord()
    }
  }

  die(reason: string, kind: RestartReason = 'hsm'): void {
    this.end(() => this.options.onDead(reason, kind))
  }
}
