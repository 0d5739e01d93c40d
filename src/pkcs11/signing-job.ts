import type { SignMechanism } from '../algorithms/signature-algorithm.ts'
import type { SigningInput } from './signing-input.ts'

/** A request is given to sessions at most this often. */
const MAX_ATTEMPTS = 3

export interface JobOptions extends SigningInput {
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number
  /** Called when the deadline passes before the job is settled. */
  onDeadline(job: SigningJob): void
}

/** A session that was told of a job. */
interface Announced {
  /** When it could begin with the call that it works on, in ms of `performance.now()`. */
  readonly callingSince: number
  withdrawNext(): void
}

/** A request for a signature, with its deadline. Settled exactly once, by whatever comes first. */
export class SigningJob implements SigningInput {
  readonly key: number
  readonly mechanism: SignMechanism
  readonly data: Uint8Array
  readonly deadline: number
  readonly verify: (signature: Uint8Array) => boolean
  readonly signature: Promise<Uint8Array>
  readonly arrivedAt = performance.now()
  /** How often it was given to a session. */
  attempts = 0
  /** Whether a second session was asked since the first takes long: it may be with two at once. */
  hedged = false
  /** The session that is busy and has been told that this comes next. */
  announcedTo: Announced | undefined
  /** What it was last given back for. */
  lastFailure: string | undefined
  settled = false
  /** Nobody wants the signature any more. */
  abandoned = false
  readonly #timer: NodeJS.Timeout
  #resolve!: (signature: Uint8Array) => void
  #reject!: (error: Error) => void

  constructor({ key, mechanism, data, deadline, verify, onDeadline }: JobOptions) {
    this.key = key
    this.mechanism = mechanism
    this.data = data
    this.deadline = deadline
    this.verify = verify
    this.signature = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // After the event loop stood still, the timer is due before answers that came in time are read
    const judge = () => !this.settled && onDeadline(this)
    this.#timer = setTimeout(() => setImmediate(judge), Math.max(0, deadline - performance.now()))
  }

  get announced(): boolean {
    return this.announcedTo !== undefined
  }

  get mayBeRepeated(): boolean {
    return this.attempts < MAX_ATTEMPTS && !this.abandoned
  }

  succeed(signature: Uint8Array): void {
    this.#settle()
    this.#resolve(signature)
  }

  fail(error: Error): void {
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.settled = true
    clearTimeout(this.#timer)
  }
}
