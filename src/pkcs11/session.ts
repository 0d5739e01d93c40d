import type { SessionOrder, WithdrawOrder } from './messages.ts'
import type { TokenFailure } from './return-values.ts'
import type { SigningInput } from './signing-input.ts'
import { SigningJob } from './signing-job.ts'

/**
 * - `opening`: there is no session yet, or one that has to make a test signature before it is used
 * - `idle`, `busy`: it is open, and its test signature verified
 * - `zombie`: its call takes too long and may never return; it gets no job until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

/** Why a session was called: to open it, to test it before or while it is in use, or to do a job. */
export type Purpose = 'open' | 'test' | 'retest' | 'job'

/** An order that has not been answered, and when the session could begin with it. */
interface Call {
  readonly type: SessionOrder['type']
  readonly ticket: number
  readonly since: number
}

function isUsable(state: SessionState): boolean {
  return state === 'idle' || state === 'busy'
}

/** One session, seen from the HTTP process: its orders, and what is known of its state. */
export class Session {
  readonly number: number
  state: SessionState = 'opening'
  /** When the state began, in ms of `performance.now()`, as are all times here. */
  since = performance.now()
  /** When it was last no longer usable; 0 where it never was. */
  unusableSince = 0
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
  /** The job after that: the session has the order already and need not wait for it. The job stays in the queue. */
  #next: { readonly job: SigningJob; readonly ticket: number } | undefined
  readonly #testKey: number
  readonly #send: (message: SessionOrder | WithdrawOrder) => void
  #lastTicket = 0
  /** Answers to other orders than this one are dropped. */
  #call: Call | undefined

  /** @param testKey place of the key that makes its test signatures */
  constructor(number: number, testKey: number, send: (message: SessionOrder | WithdrawOrder) => void) {
    this.number = number
    this.#testKey = testKey
    this.#send = send
  }

  /** The order that has not been answered yet. */
  get call(): Call | undefined {
    return this.#call
  }

  /** When it could begin with that order, or when its state began where there is none. */
  get callingSince(): number {
    return this.#call?.since ?? this.since
  }

  /** Returns whether it signs and has not been told what it signs next. */
  get lacksNext(): boolean {
    return this.#call?.type === 'sign' && this.state === 'busy' && this.#next === undefined
  }

  /** Returns whether it signs or soon will, since nothing failed in it. */
  get isPromising(): boolean {
    const { state, failures, throttles } = this
    return isUsable(state) || (state === 'opening' && failures === 0 && throttles === 0)
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

  /** @returns the call that an answer ends; undefined when it answers an older order, or none */
  accept(ticket: number): Call | undefined {
    const call = this.#call
    if (ticket !== call?.ticket) {
      return undefined
    }
    this.#call = undefined
    return call
  }

  enter(state: SessionState): void {
    const now = performance.now()
    if (isUsable(this.state) && !isUsable(state)) {
      this.unusableSince = now
    }
    this.state = state
    this.since = now
    this.wakeAt = undefined
    this.withdrawNext()
  }

  /** Counts that it could not be opened, or not make its test signature. */
  fail(): void {
    this.enter('opening')
    this.failures += 1
    this.failedAt = this.since
  }

  sign(work: SigningInput): void {
    this.input = work
    this.#begin('sign', this.#orderToSign(work))
  }

  /** Orders what it is to sign after its present job. */
  signNext(job: SigningJob): void {
    job.announcedTo = this
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

  /** Takes the next job back; where that is too late, its signature is dropped. */
  withdrawNext(): void {
    const next = this.#takeNext()
    if (next !== undefined) {
      this.#send({ type: 'withdraw', session: this.number, ticket: next.ticket })
    }
  }

  reopen(): void {
    this.enter('opening')
    const ticket = this.#nextTicket()
    this.#send({ type: 'reopen', session: this.number, ticket, key: this.#testKey })
    this.#begin('reopen', ticket)
  }

  opened(): void {
    this.openedAt = performance.now()
  }

  succeeded(): void {
    this.input = undefined
    this.failures = 0
    this.throttles = 0
    this.lastFailure = undefined
  }

  /** Has all its answers dropped. Returns what it signs. */
  abandon(): SigningInput | undefined {
    const { input } = this
    this.#call = undefined
    this.input = undefined
    this.withdrawNext()
    return input
  }

  #takeNext() {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined) {
      next.job.announcedTo = undefined
    }
    return next
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

  #begin(type: Call['type'], ticket: number): void {
    this.#call = { type, ticket, since: performance.now() }
  }
}
