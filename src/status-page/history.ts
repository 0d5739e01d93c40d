/** Keeps what became of requests in the last quarter of an hour, in slots of 15 seconds, and the last error of each code. */
import type { EndedRequest, RequestObserver } from '../plugins/metrics.ts'

/**
 * What became of a request: it was signed, refused as the caller's fault (4xx), or failed for another reason (5xx), or its
 * client left before it was answered.
 */
export type Fate = 'signed' | 'refused' | 'failed' | 'left'

export const SLOT_SECONDS = 15
export const SLOTS_A_MINUTE = 60 / SLOT_SECONDS
export const MINUTES = 15
const SLOTS = MINUTES * SLOTS_A_MINUTE
/** The slot that is being filled is one more. */
const KEPT_SLOTS = SLOTS + 1

/** Upper bounds of durations, in seconds: each is the one before times 1.33, from 0.5 ms to 14 s. */
const BOUNDS = Array.from({ length: 37 }, (_, place) => 0.0005 * 1.33 ** place)

interface Slot {
  /** Number of the slot since 1970. */
  readonly number: number
  readonly counts: Record<Fate, number>
  /** Signatures by their duration; the last place has those beyond all bounds. */
  readonly durations: Uint32Array
  /** Answers with an error, keyed by its code, of which there are as many as `errors.ts` defines. */
  readonly codes: Map<string, number>
  /** Containers below their level, keyed by the code of the error that kept them from it. */
  readonly shortfalls: Map<string, number>
}

/** Outcomes and durations of the requests of some time. */
export interface Figures {
  readonly counts: Readonly<Record<Fate, number>>
  /** Half of the signatures, and 19 of 20, took no longer, in seconds; undefined where none was made. */
  readonly half: number | undefined
  readonly most: number | undefined
}

export interface Period extends Figures {
  /** ms since 1970. */
  readonly end: number
}

/** What is known of one error code. */
export interface RecentError {
  readonly code: string
  readonly statusCode: number
  /** Answers with it in the last quarter of an hour, and since the start. */
  readonly recent: number
  readonly all: number
  /** ms since 1970. */
  readonly lastAt: number
  /** Request id of the last one, under which the log has it. */
  readonly requestId: string
}

/** What the page shows of the past. */
export interface Past {
  /** Each slot, the oldest first, without the one that is being filled. */
  readonly slots: readonly Period[]
  /** Each minute, the latest first. */
  readonly minutes: readonly Period[]
  readonly whole: Figures
  /** Since the start, the latest first. */
  readonly errors: readonly RecentError[]
  /** Containers below their level, keyed by the code of the error that kept them from it. */
  readonly shortfalls: ReadonlyMap<string, number>
}

export class History implements RequestObserver {
  readonly #now: () => number
  /** Slots at the remainder of their number; those that are too old stay there until their place is needed. */
  readonly #slots: (Slot | undefined)[] = new Array(KEPT_SLOTS).fill(undefined)
  /** Keyed by code. */
  readonly #errors = new Map<string, Omit<RecentError, 'recent'>>()

  /** @param now returns ms since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  ended({ outcome, statusCode, seconds, requestId, shortfall }: EndedRequest): void {
    const { counts, durations, codes, shortfalls } = this.#present()
    const fate = fateOf(outcome, statusCode)
    counts[fate] += 1
    if (fate === 'signed') {
      const place = BOUNDS.findIndex((bound) => seconds <= bound)
      const index = place < 0 ? BOUNDS.length : place
      durations[index] = Number(durations[index]) + 1
      if (shortfall !== undefined) {
        increase(shortfalls, shortfall)
      }
    } else if (fate !== 'left') {
      increase(codes, outcome)
      const all = (this.#errors.get(outcome)?.all ?? 0) + 1
      this.#errors.set(outcome, { code: outcome, statusCode, all, lastAt: this.#now(), requestId })
    }
  }

  read(): Past {
    const present = this.#number()
    const numbers = Array.from({ length: SLOTS }, (_, place) => present - SLOTS + place)
    const known = this.#known([...numbers, present])
    const codes = sumOf(known.map((slot) => slot.codes))
    const minutes = Array.from({ length: MINUTES }, (_, minute) =>
      numbers.slice(minute * SLOTS_A_MINUTE, (minute + 1) * SLOTS_A_MINUTE),
    )
    return {
      slots: numbers.map((number) => this.#describe([number])),
      minutes: minutes.reverse().map((minute) => this.#describe(minute)),
      whole: figuresOf(known),
      errors: [...this.#errors.values()]
        .map((error) => ({ ...error, recent: codes.get(error.code) ?? 0 }))
        .sort((one, other) => other.lastAt - one.lastAt),
      shortfalls: sumOf(known.map((slot) => slot.shortfalls)),
    }
  }

  #number(): number {
    return Math.floor(this.#now() / (1_000 * SLOT_SECONDS))
  }

  #present(): Slot {
    const number = this.#number()
    const place = number % KEPT_SLOTS
    const slot = this.#slots[place]
    if (slot?.number === number) {
      return slot
    }
    const next: Slot = {
      number,
      counts: { signed: 0, refused: 0, failed: 0, left: 0 },
      durations: new Uint32Array(BOUNDS.length + 1),
      codes: new Map(),
      shortfalls: new Map(),
    }
    this.#slots[place] = next
    return next
  }

  #known(numbers: readonly number[]): Slot[] {
    return this.#slots.filter((slot) => slot !== undefined && numbers.includes(slot.number)) as Slot[]
  }

  #describe(numbers: readonly number[]): Period {
    const end = (Number(numbers.at(-1)) + 1) * SLOT_SECONDS * 1_000
    return { end, ...figuresOf(this.#known(numbers)) }
  }
}

function fateOf(outcome: string, statusCode: number): Fate {
  switch (outcome) {
    case 'signed':
      return 'signed'
    case 'client_left':
    case 'signed_unanswered':
      return 'left'
    default:
      return statusCode < 500 ? 'refused' : 'failed'
  }
}

function figuresOf(slots: readonly Slot[]): Figures {
  const count = (fate: Fate) => slots.reduce((sum, { counts }) => sum + counts[fate], 0)
  const [signed, refused, failed, left] = [count('signed'), count('refused'), count('failed'), count('left')]
  const durations = BOUNDS.map((_, place) =>
    slots.reduce((sum, slot) => sum + Number(slot.durations[place]), 0),
  )
  return {
    counts: { signed, refused, failed, left },
    half: quantile(durations, signed * 0.5),
    most: quantile(durations, signed * 0.95),
  }
}

/**
 * Returns the bound that so many signatures took no longer than, or the highest one; undefined if there are none.
 *
 * @param durations number of signatures by bound
 */
function quantile(durations: readonly number[], rank: number): number | undefined {
  let counted = 0
  const place = durations.findIndex((count) => {
    counted += count
    return counted >= rank
  })
  return rank === 0 ? undefined : BOUNDS.at(place)
}

function increase(counts: Map<string, number>, code: string, by = 1): void {
  counts.set(code, (counts.get(code) ?? 0) + by)
}

function sumOf(all: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>()
  for (const [code, count] of all.flatMap((counts) => [...counts])) {
    increase(sum, code, count)
  }
  return sum
}
