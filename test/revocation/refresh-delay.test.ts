import t from 'tap'
import { refreshDelayMs } from '../../src/revocation/cached-fetch.ts'
import { DEFAULT_LIMITS } from '../../src/revocation/limits.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Shortened by up to a tenth. */
function isAbout(ms: number, expected: number): boolean {
  return ms <= expected && ms > expected * 0.9
}

t.test('what is fresh is asked for again at half of its time, and well before its end', async (t) => {
  for (const [left, expected] of [
    [7 * 24 * HOUR_MS, HOUR_MS],
    [2 * HOUR_MS, HOUR_MS],
    [HOUR_MS, HOUR_MS / 2],
    [20 * MINUTE_MS, 10 * MINUTE_MS],
    [15 * MINUTE_MS, 10 * MINUTE_MS],
    [5 * MINUTE_MS, 4 * MINUTE_MS],
    [0, 10_000],
    [-HOUR_MS, 10_000],
  ] as const) {
    const delay = refreshDelayMs(left, DEFAULT_LIMITS)
    t.ok(isAbout(delay, expected), `${left}: ${delay}`)
  }
})

t.test('with another longest age, however long it is fresh', async (t) => {
  const { refreshMs, retryMs } = DEFAULT_LIMITS
  for (const [most, left, expected] of [
    [12 * HOUR_MS, 24 * HOUR_MS, 12 * HOUR_MS],
    [12 * HOUR_MS, 4 * HOUR_MS, 2 * HOUR_MS],
    [MINUTE_MS, 24 * HOUR_MS, MINUTE_MS],
    [MINUTE_MS, 15 * MINUTE_MS, MINUTE_MS],
    [MINUTE_MS, MINUTE_MS, 48_000],
    [1_000, 24 * HOUR_MS, 10_000],
  ] as const) {
    const delay = refreshDelayMs(left, { refreshMs: { ...refreshMs, most }, retryMs })
    t.ok(isAbout(delay, expected), `${left}: ${delay}`)
  }
})
