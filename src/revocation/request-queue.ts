/** Says that nobody answered in time. */
export class NoAnswer extends Error {}

/** Says that others got no answer, so that one was not even asked for. */
export class NotAsked extends Error {}

/** The requests to one address. */
interface Line {
  running: number
  /** Each is called when its turn has come, or with the reason why it will not come. */
  readonly waiting: ((reason?: NotAsked) => void)[]
  /** Requests in a row that nobody answered. */
  unanswered: number
}

/**
 * Sends a few requests at a time to an address: a thousand certificates of an authority would otherwise ask it a thousand times at
 * once. Where as many in a row get no answer in time, those that wait are over too, since each would wait as long.
 */
export class RequestQueue {
  readonly #most: number
  readonly #lines = new Map<string, Line>()

  /** @param most requests to an address at the same time */
  constructor(most: number) {
    this.#most = most
  }

  /**
   * Calls `send` when its turn has come.
   *
   * @param address of any form, as long as it is the same for all that must wait for each other
   * @throws NotAsked, or what `send` threw
   */
  async inTurn<T>(address: string, send: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(address) ?? { running: 0, waiting: [], unanswered: 0 }
    this.#lines.set(address, line)
    if (line.running === this.#most) {
      // Who ended has left its place to this one
      await new Promise<void>((resolve, reject) =>
        line.waiting.push((reason) => (reason === undefined ? resolve() : reject(reason))),
      )
    } else {
      line.running += 1
    }
    return await send()
      .then(
        (answer) => {
          line.unanswered = 0
          return answer
        },
        (error) => {
          this.#countFailure(line, error)
          throw error
        },
      )
      .finally(() => this.#leave(address, line))
  }

  #countFailure(line: Line, error: Error): void {
    line.unanswered = error instanceof NoAnswer ? line.unanswered + 1 : 0
    if (line.unanswered >= this.#most) {
      for (const giveUp of line.waiting.splice(0)) {
        giveUp(new NotAsked(error.message))
      }
    }
  }

  #leave(address: string, line: Line): void {
    const next = line.waiting.shift()
    if (next !== undefined) {
      next()
      return
    }
    line.running -= 1
    if (line.running === 0) {
      this.#lines.delete(address)
    }
  }
}
