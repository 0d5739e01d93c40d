import t from 'tap'
import { Places } from '../../src/timestamp/places.ts'

t.test('rounds that end before an owner has a place', async (t) => {
  const places = new Places(2)
  const { signal } = new AbortController()
  const ends: (() => void)[] = []
  const take = (owner: string) => places.use(owner, signal, () => new Promise<void>((end) => ends.push(end)))
  t.equal(places.roundsBefore('one'), 0)
  const work = [take('one')]
  t.equal(places.roundsBefore('one'), 0, 'there is another place')
  work.push(take('one'))
  t.equal(places.roundsBefore('one'), 1 / 2)
  work.push(...['one', 'one', 'one', 'two', 'three', 'three', 'three', 'three', 'three'].map(take))
  t.equal(places.roundsBefore('four'), (3 + 1) / 2, 'behind one of each')
  t.equal(places.roundsBefore('two'), (1 + 2 + 2 + 1) / 2, 'behind its own, and two of each of the others')
  t.equal(places.roundsBefore('one'), (3 + 1 + 4 + 1) / 2)
  let isOver = false
  const all = Promise.all(work).then(() => {
    isOver = true
  })
  while (!isOver) {
    ends.shift()?.()
    await new Promise(setImmediate)
  }
  await all
  t.equal(places.roundsBefore('one'), 0)
})
