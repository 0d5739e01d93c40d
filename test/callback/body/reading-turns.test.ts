import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { ReadingTurns } from '../../../src/callback/body/reading-turns.ts'

t.test('bodies are read on in their order, a few in each turn of the event loop', async (t) => {
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
  t.ok(seen.length >= 3, `${seen}`)
  turns.wait(() => read.push(6))
  t.same(read.length, 5, 'not at once')
  await setImmediate()
  t.same(read.length, 6)
})
