import type { LookupFunction } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { NameLookups, nameLookups } from '../../src/common/name-lookups.ts'

/** Lookups that end when a test ends them. */
function create(slowMs = 1_000_000) {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const told: string[] = []
  const lookup: LookupFunction = (name, _, callback) => {
    begun.push(name)
    ends.set(name, () => callback(null, `address of ${name}`, 4))
  }
  const lookups = new NameLookups({ lookup, mostSlow: 2, slowMs })
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
  const { ask, begun, end } = create(20)
  ask('forCallers', 'slow')
  t.strictSame(begun(), ['slow'])
  await sleep(30)
  end('slow')
  ask('inBackground', 'one', 'two')
  ask('forCallers', 'slow', 'slow', 'other')
  t.strictSame(begun(), ['one', 'two', 'other'])
  end('one')
  t.strictSame(begun(), ['slow'])
  const fast = create(1_000_000)
  fast.ask('forCallers', 'fast')
  fast.end('fast')
  fast.ask('inBackground', 'one', 'two')
  fast.ask('forCallers', 'fast')
  t.strictSame(fast.begun(), ['fast', 'one', 'two', 'fast'])
})

t.test('names that were slow are remembered, but not any number of them', async (t) => {
  const { ask, begun, end } = create(0)
  const names = Array.from({ length: 1_001 }, (_, index) => `name-${index}`)
  for (const name of names) {
    ask('forCallers', name)
    end(name)
  }
  ask('inBackground', 'one', 'two')
  begun()
  ask('forCallers', 'name-0', 'name-1', 'name-1000')
  t.strictSame(begun(), ['name-0'])
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
