import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { EventLoopTurns } from '../../src/callback/event-loop-turns.ts'

t.test(
  'callbacks that come together begin in their order, some in each turn of the event loop',
  async (t) => {
    const turns = new EventLoopTurns()
    const begun: number[] = []
    const begin = (number: number) => turns.begin(() => begun.push(number))
    const numbers = Array.from({ length: 40 }, (_, number) => number)
    numbers.forEach(begin)
    t.strictSame(begun, numbers.slice(0, 16), 'those that there is time for at once')
    await turn()
    begin(40)
    t.notOk(begun.includes(40), 'one that comes later waits for those before it')
    await turn()
    t.strictSame(begun, numbers.slice(0, 32))
    await turn()
    await turn()
    t.strictSame(begun, [...numbers, 40])
  },
)

t.test('one that comes alone begins at once', async (t) => {
  const turns = new EventLoopTurns()
  for (let round = 0; round < 20; round++) {
    let begun = false
    turns.begin(() => {
      begun = true
    })
    t.ok(begun)
    await turn()
    await turn()
  }
})
