/** Callbacks that begin in one turn of the event loop, which are some milliseconds of work. */
const CALLBACKS_OF_A_TURN = 16

/**
 * Limits how many callbacks begin in one turn of the event loop; the others wait for later turns, in their order. In
 * between, sessions get their jobs and health checks are answered, so that the HSM does not wait while many requests
 * are refused.
 */
export class EventLoopTurns {
  readonly #waiting: (() => void)[] = []
  /** Number of callbacks that have begun in this turn. */
  #begun = 0

  begin(act: () => void): void {
    if (this.#begun === CALLBACKS_OF_A_TURN || this.#waiting.length > 0) {
      this.#waiting.push(act)
      return
    }
    if (this.#begun === 0) {
      setImmediate(() => this.#next())
    }
    this.#begun += 1
    act()
  }

  #next(): void {
    const acts = this.#waiting.splice(0, CALLBACKS_OF_A_TURN)
    this.#begun = acts.length
    for (const act of acts) {
      // Each callback begins by itself, so that its promises settle before the next one
      setImmediate(act)
    }
    if (acts.length > 0) {
      setImmediate(() => this.#next())
    }
  }
}
