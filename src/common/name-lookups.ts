/**
 * Looks up names so that one which no name server answers does not keep others waiting. A lookup of the system cannot be ended: it
 * keeps one of a few threads for tens of seconds, whatever has become of the request.
 */
import { lookup as lookupOfSystem } from 'node:dns'
import type { LookupFunction } from 'node:net'

/** Threads of libuv's pool; at most half of them look up names at the same time. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4

/** Most lookups under way that may take long, which is half of those that libuv allows. */
const MOST_SLOW = Math.max(1, Math.floor(THREADS / 4))

/** Time that a lookup may take, in ms, before its name counts as slow. */
const SLOW_MS = 1_000

/** Names that are remembered as slow. More are forgotten, the oldest first. */
const MAX_SLOW = 1_000

type Callback = Parameters<LookupFunction>[2]

export interface NameLookupsOptions {
  /** Replaces that of the system in tests. */
  readonly lookup?: LookupFunction
  /** Most lookups under way that may take long. */
  readonly mostSlow?: number
  readonly slowMs?: number
}

/**
 * Lookups of one process. A name that is looked up already is not looked up again meanwhile. Of those that were slow before, and of
 * those for what is asked in the background, some are under way at the same time, and the others wait.
 */
export class NameLookups {
  readonly #lookup: LookupFunction
  readonly #mostSlow: number
  readonly #slowMs: number
  /** Callbacks of lookups that are under way, or wait for that. */
  readonly #asked = new Map<string, Callback[]>()
  readonly #slowNames = new Set<string>()
  /** Begin lookups that may take long, in the order in which they came. */
  readonly #waiting: (() => void)[] = []
  #slowUnderWay = 0

  constructor({
    lookup = lookupOfSystem as LookupFunction,
    mostSlow = MOST_SLOW,
    slowMs = SLOW_MS,
  }: NameLookupsOptions = {}) {
    this.#lookup = lookup
    this.#mostSlow = mostSlow
    this.#slowMs = slowMs
  }

  /** Looks up a name for a request that somebody waits for. */
  readonly forCallers: LookupFunction = (...asked) => this.#ask(false, asked)

  /** Looks up a name for what is asked in the background. */
  readonly inBackground: LookupFunction = (...asked) => this.#ask(true, asked)

  #ask(isBackground: boolean, [name, options, callback]: Parameters<LookupFunction>): void {
    const key = JSON.stringify([name, options.family, options.hints, options.all])
    const callbacks = this.#asked.get(key)
    if (callbacks !== undefined) {
      callbacks.push(callback)
      return
    }
    this.#asked.set(key, [callback])
    if (isBackground || this.#slowNames.has(name)) {
      this.#waiting.push(() => {
        this.#slowUnderWay += 1
        this.#begin(key, name, options, () => {
          this.#slowUnderWay -= 1
          this.#beginNext()
        })
      })
      this.#beginNext()
    } else {
      this.#begin(key, name, options, () => {})
    }
  }

  #beginNext(): void {
    if (this.#slowUnderWay < this.#mostSlow) {
      this.#waiting.shift()?.()
    }
  }

  #begin(key: string, name: string, options: Parameters<LookupFunction>[1], end: () => void): void {
    const begun = performance.now()
    this.#lookup(name, options, (...found) => {
      this.#remember(name, performance.now() - begun >= this.#slowMs)
      const callbacks = this.#asked.get(key) as Callback[]
      this.#asked.delete(key)
      end()
      for (const callback of callbacks) {
        callback(...found)
      }
    })
  }

  #remember(name: string, isSlow: boolean): void {
    this.#slowNames.delete(name)
    if (isSlow) {
      this.#slowNames.add(name)
      const [oldest] = this.#slowNames
      if (this.#slowNames.size > MAX_SLOW) {
        this.#slowNames.delete(oldest as string)
      }
    }
  }
}

/** The lookups of this process, which share its threads. */
export const nameLookups = new NameLookups()
