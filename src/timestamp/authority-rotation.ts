/** In which turn several are tried, where each can fail for some time. */
export class AuthorityRotation<T> {
  readonly #all: readonly T[]
  readonly #restMs: number
  /** Of those that failed last: until when they are tried last, in milliseconds of `performance.now()`. */
  readonly #restsUntil = new Map<T, number>()

  /** @param restMs for which one that failed is tried last */
  constructor(all: readonly T[], restMs: number) {
    this.#all = all
    this.#restMs = restMs
  }

  /** As they were given; at the end those that rest, of which the first was left alone for longest. */
  order(): T[] {
    const now = performance.now()
    const restsUntil = (one: T) => {
      const until = this.#restsUntil.get(one) ?? 0
      return until > now ? until : 0
    }
    return this.#all.toSorted((a, b) => restsUntil(a) - restsUntil(b))
  }

  /** Of those that come while one is tried again only the first finds out how it is. */
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
