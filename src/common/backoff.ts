/** Largest part by which a wait is shortened at random, so that several replicas do not retry at the same instant. */
const JITTER = 0.1

/** Waits between tries, in ms, which double from the first up to the longest. */
export interface Backoff {
  readonly first: number
  readonly longest: number
}

/**
 * Returns how long to wait before the next try, in ms.
 *
 * @param failures number of tries that failed in a row, from 1
 */
export function backoffMs(failures: number, { first, longest }: Backoff): number {
  return shortenAtRandom(Math.min(longest, first * 2 ** Math.min(failures - 1, 16)))
}

/** Shortens a wait at random, by up to a tenth. */
export function shortenAtRandom(ms: number): number {
  return ms * (1 - Math.random() * JITTER)
}
