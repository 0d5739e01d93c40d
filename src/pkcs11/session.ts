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
  waits = false
  /** How often that happened since it last proved itself, and when last. */
  failures = 0
  failedAt = 0
  /** The return value of the call that failed last, until one succeeds. */
  lastFailure: string | undefined
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
      this.#stopTimer()
    }
    return current
  }

  enter(state: SessionState): void {
    this.state = state
    this.waits = false
    this.since = performance.now()
  }

  fail(): void {
    this.enter('opening')
    this.waits = true
    this.failures += 1
    this.failedAt = this.since
  }

  sign(job: Job): void {
    this.job = job
    job.attempts += 1
    this.#ticket += 1
    // After the event loop stood still, the timer is due before answers that came in time are read
    const judge = () => this.#timer === timer && this.#onLate(this)
    const timer = setTimeout(() => setImmediate(judge), this.#timeoutMs + LATE_MS)
    this.#timer = timer
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
    this.#stopTimer()
    this.#ticket = -1
    return this.takeJob()
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
