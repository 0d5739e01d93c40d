/** Chooses the order in which authorities are tried. One that failed comes last for some time. */
export class AuthorityRotation<T> {
  readonly #all: readonly T[]
  readonly #restMs: number
  /** Time until which an authority that failed is tried last, in ms of `performance.now()`. */
  readonly #restsUntil = new Map<T, number>()

  /** @param restMs time in ms for which an authority that failed is tried last */
  constructor(all: readonly T[], restMs: number) {
    this.#all = all
    this.#restMs = restMs
  }

  /** Returns all in the given order, but at the end those that rest, and first among them the one that failed first. */
  order(): T[] {
    const now = performance.now()
    const restsUntil = (one: T) => {
      const until = this.#restsUntil.get(one) ?? 0
      return until > now ? until : 0
    }
    return this.#all.toSorted((a, b) => restsUntil(a) - restsUntil(b))
  }

  /** Lets one that failed rest again while it is tried, so that only one request at a time waits for it. */
  begin(one: T): void {
    if (this.#restsUntil.has(one)) {
      this.fail(one)
    }
  }

  succeed(one: T): void {
    this.#restsUntil.delete(one)
  }

  fail(one: T): void {
    this.#restsUntil.set(one, performance.now() + this.#restMs)
  }
}
