import { shortenAtRandom, backoffMs as waitMs } from '../common/backoff.ts'

/** Waits before an HSM or a signer process is tried again, in ms. */
const RETRIES = { first: 1_000, longest: 30_000 }

/** Returns how long to wait before an HSM that is away is tried again, in ms: about a second. */
export function retryMs(): number {
  return shortenAtRandom(RETRIES.first)
}

/**
 * Returns how long to wait before the next try, in ms: not at all before the first, then 1 s, doubling up to 30 s.
 *
 * @param failures tries that failed in a row
 */
export function backoffMs(failures: number): number {
  return failures === 0 ? 0 : waitMs(failures, RETRIES)
}

const FIRST_REST_MS = 50
const LONGEST_REST_MS = 1_000

/**
 * Returns how long a session rests on a token that throttles, in ms: 50 to 100 ms, doubling up to a second.
 *
 * @param throttles throttled calls in a row, from 1
 */
export function restMs(throttles: number): number {
  const longest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(throttles, 16))
  return longest * (0.5 + Math.random() * 0.5)
}

/** A request waits for so many ms at most before it is repeated for the first time. */
const FIRST_REPEAT_MS = 100

/**
 * Returns how long a request waits before it is repeated on a token that throttles, in ms: the first time a moment, as
 * most shortages pass; the second time a good part of the time that is left.
 *
 * @param attempts from 1
 * @param deadline milliseconds of `performance.now()`
 */
export function repeatMs({
  attempts,
  deadline,
}: {
  readonly attempts: number
  readonly deadline: number
}): number {
  const longest = attempts === 1 ? FIRST_REPEAT_MS : (deadline - performance.now()) / 2
  return longest * (0.5 + Math.random() * 0.5)
}
