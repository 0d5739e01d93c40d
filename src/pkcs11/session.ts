import type { SigningJob } from './signing-job.ts'
import type { SessionOrder, WithdrawOrder } from './messages.ts'
import type { SigningInput } from './signing-input.ts'

/**
 * - `opening`: no session yet, or one that has to prove itself by a test signature
 * - `idle`, `busy`: open and proved
 * - `zombie`: its call takes too long and may never return; it gets no work until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

/** What it was ordered to do, and when it could begin. */
interface Call {
  readonly type: SessionOrder['type']
  readonly ticket: number
  readonly since: number
}

function isUsable(state: SessionState): boolean {
  return state === 'idle' || state === 'busy'
}

/** One session, seen from the HTTP process: what it was ordered to do, and what it is known to be. */
export class Session {
  readonly number: number
  state: SessionState = 'opening'
  /** When the state began. Milliseconds of `performance.now()`, as all times here. */
  since = performance.now()
  /** When it last stopped being of use; 0 where it never was. */
  unusableSince = 0
  openedAt = 0
  /** How often in a row it could not be opened or not prove itself, and when last. */
  failures = 0
  failedAt = 0
  /** How often in a row the token was short of something. */
  throttles = 0
  /** The return value of the call that failed last, until one succeeds. */
  lastFailure: string | undefined
  /** It rests until then. */
  wakeAt: number | undefined
  /** What it is working on; what nobody waits for any more among it. */
  input: SigningInput | undefined
  /** What it will work on next: it has the order already, so that it need not wait for one. The job is queued all the same. */
  #next: { readonly job: SigningJob; readonly ticket: number } | undefined
  readonly #testKey: number
  readonly #send: (message: SessionOrder | WithdrawOrder) => void
  #lastTicket = 0
  /** Answers to other orders are dropped. */
  #call: Call | undefined

  /** @param testKey place of the key that it proves itself with */
  constructor(number: number, testKey: number, send: (message: SessionOrder | WithdrawOrder) => void) {
    this.number = number
    this.#testKey = testKey
    this.#send = send
  }

  /** The order that has not been answered yet. */
  get call(): Call | undefined {
    return this.#call
  }

  /** When it could begin with that, or with nothing. */
  get callingSince(): number {
    return this.#call?.since ?? this.since
  }

  /** Whether it signs, and can be told what it signs next. */
  get lacksNext(): boolean {
    return this.#call?.type === 'sign' && this.state === 'busy' && this.#next === undefined
  }

  /** Whether it signs or soon will: nothing speaks against it but that it is opened anew. */
  get isPromising(): boolean {
    const { state, failures, throttles } = this
    return isUsable(state) || (state === 'opening' && failures === 0 && throttles === 0)
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

  /** It could not be opened, or not prove itself. */
  fail(): void {
    this.enter('opening')
    this.failures += 1
    this.failedAt = this.since
  }

  sign(work: SigningInput): void {
    this.input = work
    this.#begin('sign', this.#orderToSign(work))
  }

  /** Orders what it is to sign when it has done what it does. */
  signNext(job: SigningJob): void {
    job.announcedTo = this
    this.#next = { job, ticket: this.#orderToSign(job) }
  }

  /** Goes on with what comes next. Returns it, undefined where nothing does. */
  advance(): SigningJob | undefined {
    const next = this.#takeNext()
    if (next !== undefined) {
      this.input = next.job
      this.#begin('sign', next.ticket)
    }
    return next?.job
  }

  /** Takes back what comes next; where that is too late, what is made of it counts no more. */
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
    this.failures = 0
    this.throttles = 0
    this.lastFailure = undefined
  }

  takeInput(): SigningInput | undefined {
    const { input } = this
    this.input = undefined
    return input
  }

  /** Nothing that it answers counts any more. */
  abandon(): SigningInput | undefined {
    this.#call = undefined
    this.withdrawNext()
    return this.takeInput()
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
