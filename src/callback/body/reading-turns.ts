/** Bodies that are read on in one turn of the event loop: together some 6 ms of hashing, or 30 of the shortest chunks. */
const BODIES_OF_A_TURN = 2

/** Has large bodies read on in turns, in the order in which they ask: in between, others get their answers. */
export class ReadingTurns {
  readonly #waiting: (() => void)[] = []

  /** @param readOn is called in a later turn */
  wait(readOn: () => void): void {
    if (this.#waiting.push(readOn) === 1) {
      setImmediate(this.#next)
    }
  }

  readonly #next = (): void => {
    for (const readOn of this.#waiting.splice(0, BODIES_OF_A_TURN)) {
      readOn()
    }
    if (this.#waiting.length > 0) {
      setImmediate(this.#next)
    }
  }
}
