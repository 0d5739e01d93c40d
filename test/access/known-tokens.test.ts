import t from 'tap'
import { KnownTokens } from '../../src/access/known-tokens.ts'

t.test('the oldest token is forgotten once there are ten thousand', async (t) => {
  const known = new KnownTokens()
  for (let number = 0; number < 10_000; number++) {
    known.add(`${number}`, { subject: `${number}` })
  }
  t.same(known.find('0'), { subject: '0' })
  known.add('1', { subject: '1' })
  t.same(known.find('0'), { subject: '0' }, 'one that is there already takes no other place')
  known.add('10000', { subject: '10000' })
  t.equal(known.find('0'), undefined)
  t.same(known.find('1'), { subject: '1' }, 'it was added again')
  known.clear()
  t.equal(known.find('1'), undefined)
})

t.test('a token is known until it expires', async (t) => {
  const known = new KnownTokens()
  known.add('a', {}, Date.now() + 60_000)
  known.add('b', {}, Date.now())
  t.same(known.find('a'), {})
  t.equal(known.find('b'), undefined)
})
