/** How many callbacks begin in one turn of the event loop: some milliseconds of work. */
const CALLBACKS_OF_A_TURN = 16

/**
 * Has callbacks begin in turns. Those that come together, more than a turn is for, wait for the next ones in their order:
 * in between, sessions are given their orders and health checks their answers. However many requests have to be refused,
 * the HSM does not wait for that.
 */
export class EventLoopTurns {
  readonly #waiting: (() => void)[] = []
  /** In this turn. */
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
      // Each by itself, so that what it does by promises is done before the next one
      setImmediate(act)
    }
    if (acts.length > 0) {
      setImmediate(() => this.#next())
    }
  }
}
