const FIRST_MS = 1_000
const LONGEST_MS = 30_000

/** How long to wait before an HSM that is away is tried again: a second, shortened by up to a fifth at random. */
export function retryMs(): number {
  return FIRST_MS * (1 - Math.random() * 0.2)
}

/**
 * How long to wait before the next try: none before the first, then 1 s, doubling up to 30 s, each shortened by up to
 * a fifth at random so that several replicas do not come back at the same instant.
 *
 * @param failures tries that failed in a row
 */
export function backoffMs(failures: number): number {
  if (failures === 0) {
    return 0
  }
  const delay = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16))
  return delay * (1 - Math.random() * 0.2)
}

const FIRST_REST_MS = 50
const LONGEST_REST_MS = 1_000

/**
 * How long a session rests on a token that says it is short of something: 50 to 100 ms, doubling up to a second.
 *
 * @param throttles answers of that kind in a row, from 1
 */
export function restMs(throttles: number): number {
  const longest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** Math.min(throttles, 16))
  return longest * (0.5 + Math.random() * 0.5)
}

/** Before a request is repeated for the first time, at most. */
const FIRST_REPEAT_MS = 100

/**
 * How long a request waits before it is repeated on such a token: the first time a moment, as most shortages pass; the
 * second time a good part of what time there is.
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
