import type { SignMechanism } from '../../algorithms/signature-algorithm.ts'
import type { Trace } from '../../common/trace.ts'
import type { TokenFailure } from '../return-values.ts'
import type { SigningInput } from '../signing-input.ts'

/** A request is given to sessions at most this often. */
const MAX_ATTEMPTS = 3

/** A request for a signature, from the queue to the answer. It is settled exactly once, by whatever comes first. */
export class SigningJob implements SigningInput {
  readonly key: number
  readonly mechanism: SignMechanism
  readonly data: Uint8Array
  readonly verify: (signature: Uint8Array) => boolean
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number
  /** On whose account it is; undefined where nobody said. */
  readonly owner: string | undefined
  /** Jobs of earlier turns are signed before. An owner has one job in each turn. */
  readonly turn: number
  /** The trace that it belongs to, if any. */
  readonly trace: Trace | undefined
  readonly signature: Promise<Uint8Array>
  readonly arrivedAt = performance.now()
  /** How often the job was given to a session. */
  attempts = 0
  /** Whether a second session was asked, since the first takes long: two may work on it at once. */
  hedged = false
  /** True while a busy session has been told that this job comes next. */
  announced = false
  /** Time at which it may be repeated on a token that throttles, in ms of `performance.now()`. */
  restsUntil = 0
  /** The failure for which a session last gave it back. */
  lastFailure: TokenFailure | undefined
  settled = false
  /** True if nobody waits for the signature any more. */
  abandoned = false
  readonly #timer: NodeJS.Timeout
  #resolve!: (signature: Uint8Array) => void
  #reject!: (error: Error) => void

  /**
   * @param deadline ms of `performance.now()`
   * @param onDeadline called when the deadline passes before the job is settled
   */
  constructor(
    { key, mechanism, data, verify }: SigningInput,
    deadline: number,
    onDeadline: (job: SigningJob) => void,
    { owner, turn, trace }: Pick<SigningJob, 'owner' | 'turn'> & Partial<Pick<SigningJob, 'trace'>>,
  ) {
    this.key = key
    this.mechanism = mechanism
    this.data = data
    this.verify = verify
    this.deadline = deadline
    this.owner = owner
    this.turn = turn
    this.trace = trace
    this.signature = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // After the event loop stood still, the timer is due before answers that came in time are read
    const judge = () => !this.settled && onDeadline(this)
    this.#timer = setTimeout(() => setImmediate(judge), Math.max(0, deadline - performance.now()))
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
