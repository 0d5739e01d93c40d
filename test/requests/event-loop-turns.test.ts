import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { EventLoopTurns } from '../../src/requests/event-loop-turns.ts'

let now = 0
mock.method(performance, 'now', () => now)

t.test('bodies are read on in their order, one in each turn of the event loop', async (t) => {
  const turns = new EventLoopTurns()
  const read: number[] = []
  for (const body of [1, 2, 3, 4, 5]) {
    turns.wait(() => read.push(body), 1_000)
  }
  const seen: number[] = []
  while (read.length < 5) {
    await setImmediate()
    seen.push(read.length)
  }
  t.same(read, [1, 2, 3, 4, 5])
  t.equal(seen.length, 5, `${seen}`)
  turns.wait(() => read.push(6), 0)
  t.same(read.length, 5, 'not at once')
  await setImmediate()
  t.same(read.length, 6)
})

t.test('the body goes first of which least was read, and large ones keep no other waiting', async (t) => {
  const turns = new EventLoopTurns()
  const read: string[] = []
  const goOn = (name: string, done: number) => () => {
    read.push(name)
    if (read.length < 4) {
      turns.wait(goOn(name, done + 300_000), done + 300_000)
    }
  }
  for (const name of ['one', 'two', 'three']) {
    turns.wait(goOn(name, 10_000_000), 10_000_000)
  }
  turns.wait(goOn('document', 300_000), 300_000)
  while (read.length < 4) {
    await setImmediate()
  }
  t.same(read, ['document', 'document', 'document', 'document'])
})

t.test(
  'a turn is over once all bodies together have brought enough, and the next one begins anew',
  async (t) => {
    const turns = new EventLoopTurns()
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
  const turns = new EventLoopTurns()
  for (let body = 0; body < 100; body++) {
    t.equal(turns.count(1_000), false)
    await setImmediate()
  }
  t.equal(turns.count(200_000), true, 'those of the turns before are counted')
  await setImmediate()
  t.equal(turns.count(200_000), false)
})

t.test(
  'callbacks that come together begin in their order, and many of them in several turns of the event loop',
  async (t) => {
    const turns = new EventLoopTurns()
    const begun: number[] = []
    const begin = (number: number) => turns.begin(() => begun.push(number))
    const numbers = Array.from({ length: 20 }, (_, number) => number)
    numbers.forEach(begin)
    t.strictSame(begun, numbers.slice(0, 16), 'those that there is time for at once')
    await setImmediate()
    begin(20)
    t.notOk(begun.includes(20), 'one that comes later waits for those before it')
    for (let turn = 0; turn < 5; turn++) {
      await setImmediate()
    }
    t.strictSame(begun, [...numbers, 20])
  },
)

t.test('bodies that are read on do not hold up callbacks, of which sixteen begin in each turn', async (t) => {
  const turns = new EventLoopTurns()
  const begun: number[] = []
  turns.count(300_000)
  for (let number = 0; number < 64; number++) {
    turns.begin(() => begun.push(number))
    turns.wait(() => turns.count(300_000), 0)
  }
  t.strictSame(begun, [], 'this turn has no time left')
  const seen: number[] = []
  while (begun.length < 64) {
    await setImmediate()
    seen.push(begun.length)
  }
  t.ok(seen.length <= 10, `${seen}`)
  t.ok(
    seen.every((count, turn) => count - (seen[turn - 1] ?? 0) <= 16),
    `${seen}`,
  )
  t.strictSame(
    begun,
    begun.toSorted((one, other) => one - other),
  )
})

t.test('callbacks that take long have a turn of their own', async (t) => {
  const turns = new EventLoopTurns()
  turns.count(300_000)
  const begun: number[] = []
  for (let number = 0; number < 8; number++) {
    turns.begin(() => {
      begun.push(number)
      now += number < 4 ? 3 : 0
    })
  }
  const seen: number[] = []
  while (begun.length < 8) {
    await setImmediate()
    seen.push(begun.length)
  }
  t.strictSame(
    [...new Set(seen)].filter((count) => count > 0),
    [1, 2, 3, 4, 8],
  )
})

t.test('one that comes alone begins at once', async (t) => {
  const turns = new EventLoopTurns()
  for (let round = 0; round < 20; round++) {
    let begun = false
    turns.begin(() => {
      begun = true
    })
    t.ok(begun)
    await setImmediate()
    await setImmediate()
  }
})

t.test('what is forgotten takes no turn, and those behind it come the sooner', async (t) => {
  const turns = new EventLoopTurns()
  const begun: string[] = []
  turns.count(300_000)
  const forgotten = Array.from({ length: 1_000 }, () => () => begun.push('forgotten'))
  for (const one of forgotten) {
    turns.begin(one)
    turns.wait(one, 0)
  }
  turns.begin(() => begun.push('callback'))
  turns.wait(() => begun.push('body'), 0)
  for (const one of forgotten) {
    turns.forget(one)
  }
  await setImmediate()
  await setImmediate()
  t.strictSame(begun.toSorted(), ['body', 'callback'])
})
