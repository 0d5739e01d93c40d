import t from 'tap'
import { backoffMs } from '../../src/common/backoff.ts'

t.test('waits double up to the longest, shortened by up to a tenth', async (t) => {
  const waits = { first: 10_000, longest: 600_000 }
  const expected = [10, 20, 40, 80, 160, 320, 600, 600].map((seconds) => seconds * 1_000)
  for (const [index, ms] of expected.entries()) {
    const wait = backoffMs(index + 1, waits)
    t.ok(wait <= ms && wait > ms * 0.9, `${index + 1}: ${wait}`)
  }
  const last = backoffMs(10_000, waits)
  t.ok(last <= 600_000 && last > 540_000, `${last}`)
})
