import type { Logger } from 'pino'

/** Most lines of one kind in a second: more than anybody reads, and too few to fill a disk in a day. */
const MAX_LINES = 100
const INTERVAL_MS = 1_000

/**
 * Limits log lines that any caller can cause in any number. Beyond 100 lines of one kind in a second, lines are
 * counted, and one line says how many there were.
 */
export class LineLimit {
  readonly #logger: Pick<Logger, 'warn'>
  /** Number of lines in this second, keyed by kind. */
  readonly #counts = new Map<string, number>()

  constructor(logger: Pick<Logger, 'warn'>) {
    this.#logger = logger
  }

  /**
   * Counts a line, and returns whether it may be logged.
   *
   * @param kind one of few values, which callers must not be able to make up
   */
  admits(kind: string): boolean {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count === 1) {
      setTimeout(() => this.#end(kind), INTERVAL_MS).unref()
    }
    return count <= MAX_LINES
  }

  /** Logs how many lines were left out so far; called at the end of the service. */
  flush(): void {
    for (const kind of this.#counts.keys()) {
      this.#end(kind)
    }
  }

  #end(kind: string): void {
    const suppressed = (this.#counts.get(kind) ?? 0) - MAX_LINES
    this.#counts.delete(kind)
    if (suppressed > 0) {
      this.#logger.warn({ code: kind, suppressed }, 'more lines of this kind in a second than are logged')
    }
  }
}
