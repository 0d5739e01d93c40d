import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { AuthorityRotation } from '../../src/timestamp/timestamper.ts'

t.test('those that fail come last, the one that has rested longest first', async (t) => {
  const turns = new AuthorityRotation(['a', 'b', 'c'], 10_000)
  t.strictSame(turns.order(), ['a', 'b', 'c'])
  turns.fail('b')
  t.strictSame(turns.order(), ['a', 'c', 'b'])
  await sleep(5)
  turns.fail('a')
  t.strictSame(turns.order(), ['c', 'b', 'a'])
  turns.succeed('b')
  t.strictSame(turns.order(), ['b', 'c', 'a'])
})

t.test('after its rest one is tried first by one request alone', async (t) => {
  const turns = new AuthorityRotation(['a', 'b'], 30)
  turns.fail('a')
  t.strictSame(turns.order(), ['b', 'a'])
  await sleep(35)
  t.strictSame(turns.order(), ['a', 'b'])
  turns.begin('a')
  t.strictSame(turns.order(), ['b', 'a'], 'while it is tried')
  turns.succeed('a')
  turns.begin('a')
  t.strictSame(turns.order(), ['a', 'b'])
})
