import type { Logger } from 'pino'

/** Lines of one kind in a second that are more than anybody reads, and still fill no disk in a day. */
const LINES = 100
const INTERVAL_MS = 1_000

/**
 * Limits log lines that anybody who reaches the service can cause in any number. Beyond 100 a second of one kind, lines
 * are counted, and one line says how many there were.
 */
export class LineLimit {
  readonly #logger: Pick<Logger, 'warn'>
  /** Lines in this second, by kind. */
  readonly #counts = new Map<string, number>()

  constructor(logger: Pick<Logger, 'warn'>) {
    this.#logger = logger
  }

  /** @param kind one of few: callers must not be able to make kinds up */
  admits(kind: string): boolean {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count === 1) {
      setTimeout(() => this.#end(kind), INTERVAL_MS).unref()
    }
    return count <= LINES
  }

  /** Says what was counted and not said; called at the end of the service. */
  flush(): void {
    for (const kind of this.#counts.keys()) {
      this.#end(kind)
    }
  }

  #end(kind: string): void {
    const suppressed = (this.#counts.get(kind) ?? 0) - LINES
    this.#counts.delete(kind)
    if (suppressed > 0) {
      this.#logger.warn({ code: kind, suppressed }, 'more lines of this kind in a second than are logged')
    }
  }
}
