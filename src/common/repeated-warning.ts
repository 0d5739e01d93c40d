/** What goes on is said again this often, in milliseconds. */
const REMINDER_MS = 60_000

interface Log {
  warn(details: object, message: string): void
}

/** Warnings about what is tried every second: each is logged when it is new, and once a minute while it goes on. */
export class RepeatedWarning {
  readonly #log: Log
  readonly #saidAt = new Map<string, number>()

  constructor(log: Log) {
    this.#log = log
  }

  /** @param about what goes on, where messages about it differ */
  say(message: string, details: object = {}, about = message): void {
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

  /** It is over: should it come again, it is new. */
  forget(): void {
    this.#saidAt.clear()
  }
}
