import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ReadingTurns } from '../../../src/callback/body/reading-turns.ts'

t.test('bodies are read on in their order, one in each turn of the event loop', async (t) => {
  const turns = new ReadingTurns()
  const read: number[] = []
  for (const body of [1, 2, 3, 4, 5]) {
    turns.wait(() => read.push(body))
  }
  const seen: number[] = []
  while (read.length < 5) {
    await setImmediate()
    seen.push(read.length)
  }
  t.same(read, [1, 2, 3, 4, 5])
  t.equal(seen.length, 5, `${seen}`)
  turns.wait(() => read.push(6))
  t.same(read.length, 5, 'not at once')
  await setImmediate()
  t.same(read.length, 6)
})

t.test(
  'a turn is over once all bodies together have brought enough, and the next one begins anew',
  async (t) => {
    const turns = new ReadingTurns()
    for (const turn of [1, 2]) {
      t.same(
        [100_000, 100_000, 100_000, 1].map((bytes) => turns.count(bytes)),
        [false, false, true, true],
        `turn ${turn}`,
      )
      await setImmediate()
    }
  },
)

t.test('the few bytes of many small bodies end no turn until there are many of them', async (t) => {
  const turns = new ReadingTurns()
  for (let body = 0; body < 100; body++) {
    t.equal(turns.count(1_000), false)
    await setImmediate()
  }
  t.equal(turns.count(200_000), true, 'those of the turns before are counted')
  await setImmediate()
  t.equal(turns.count(200_000), false)
})
