import t from 'tap'
import { KnownTokens } from '../../src/access/known-tokens.ts'

t.test('the oldest token is forgotten once there are ten thousand', async (t) => {
  const known = new KnownTokens()
  for (let number = 0; number < 10_000; number++) {
    known.add(`${number}`, { subject: `${number}` }, 0)
  }
  t.same(known.find('0'), { subject: '0' })
  known.add('1', { subject: '1' }, 0)
  t.same(known.find('0'), { subject: '0' }, 'one that is there already takes no other place')
  known.add('10000', { subject: '10000' }, 0)
  t.equal(known.find('0'), undefined)
  t.same(known.find('1'), { subject: '1' }, 'it was added again')
  known.clear()
  t.equal(known.find('1'), undefined)
})

t.test('a token is known until it expires', async (t) => {
  const known = new KnownTokens()
  known.add('a', {}, 0, Date.now() + 60_000)
  known.add('b', {}, 0, Date.now())
  t.same(known.find('a'), {})
  t.equal(known.find('b'), undefined)
})

t.test('what was verified before all were forgotten is not remembered afterwards', async (t) => {
  const known = new KnownTokens()
  const { generation } = known
  known.add('kept', { subject: 'kept' }, generation)
  known.add('other', { subject: 'other' }, generation)
  known.clear(({ subject }) => subject === 'kept')
  t.same(known.find('kept'), { subject: 'kept' })
  t.equal(known.find('other'), undefined)
  known.add('late', {}, generation)
  t.equal(known.find('late'), undefined)
  known.add('new', {}, known.generation)
  t.same(known.find('new'), {})
})
