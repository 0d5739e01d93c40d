import { backoffMs, shortenAtRandom } from '../common/backoff.ts'
import type { RevocationLimits } from './limits.ts'

/** The part of its time after which a short-lived answer is fetched again, even if that is before the least wait. */
const LATEST = 0.8

/** Returns the ms to wait before an answer that is fresh for `leftMs` is fetched again. */
export function refreshDelayMs(
  leftMs: number,
  { refreshMs, retryMs }: Pick<RevocationLimits, 'refreshMs' | 'retryMs'>,
): number {
  const delay = Math.max(leftMs / 2, Math.min(leftMs * LATEST, refreshMs.least))
  return shortenAtRandom(Math.max(Math.min(delay, refreshMs.most), retryMs.first))
}

/**
 * Returns the ms to wait before the next try.
 *
 * @param failures tries that failed in a row, from 1
 */
export function retryDelayMs(failures: number, { retryMs }: Pick<RevocationLimits, 'retryMs'>): number {
  return backoffMs(failures, retryMs)
}
