import type { SessionOrder } from './messages.ts'
import type { Work } from './work.ts'

/**
 * - `opening`: no session yet, or one that has to prove itself by a test signature
 * - `idle`, `busy`: open and proved
 * - `zombie`: its call takes too long and may never return; it gets no work until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

function isUsable(state: SessionState): boolean {
  return state === 'idle' || state === 'busy'
}

/** One session, seen from the HTTP process: what it was ordered to do last, and what it is known to be. */
export class Session {
  readonly number: number
  state: SessionState = 'opening'
  /** When the state began. Milliseconds of `performance.now()`, as all times here. */
  since = performance.now()
  /** When it last stopped being of use; 0 where it never was. */
  unusableSince = 0
  openedAt = 0
  /** Signatures since it was opened and had proved itself. */
  uses = 0
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
  work: Work | undefined
  readonly #testKey: number
  readonly #send: (order: SessionOrder) => void
  /** The last order; answers to older ones are dropped. */
  #ticket = 0
  #call: { readonly type: SessionOrder['type']; readonly since: number } | undefined

  /** @param testKey place of the key that it proves itself with */
  constructor(number: number, testKey: number, send: (order: SessionOrder) => void) {
    this.number = number
    this.#testKey = testKey
    this.#send = send
  }

  /** The order that has not been answered yet. */
  get call(): { readonly type: SessionOrder['type']; readonly since: number } | undefined {
    return this.#call
  }

  /** Whether it signs or soon will: nothing speaks against it but that it is opened anew. */
  get isPromising(): boolean {
    const { state, failures, throttles } = this
    return isUsable(state) || (state === 'opening' && failures === 0 && throttles === 0)
  }

  /** @returns the call that an answer ends; undefined when it answers an older order, or none */
  accept(ticket: number): { readonly since: number } | undefined {
    if (ticket !== this.#ticket) {
      return undefined
    }
    const call = this.#call
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
  }

  /** It could not be opened, or not prove itself. */
  fail(): void {
    this.enter('opening')
    this.failures += 1
    this.failedAt = this.since
  }

  sign(work: Work): void {
    this.work = work
    const { key, mechanism, data } = work
    this.#order({ type: 'sign', session: this.number, ticket: this.#ticket + 1, key, mechanism, data })
  }

  reopen(): void {
    this.enter('opening')
    this.#order({ type: 'reopen', session: this.number, ticket: this.#ticket + 1, key: this.#testKey })
  }

  opened(): void {
    this.openedAt = performance.now()
    this.uses = 0
  }

  succeeded(): void {
    // What it proves itself with is part of opening it: one use at most would be none, and it be opened for ever
    if (this.state !== 'opening') {
      this.uses += 1
    }
    this.failures = 0
    this.throttles = 0
    this.lastFailure = undefined
  }

  takeWork(): Work | undefined {
    const { work } = this
    this.work = undefined
    return work
  }

  /** Nothing that it answers counts any more. */
  abandon(): Work | undefined {
    this.#ticket = -1
    this.#call = undefined
    return this.takeWork()
  }

  #order(order: SessionOrder): void {
    this.#ticket = order.ticket
    this.#call = { type: order.type, since: performance.now() }
    this.#send(order)
  }
}
