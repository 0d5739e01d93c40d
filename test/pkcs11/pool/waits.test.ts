import t from 'tap'
import { backoffMs, OpenPatience } from '../../../src/pkcs11/pool/waits.ts'

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

t.test('how long a token may take to be opened', async (t) => {
  let now = 1_000
  t.intercept(performance, 'now', { value: () => now })
  const patience = new OpenPatience()
  const open = (ms: number) => {
    patience.begin()
    now += ms
    patience.opened()
    return patience.begin()
  }

  t.test('is half a minute where nothing is known', async (t) => {
    t.equal(patience.begin(), 30_000)
    t.equal(new OpenPatience(5_000).begin(), 35_000, 'and what else needs time is on top')
  })

  t.test('four times as long as it took before, within limits', async (t) => {
    t.equal(open(200), 5_000)
    t.equal(open(2_000), 8_000)
    t.equal(open(20_000), 30_000)
  })

  t.test('twice as long each time that all of it was in vain, and a minute at most', async (t) => {
    open(100)
    const given = Array.from({ length: 6 }, () => {
      patience.exhausted()
      return patience.begin()
    })
    t.same(given, [10_000, 20_000, 40_000, 60_000, 60_000, 60_000])
    t.equal(open(500), 5_000)
  })
})
