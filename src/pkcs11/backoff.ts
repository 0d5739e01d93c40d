const FIRST_MS = 1_000
const LONGEST_MS = 30_000

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
