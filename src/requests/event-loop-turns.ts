/** Bytes of bodies that are read in one turn of the event loop; all algorithms together hash them in 2 ms or less. */
const BYTES_OF_A_TURN = 262_144

/** Callbacks that begin in one turn, which take about as long. */
const CALLBACKS_OF_A_TURN = 16
/** Cost of beginning a callback, as the number of bytes that are hashed in the same time. */
const CALLBACK_COST = BYTES_OF_A_TURN / CALLBACKS_OF_A_TURN

/**
 * Limits the time that work takes of one turn of the event loop to some 2 ms; the rest waits for later turns. Node
 * accepts one connection a turn, so that a new one behind a hundred others waits for as many turns. In between, sessions
 * get their jobs and health checks are answered.
 */
export class EventLoopTurns {
  /** Bodies of which the rest waits to be read. */
  readonly #waiting: (() => void)[] = []
  readonly #callbacks: (() => void)[] = []
  /** Bytes that were read in this turn, and in turns before it that read few. */
  #read = 0
  #isEnding = false

  /**
   * Counts bytes that are read in this turn.
   *
   * @returns true if this turn has no time left for more
   */
  count(bytes: number): boolean {
    this.#read += bytes
    // Ending a turn delays the event loop, which requests with small bodies need not pay for
    if (this.#read >= BYTES_OF_A_TURN / 2) {
      this.#endTurn()
    }
    return this.#read >= BYTES_OF_A_TURN
  }

  /** Calls `goOn` in a later turn, after those that waited before. */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn)
    this.#endTurn()
  }

  /** Begins a callback at once if this turn has time for it and none waits, or else in a later turn, with 15 others. */
  begin(callback: () => void): void {
    if (this.#callbacks.length > 0 || this.#read >= BYTES_OF_A_TURN) {
      this.#callbacks.push(callback)
      this.#endTurn()
    } else {
      this.count(CALLBACK_COST)
      callback()
    }
  }

  #endTurn(): void {
    if (!this.#isEnding) {
      this.#isEnding = true
      setImmediate(this.#next)
    }
  }

  readonly #next = (): void => {
    this.#isEnding = false
    this.#read = 0
    this.#waiting.shift()?.()
    const now = Math.min(this.#callbacks.length, CALLBACKS_OF_A_TURN)
    this.#read += now * CALLBACK_COST
    for (let count = 0; count < now; count++) {
      // Each begins by itself, so that its promises settle before the next one
      setImmediate(() => this.#callbacks.shift()?.())
    }
    if (this.#waiting.length > 0 || now > 0) {
      this.#endTurn()
    }
  }
}
