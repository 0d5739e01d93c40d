/** Says how long the pool waits before it tries again, and how long it waits for a token that is opened. All times are ms. */
import { backoffMs as growMs, shortenAtRandom } from '../../common/backoff.ts'
import type { PinSource } from '../../configuration/signer-configuration.ts'
import { PIN_TIMEOUT_MS } from '../messages.ts'

/** Waits before an HSM or a signer process is tried again. */
const RETRIES = { first: 1_000, longest: 30_000 }
const FIRST_REST_MS = 50
const LONGEST_REST_MS = 1_000
/** A request waits for so long at most before it is repeated for the first time. */
const FIRST_REPEAT_MS = 100

/** Returns how long a PIN may take to be read before a login. */
export function pinMs(source: PinSource): number {
  return 'secretId' in source ? PIN_TIMEOUT_MS : 0
}

/** Returns how long to wait before an HSM that is away is tried again: about a second. */
export function retryMs(): number {
  return shortenAtRandom(RETRIES.first)
}

/**
 * Returns how long to wait before the next try: not at all before the first, then 1 s, doubling up to 30 s.
 *
 * @param failures tries that failed in a row
 */
export function backoffMs(failures: number): number {
  return failures === 0 ? 0 : growMs(failures, RETRIES)
}

/**
 * Returns how long a session rests on a token that throttles: 50 to 100 ms, doubling up to a second.
 *
 * @param throttles throttled calls in a row, from 1
 */
export function restMs(throttles: number): number {
  return atLeastHalf(Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(throttles, 16)))
}

/**
 * Returns how long a request waits before it is repeated on a token that throttles: the first time a moment, as most
 * shortages pass; the second time a good part of the time that is left.
 *
 * @param attempts from 1
 * @param deadline ms of `performance.now()`
 */
export function repeatMs(attempts: number, deadline: number): number {
  return atLeastHalf(attempts === 1 ? FIRST_REPEAT_MS : (deadline - performance.now()) / 2)
}

function atLeastHalf(longest: number): number {
  return longest * (0.5 + Math.random() * 0.5)
}

/** A token that has never been opened has this long. */
const FIRST_OPENING_MS = 30_000
/** The library may be slow to log in, and the machine to start the process. */
const SHORTEST_OPENING_MS = 5_000
const LONGEST_OPENING_MS = 60_000
/** Opening may take so many times as long as it took before. */
const SLOW_FACTOR = 4

/**
 * Tells how long a token may take to be opened before that counts as hanging. It is judged by how long it took before,
 * since a call that hung does not return when the HSM does. Where the time was not enough there is twice as much the next
 * time, as the token may have become slow.
 */
export class OpenPatience {
  readonly #allowance: number
  #ms = FIRST_OPENING_MS
  #began = 0

  /** @param allowance time on top of it, for what is no work of the token */
  constructor(allowance = 0) {
    this.#allowance = allowance
  }

  /** @returns how long opening may take */
  begin(): number {
    this.#began = performance.now()
    return this.#ms + this.#allowance
  }

  opened(): void {
    const took = performance.now() - this.#began
    this.#ms = Math.min(FIRST_OPENING_MS, Math.max(SHORTEST_OPENING_MS, SLOW_FACTOR * took))
  }

  exhausted(): void {
    this.#ms = Math.min(LONGEST_OPENING_MS, 2 * this.#ms)
  }
}
