/** Interval at which a continuing problem is logged again, in ms. */
const REMINDER_MS = 60_000

interface Log {
  warn(details: object, message: string): void
}

/** Logs a warning about a repeated problem when it is new, and once a minute while it continues. */
export class RepeatedWarning {
  readonly #log: Log
  readonly #saidAt = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  /**
   * Logs a warning unless it was logged within the last minute.
   *
   * @param about identifies the problem, if messages about it differ
   */
  warn(message: string, details: object = {}, about = message): void {
    const now = performance.now()
    for (const [said, at] of this.#saidAt) {
      if (now - at >= REMINDER_MS) {
        this.#saidAt.delete(said)
      }
    }
    if (!this.#saidAt.has(about)) {
      this.#saidAt.set(about, now)
      this.#log.warn(details, message)
    }
  }

  /** Notes that all problems have ended, so that each counts as new if it comes again. */
  reset(): void {
    this.#saidAt.clear()
  }
}
