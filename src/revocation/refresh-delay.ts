import { backoffMs, shortenAtRandom } from '../common/backoff.ts'
import type { RevocationLimits } from './limits.ts'

/** The part of its time by which what is replaced soon is asked for again, though that is sooner than the least wait. */
const LATEST = 0.8

/** How long to wait before what is fresh for `leftMs` milliseconds is asked for again. */
export function refreshDelayMs(
  leftMs: number,
  { refreshMs, retryMs }: Pick<RevocationLimits, 'refreshMs' | 'retryMs'>,
): number {
  const delay = Math.max(leftMs / 2, Math.min(leftMs * LATEST, refreshMs.least))
  return shortenAtRandom(Math.max(Math.min(delay, refreshMs.most), retryMs.first))
}

/**
 * How long to wait before the next try.
 *
 * @param failures tries that failed in a row, from 1
 */
export function retryDelayMs(failures: number, { retryMs }: Pick<RevocationLimits, 'retryMs'>): number {
  return backoffMs(failures, retryMs)
}
