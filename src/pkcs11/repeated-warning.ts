import type { BaseLogger } from 'pino'

/** What goes on is said again this often, in milliseconds. */
const REMINDER_MS = 60_000

/** Warnings about what is tried every second: each is logged when it is new, and once a minute while it goes on. */
export class RepeatedWarning {
  readonly #log: BaseLogger
  readonly #saidAt = new Map<string, number>()

  constructor(log: BaseLogger) {
    this.#log = log
  }

  say(message: string, details: object = {}): void {
    const now = performance.now()
    for (const [said, at] of this.#saidAt) {
      if (now - at >= REMINDER_MS) {
        this.#saidAt.delete(said)
      }
    }
    if (!this.#saidAt.has(message)) {
      this.#saidAt.set(message, now)
      this.#log.warn(details, message)
    }
  }

  /** It is over: should it come again, it is new. */
  forget(): void {
    this.#saidAt.clear()
  }
}
