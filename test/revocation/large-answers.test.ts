/** How large answers wait for each other. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LargeAnswers } from '../../src/revocation/large-answers.ts'

/** Answers named after their hosts: a1 and a2 come from the same one. */
function createAnswers() {
  const answers = new LargeAnswers()
  const turns = new Map<string, ReturnType<LargeAnswers['createTurn']>>()
  const reading: string[] = []
  return {
    reading,
    /** Returns whether others wait for its place. */
    isWanted: (name: string) => turns.get(name)?.doOthersWait(),
    async begin(...names: string[]) {
      for (const name of names) {
        const one = answers.createTurn(name.slice(0, 1))
        turns.set(name, one)
        void one.wait().then(() => reading.push(name))
      }
      await turn()
    },
    async end(name: string) {
      turns.get(name)?.end()
      await turn()
    },
  }
}

t.test('two are read at a time, from two hosts, in turn', async (t) => {
  const { begin, end, reading } = createAnswers()
  await begin('a1', 'a2', 'a3', 'b1', 'b2', 'c1')
  t.strictSame(reading.splice(0), ['a1', 'b1'])
  await end('a1')
  t.strictSame(reading.splice(0), ['c1'], 'a host that has not been read yet')
  await end('c1')
  t.strictSame(reading.splice(0), ['a2'], 'in the order in which they came')
  await begin('c2')
  await end('b1')
  t.strictSame(reading.splice(0), ['c2'], 'its host was read longer ago')
  await end('a2')
  t.strictSame(reading.splice(0), ['b2'])
})

t.test('who waits for the same host, or for any place, wants that of one that is read', async (t) => {
  const { begin, isWanted } = createAnswers()
  await begin('a1', 'b1')
  t.strictSame(['a1', 'b1'].map(isWanted), [false, false])
  await begin('a2')
  t.strictSame(['a1', 'b1'].map(isWanted), [true, false], 'the end of b1 would not help it')
  await begin('c1')
  t.strictSame(['a1', 'b1'].map(isWanted), [true, true])
})

t.test('one that ends before its turn leaves the place to others', async (t) => {
  const { begin, end, reading } = createAnswers()
  await begin('a1', 'a2', 'a3')
  await end('a2')
  await end('a1')
  t.strictSame(reading, ['a1', 'a3'])
  await end('a1')
  await begin('a4')
  t.equal(reading.length, 2, 'an end that is told twice frees no place of others')
})

t.test('answers that are not large take no place', async (t) => {
  const answers = new LargeAnswers()
  answers.createTurn('a').end()
  const { begin, reading } = createAnswers()
  await begin('a1')
  t.strictSame(reading, ['a1'])
})
