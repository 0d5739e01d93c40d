import type { LookupFunction } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { NameLookups, nameLookups } from '../../src/common/name-lookups.ts'

/** Lookups that end when a test ends them. */
function create({ slowMs = 1_000_000, keptMs = 0 } = {}) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const told: string[] = []
  const lookup: LookupFunction = (name, _, callback) => {
    begun.push(name)
    ends.set(name, () =>
      /slow/.test(name)
        ? callback(new Error('nobody answers'), '', 4)
        : callback(null, `address of ${name}`, 4),
    )
  }
  const lookups = new NameLookups({ lookup, mostSlow: 2, slowMs, keptMs })
  return {
    begun: () => begun.splice(0),
    told: () => told.splice(0),
    end: (name: string) => ends.get(name)?.(),
    ask: (kind: 'forCallers' | 'inBackground', ...names: string[]) => {
      for (const name of names) {
        lookups[kind](name, {}, (_, address) => told.push(`${address}`))
      }
    },
  }
}

t.test('in the background some at once, each name once, and all are told', async (t) => {
  const { ask, begun, told, end } = create()
  ask('inBackground', 'one', 'two', 'three', 'one', 'three', 'four')
  t.strictSame(begun(), ['one', 'two'])
  ask('forCallers', 'five', 'one')
  t.strictSame(begun(), ['five'], 'callers do not wait for them')
  end('one')
  t.strictSame(begun(), ['three'])
  t.strictSame(told(), ['address of one', 'address of one', 'address of one'])
  end('three')
  end('four')
  t.strictSame(told(), ['address of three', 'address of three', 'address of four'])
  t.strictSame(begun(), ['four'])
  ask('inBackground', 'one')
  t.strictSame(begun(), ['one'], 'it is looked up again later')
})

t.test('a name that was slow waits for others that are, until it is fast again', async (t) => {
  const { ask, begun, end } = create({ slowMs: 20 })
  ask('forCallers', 'slow')
  t.strictSame(begun(), ['slow'])
  await sleep(30)
  end('slow')
  ask('inBackground', 'one', 'two', 'three', 'slow')
  ask('forCallers', 'slow', 'slow', 'other')
  t.strictSame(begun(), ['one', 'two', 'other'])
  end('one')
  t.strictSame(begun(), ['slow'], 'callers come before the background')
  ask('forCallers', 'late')
  await sleep(30)
  end('late')
  ask('forCallers', 'late')
  t.strictSame(begun(), ['late', 'late'], 'one with a result is not slow')
  const fast = create()
  fast.ask('forCallers', 'fast')
  fast.end('fast')
  fast.ask('inBackground', 'one', 'two')
  fast.ask('forCallers', 'fast')
  t.strictSame(fast.begun(), ['fast', 'one', 'two', 'fast'])
})

t.test('a name that callers ask for too does not wait for those of the background', async (t) => {
  const { ask, begun, told, end } = create()
  ask('inBackground', 'one', 'two', 'three', 'four')
  ask('forCallers', 'four', 'two', 'four')
  t.strictSame(begun(), ['one', 'two', 'four'])
  end('four')
  t.strictSame(told(), ['address of four', 'address of four', 'address of four'])
  t.strictSame(begun(), [], 'the place of another one is not free for it')
  end('two')
  end('one')
  t.strictSame(begun(), ['three'])
})

t.test('in the background names that were quick come first, and those that were slow last', async (t) => {
  const { ask, begun, end } = create({ slowMs: 20 })
  ask('inBackground', 'slow', 'quick')
  end('quick')
  await sleep(30)
  end('slow')
  begun()
  ask('inBackground', 'one', 'two', 'slow', 'three', 'quick')
  for (const name of ['one', 'two', 'quick']) {
    end(name)
  }
  t.strictSame(begun(), ['one', 'two', 'quick', 'three', 'slow'])
})

t.test('what was found serves the background for a while, and callers never', async (t) => {
  const { ask, begun, told, end } = create({ keptMs: 1_000_000 })
  ask('inBackground', 'one')
  end('one')
  ask('inBackground', 'one')
  t.strictSame(told(), ['address of one'], 'nobody is called at once')
  await new Promise(setImmediate)
  t.strictSame([begun(), told()], [['one'], ['address of one']])
  ask('forCallers', 'one')
  t.strictSame(begun(), ['one'])
  const failing: string[] = []
  const lookups = new NameLookups({
    lookup: (name, _, callback) => {
      failing.push(name)
      callback(new Error('no such name'), '', 4)
    },
  })
  for (let count = 0; count < 2; count++) {
    lookups.inBackground('none', {}, () => {})
  }
  t.strictSame(failing, ['none', 'none'], 'errors are not kept')
})

t.test('names that were slow are remembered, but not any number of them', async (t) => {
  const { ask, begun, end } = create({ slowMs: 0 })
  const names = Array.from({ length: 1_001 }, (_, index) => `slow-${index}`)
  for (const name of names) {
    ask('forCallers', name)
    end(name)
  }
  ask('inBackground', 'one', 'two')
  begun()
  ask('forCallers', 'slow-0', 'slow-1', 'slow-1000')
  t.strictSame(begun(), ['slow-0'])
})

t.test('what the system finds, and its errors', async (t) => {
  for (const kind of ['forCallers', 'inBackground'] as const) {
    const find = (name: string) =>
      new Promise((resolve) =>
        nameLookups[kind](name, { all: true }, (error, found) => resolve(error?.code ?? found)),
      )
    t.match(await find('127.0.0.1'), [{ address: '127.0.0.1', family: 4 }])
    t.match(await find('none.invalid'), /^E/)
  }
})
