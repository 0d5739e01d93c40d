/** Bytes of bodies that are read in one turn of the event loop: with all algorithms they are hashed in 2 ms or less. */
const BYTES_OF_A_TURN = 262_144

/**
 * Has the bodies of all requests together take no more than two milliseconds or so of a turn of the event loop. Node accepts
 * one connection a turn, and a newcomer behind a hundred others waits for as many turns.
 */
export class ReadingTurns {
  readonly #waiting: (() => void)[] = []
  /** Bytes that were read in this turn, and in those before it that read few. */
  #read = 0
  #isEnding = false

  /**
   * Counts bytes that are read in this turn.
   *
   * @returns whether there is no time left in it for more
   */
  count(bytes: number): boolean {
    this.#read += bytes
    // Its end costs the event loop a turn, which the many requests with small bodies need not pay for
    if (this.#read >= BYTES_OF_A_TURN / 2) {
      this.#endTurn()
    }
    return this.#read >= BYTES_OF_A_TURN
  }

  /** @param goOn is called in a later turn, after those that asked before */
  wait(goOn: () => void): void {
    this.#waiting.push(goOn)
    this.#endTurn()
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
    if (this.#waiting.length > 0) {
      this.#endTurn()
    }
  }
}
