import type { LookupFunction } from 'node:net'
import t from 'tap'
import { limitLookups } from '../../src/common/limited-lookup.ts'

t.test('as many at once as allowed, each name once, and all are told', async (t) => {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  const held: LookupFunction = (hostname, _, callback) => {
    begun.push(hostname)
    ends.set(hostname, () => callback(null, `address of ${hostname}`, 4))
  }
  const lookup = limitLookups(held, 2)
  const told: unknown[] = []
  for (const name of ['one', 'two', 'three', 'one', 'three', 'four']) {
    lookup(name, {}, (error, address) => told.push([error, address]))
  }
  t.strictSame(begun, ['one', 'two'])
  ends.get('one')?.()
  t.strictSame(begun, ['one', 'two', 'three'])
  t.strictSame(told.splice(0), [
    [null, 'address of one'],
    [null, 'address of one'],
  ])
  ends.get('three')?.()
  ends.get('four')?.()
  t.strictSame(
    told.map((one) => (one as string[])[1]),
    ['address of three', 'address of three', 'address of four'],
  )
  lookup('one', {}, () => {})
  t.strictSame(begun, ['one', 'two', 'three', 'four', 'one'], 'it is looked up again later')
})

t.test('what is found, and errors', async (t) => {
  const lookup = limitLookups()
  const find = (name: string) =>
    new Promise((resolve) => lookup(name, { all: true }, (error, found) => resolve(error?.code ?? found)))
  t.match(await find('127.0.0.1'), [{ address: '127.0.0.1', family: 4 }])
  t.match(await find('none.invalid'), /^E/)
})
