import type { Job } from './job.ts'
import type { ToSession } from './messages.ts'

/**
 * - `opening`: no session yet, or one that has not proved itself by a test signature
 * - `idle`, `busy`: open and proved
 * - `zombie`: its call outlived the deadline and may never return; it gets no work until it has
 */
export type SessionState = 'opening' | 'idle' | 'busy' | 'zombie'

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
  /** The last order; answers to older ones are dropped. */
  #ticket = 0

  constructor(number: number, send: (order: ToSession) => void) {
    this.number = number
    this.#send = send
  }

  get ticket(): number {
    return this.#ticket
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
    this.#ticket = -1
    return this.takeJob()
  }
}
