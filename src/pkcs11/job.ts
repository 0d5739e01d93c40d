/** A DigestInfo on its way to a signature, with its deadline. Settled exactly once, by whatever comes first. */
export class Job {
  readonly data: Uint8Array
  /** Milliseconds of `performance.now()`. */
  readonly deadline: number
  readonly signature: Promise<Uint8Array>
  /** How often it was given to a session, those times not counted that the token was short of something. */
  attempts = 0
  throttled = 0
  settled = false
  /** Nobody wants the signature any more. */
  abandoned = false
  readonly #timer: NodeJS.Timeout
  #resolve!: (signature: Uint8Array) => void
  #reject!: (error: Error) => void

  /** @param onDeadline called when the deadline passes before it is settled */
  constructor(data: Uint8Array, deadline: number, onDeadline: (job: Job) => void) {
    this.data = data
    this.deadline = deadline
    this.signature = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // After the event loop stood still, the timer is due before answers that came in time are read
    const judge = () => !this.settled && onDeadline(this)
    this.#timer = setTimeout(() => setImmediate(judge), Math.max(0, deadline - performance.now()))
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
