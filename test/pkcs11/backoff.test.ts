import t from 'tap'
import { backoffMs } from '../../src/pkcs11/backoff.ts'

t.test('the first try is at once, later ones wait longer, none more than half a minute', async (t) => {
  t.equal(backoffMs(0), 0)
  for (const [failures, longest] of [
    [1, 1_000],
    [2, 2_000],
    [5, 16_000],
    [6, 30_000],
    [5_000, 30_000],
  ] as const) {
    const delay = backoffMs(failures)
    t.ok(delay <= longest && delay >= longest * 0.9, `${failures} failures: ${delay} ms`)
  }
})
