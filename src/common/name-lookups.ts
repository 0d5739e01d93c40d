/**
 * Looks up names so that one which no name server answers does not keep others waiting. A lookup of the system cannot be ended: it
 * keeps one of a few threads for tens of seconds, whatever has become of the request.
 */
import { lookup as lookupOfSystem } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { keepLatest } from './keep-latest.ts'

/** Threads of libuv's pool; at most half of them look up names at the same time. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4

/** Most lookups under way that may take long, which is half of those that libuv allows. */
const MOST_SLOW = Math.max(1, Math.floor(THREADS / 4))

/**
 * Time after which the name of a lookup without a result counts as slow, in ms. One with a result does not, as where a packet was
 * lost: it is asked for again after 5 seconds.
 */
const SLOW_MS = 1_000

/** Names that are remembered. More are forgotten, the oldest first. */
const MAX_KNOWN = 1_000

/**
 * Time for which addresses that were found serve the background, in ms: where a name waits for slow ones, its request may be over
 * when it is found, and the next one comes later.
 */
const KEPT_MS = 60_000

type Asked = Parameters<LookupFunction>
type Callback = Asked[2]

export interface NameLookupsOptions {
  /** Replaces that of the system in tests. */
  readonly lookup?: LookupFunction
  /** Most lookups under way that may take long. */
  readonly mostSlow?: number
  readonly slowMs?: number
  /** Time for which addresses that were found serve the background, in ms. */
  readonly keptMs?: number
}

/** A name that was looked up, and the last answer about it. */
interface KnownName {
  readonly isSlow: boolean
  /** Time of the answer, in ms of `performance.now()`. */
  readonly at: number
  /** The answer, keyed as the lookup. */
  readonly key: string
  readonly answer: Parameters<Callback>
}

/** A lookup that is under way, or waits for others. */
interface Lookup {
  readonly name: string
  readonly callbacks: Callback[]
  /** True if a caller waits for it. */
  isForCaller: boolean
  /** Begins the lookup, and calls `end` when it has ended. */
  readonly begin: (end?: () => void) => void
}

/**
 * Lookups of one process. A name that is looked up already is not looked up again meanwhile. Of those that were slow before, and of
 * those for what is asked in the background, some are under way at the same time, and the others wait: those of the background for
 * those of callers, and slow ones for others.
 */
export class NameLookups {
  readonly #lookup: LookupFunction
  readonly #mostSlow: number
  readonly #slowMs: number
  readonly #keptMs: number
  /** Keyed by the name and the options. */
  readonly #lookups = new Map<string, Lookup>()
  /** Names that were looked up, the last one last. */
  readonly #known = new Map<string, KnownName>()
  /** Lookups that wait, in the order in which they will begin. */
  #waiting: readonly Lookup[] = []
  #slowUnderWay = 0

  constructor({
    lookup = lookupOfSystem as LookupFunction,
    mostSlow = MOST_SLOW,
    slowMs = SLOW_MS,
    keptMs = KEPT_MS,
  }: NameLookupsOptions = {}) {
    this.#lookup = lookup
    this.#mostSlow = mostSlow
    this.#slowMs = slowMs
    this.#keptMs = keptMs
  }

  /** Looks up a name for a request that somebody waits for. */
  readonly forCallers: LookupFunction = (...asked) => this.#ask(false, asked)

  /** Looks up a name for what is asked in the background. */
  readonly inBackground: LookupFunction = (...asked) => this.#ask(true, asked)

  #ask(isBackground: boolean, [name, options, callback]: Asked): void {
    const key = JSON.stringify([name, options.family, options.hints, options.all])
    const answer = isBackground ? this.#findAnswer(key, name) : undefined
    if (answer !== undefined) {
      setImmediate(callback, ...answer)
      return
    }
    const underWay = this.#lookups.get(key)
    const lookup = underWay ?? this.#create(key, name, options)
    lookup.callbacks.push(callback)
    lookup.isForCaller ||= !isBackground
    if (!isBackground && this.#known.get(name)?.isSlow !== true) {
      if (underWay === undefined || this.#waiting.includes(lookup)) {
        this.#waiting = this.#waiting.filter((one) => one !== lookup)
        lookup.begin()
      }
    } else {
      const all = underWay === undefined ? [...this.#waiting, lookup] : this.#waiting
      this.#waiting = all.toSorted((a, b) => this.#rank(a) - this.#rank(b))
      this.#beginNext()
    }
  }

  #findAnswer(key: string, name: string): KnownName['answer'] | undefined {
    const known = this.#known.get(name)
    return known?.key === key && known.answer[0] === null && performance.now() - known.at < this.#keptMs
      ? known.answer
      : undefined
  }

  /** Returns 0 for callers, and in the background 1 for names that were quick, 2 for new ones, and 3 for those that were slow. */
  #rank({ name, isForCaller }: Lookup): number {
    if (isForCaller) {
      return 0
    }
    const known = this.#known.get(name)
    return known === undefined ? 2 : known.isSlow ? 3 : 1
  }

  #beginNext(): void {
    const [next, ...others] = this.#waiting
    if (next !== undefined && this.#slowUnderWay < this.#mostSlow) {
      this.#waiting = others
      this.#slowUnderWay += 1
      next.begin(() => {
        this.#slowUnderWay -= 1
        this.#beginNext()
      })
    }
  }

  #create(key: string, name: string, options: Asked[1]): Lookup {
    const callbacks: Callback[] = []
    const begin = (end?: () => void) => {
      const begun = performance.now()
      this.#lookup(name, options, (...answer) => {
        const at = performance.now()
        const isSlow = answer[0] !== null && at - begun >= this.#slowMs
        keepLatest(this.#known, name, { isSlow, at, key, answer }, MAX_KNOWN)
        this.#lookups.delete(key)
        end?.()
        for (const callback of callbacks) {
          callback(...answer)
        }
      })
    }
    const lookup = { name, callbacks, isForCaller: false, begin }
    this.#lookups.set(key, lookup)
    return lookup
  }
}

/** The lookups of this process, which share its threads. */
export const nameLookups = new NameLookups()
