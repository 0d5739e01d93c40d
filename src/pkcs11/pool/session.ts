import type { SessionOrder, ToSession } from '../messages.ts'
import type { TokenFailure } from '../return-values.ts'
import type { SigningInput } from '../signing-input.ts'
import { SigningJob } from './signing-job.ts'

/**
 * - `opening`: there is no session yet, or one that has to make a test signature before it is used
 * - `idle`, `busy`: it is open, and its test signature verified
 * - `zombie`: its call takes too long and may never return; it gets no job until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

/** Why a session was called: to open it, to test it before or while it is in use, or to do a job. */
export type Purpose = 'open' | 'test' | 'retest' | 'job'

/** A job that a session was told of, and the ticket of the order. */
interface Told {
  readonly job: SigningJob
  readonly ticket: number
}

/** One session, seen from the HTTP process: its orders, and what is known of its state. */
export class Session {
  readonly number: number
  state: SessionState = 'opening'
  /** When the state began, in ms of `performance.now()`, as are all times here. */
  since = performance.now()
  openedAt = 0
  /** How often in a row it could not be opened, or not make its test signature, and when last. */
  failures = 0
  failedAt = 0
  /** How often in a row the token throttled it. */
  throttles = 0
  /** The failure of the last call, until one succeeds. */
  lastFailure: TokenFailure | undefined
  /** When it has waited long enough after a failure. */
  wakeAt: number | undefined
  /** Input that it signs, even if nobody waits for the signature any more. */
  input: SigningInput | undefined
  /** The order that has not been answered yet, and when the session could begin with it. Answers to earlier ones are dropped. */
  call: (Pick<SessionOrder, 'type' | 'ticket'> & { readonly since: number }) | undefined
  /** The job after that: the session has the order already and need not wait for it. The job stays in the queue. */
  #next: Told | undefined
  /** The job that was taken back last, until it is known whether the session had begun with it. */
  #withdrawn: Told | undefined
  readonly #testKey: number
  readonly #send: (message: ToSession) => void
  #lastTicket = 0

  /** @param testKey place of the key that makes its test signatures */
  constructor(number: number, testKey: number, send: (message: ToSession) => void) {
    this.number = number
    this.#testKey = testKey
    this.#send = send
  }

  /** Time at which it could begin with its call, or at which its state began if there is none. */
  get callingSince(): number {
    return this.call?.since ?? this.since
  }

  /** The job that it works on, if somebody still waits for its signature. */
  get job(): SigningJob | undefined {
    return this.input instanceof SigningJob && !this.input.settled ? this.input : undefined
  }

  /** The job that it has been told comes next. */
  get nextJob(): SigningJob | undefined {
    return this.#next?.job
  }

  /** True if it can be told of a job: one at a time, and none while it may sign one that was taken back. */
  get isUntold(): boolean {
    return this.#next === undefined && this.#withdrawn === undefined
  }

  /** Returns whether it works on the job, or may begin with it though it was taken back. */
  has(job: SigningJob): boolean {
    return this.input === job || this.#withdrawn?.job === job
  }

  /** Returns whether it signs or soon will, since nothing failed in it. */
  get isPromising(): boolean {
    const { state, failures, throttles } = this
    return state === 'idle' || state === 'busy' || (state === 'opening' && failures + throttles === 0)
  }

  /** Why it is called, or was until its answer came. */
  get purpose(): Purpose {
    if (this.input === undefined) {
      return 'open'
    }
    if (this.input instanceof SigningJob) {
      return 'job'
    }
    return this.state === 'busy' ? 'retest' : 'test'
  }

  enter(state: SessionState): void {
    this.state = state
    this.since = performance.now()
    this.wakeAt = undefined
    this.withdrawNext()
  }

  sign(input: SigningInput): void {
    this.input = input
    this.#begin('sign', this.#orderToSign(input))
  }

  /** Orders what it is to sign after its present job. */
  signNext(job: SigningJob): void {
    job.announced = true
    this.#next = { job, ticket: this.#orderToSign(job) }
  }

  /** Goes on with the next job. Returns it, undefined where there is none. */
  advance(): SigningJob | undefined {
    const next = this.#takeNext()
    if (next !== undefined) {
      this.input = next.job
      this.#begin('sign', next.ticket)
    }
    return next?.job
  }

  /** Takes the next job back. The session answers whether it had begun with it, and `endWithdrawal` is called then. */
  withdrawNext(): void {
    const next = this.#takeNext()
    if (next !== undefined) {
      this.#withdrawn = next
      this.#send({ type: 'withdraw', session: this.number, ticket: next.ticket })
    }
  }

  /** Returns the job that was taken back where the ticket is that of its order, which has been answered. */
  endWithdrawal(ticket: number): SigningJob | undefined {
    const withdrawn = this.#withdrawn
    if (withdrawn?.ticket !== ticket) {
      return undefined
    }
    this.#withdrawn = undefined
    return withdrawn.job
  }

  #takeNext(): Told | undefined {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined) {
      next.job.announced = false
    }
    return next
  }

  reopen(): void {
    this.enter('opening')
    const ticket = this.#nextTicket()
    this.#send({ type: 'reopen', session: this.number, ticket, key: this.#testKey })
    this.#begin('reopen', ticket)
  }

  /** Closes it until it is opened anew. */
  end(): void {
    this.succeeded()
    this.#send({ type: 'end', session: this.number })
  }

  /** Forgets what it signed, and that it failed before. */
  succeeded(): void {
    this.input = undefined
    this.failures = 0
    this.throttles = 0
    this.lastFailure = undefined
  }

  #orderToSign({ key, mechanism, data }: SigningInput): number {
    const ticket = this.#nextTicket()
    this.#send({ type: 'sign', session: this.number, ticket, key, mechanism, data })
    return ticket
  }

  #nextTicket(): number {
    this.#lastTicket += 1
    return this.#lastTicket
  }

  #begin(type: SessionOrder['type'], ticket: number): void {
    this.call = { type, ticket, since: performance.now() }
  }
}
