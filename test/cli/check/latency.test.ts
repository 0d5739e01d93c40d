import t from 'tap'
import { formatLatency, summarize } from '../../../src/cli/check/latency.ts'

t.test('the ranks are those of the samples, in whatever order', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.same(summarize(hundred), { min: 1, median: 50, p99: 99 })
  t.same(summarize([7]), { min: 7, median: 7, p99: 7 })
  t.same(summarize([10, 9, 2]), { min: 2, median: 9, p99: 10 }, 'as numbers, not as text')
})

t.test('they are written in milliseconds', async (t) => {
  t.equal(formatLatency({ min: 0.014, median: 1, p99: 1234.567 }), '0.01 / 1.00 / 1234.57 ms')
})
