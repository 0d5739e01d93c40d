import type { Job } from './job.ts'
import type { ToSession } from './messages.ts'

/**
 * - `opening`: no session yet, or one that has not proved itself by a test signature
 * - `idle`, `busy`: open and proved
 * - `zombie`: its call takes too long and may never return; it gets no work until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

/** How much longer than a request may take a call must take before its session counts as a zombie. */
const LATE_MS = 100

/** One session, seen from the HTTP process: what it was ordered to do last, and what it is known to be. */
export class Session {
  readonly number: number
  state: SessionState = 'opening'
  /** When the state began. Milliseconds of `performance.now()`, as all times here. */
  since = performance.now()
  openedAt = 0
  /** Whether it could not be opened, or not prove itself, and waits for another try. */
  failed = false
  /** What it is working on, or will be when it has been opened again; never one that is settled. */
  job: Job | undefined
  readonly #send: (order: ToSession) => void
  readonly #timeoutMs: number
  readonly #onLate: (session: Session) => void
  #timer: NodeJS.Timeout | undefined
  /** The last order; answers to older ones are dropped. */
  #ticket = 0

  /** @param onLate called when a signing call has not returned long after `timeoutMs` */
  constructor(
    number: number,
    send: (order: ToSession) => void,
    timeoutMs: number,
    onLate: (session: Session) => void,
  ) {
    this.number = number
    this.#send = send
    this.#timeoutMs = timeoutMs
    this.#onLate = onLate
  }

  get ticket(): number {
    return this.#ticket
  }

  /** Whether an answer is that to the last order; if it is, the call has returned. */
  accepts(ticket: number): boolean {
    const current = ticket === this.#ticket
    if (current) {
      clearTimeout(this.#timer)
    }
    return current
  }

  enter(state: SessionState): void {
    this.state = state
    this.failed = false
    this.since = performance.now()
  }

  sign(job: Job): void {
    this.job = job
    job.attempts += 1
    this.#ticket += 1
    this.#timer = setTimeout(() => this.#onLate(this), this.#timeoutMs + LATE_MS)
    this.#send({ type: 'sign', session: this.number, ticket: this.#ticket, data: job.data })
  }

  reopen(): void {
    this.enter('opening')
    this.#ticket += 1
    this.#send({ type: 'reopen', session: this.number, ticket: this.#ticket })
  }

  takeJob(): Job | undefined {
    const { job } = this
    this.job = undefined
    return job
  }

  /** Nothing that it answers counts any more. */
  abandon(): Job | undefined {
    clearTimeout(this.#timer)
    this.#ticket = -1
    return this.takeJob()
  }
}
