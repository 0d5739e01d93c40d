/** How the parts of large answers wait for each other. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { LargeAnswers, PART_BYTES } from '../../src/revocation/large-answers.ts'

/** Parts that one host may have beside the foremost answer, and all hosts: 5 and 20 MB. */
const HOST = 20
const ALL = 80

/** Answers named after their hosts: a1 and a2 come from the same one. */
function createAnswers() {
  const answers = new LargeAnswers()
  const byName = new Map<string, ReturnType<LargeAnswers['createParts']>>()
  const read = new Map<string, number>()
  return {
    /** Parts that were read of each answer. */
    read,
    /** Returns whether others wait for what is kept of it. */
    isWanted: (name: string) => byName.get(name)?.doOthersWait(),
    /** Asks for the next parts of an answer, one after another, until it has to wait. */
    async ask(name: string, count: number) {
      const parts = byName.get(name) ?? answers.createParts(name.slice(0, 1))
      byName.set(name, parts)
      const readAll = async () => {
        for (let part = 0; part < count; part++) {
          await parts.next()
          read.set(name, (read.get(name) ?? 0) + 1)
        }
      }
      void readAll()
      await turn()
    },
    async end(name: string) {
      byName.get(name)?.end()
      await turn()
    },
  }
}

t.test('one answer goes on, and others as long as there is room', async (t) => {
  const { ask, end, read } = createAnswers()
  t.ok(Math.abs(PART_BYTES * ALL - 20_000_000) < 500_000)
  await ask('a1', 100)
  t.equal(read.get('a1'), 100, 'the foremost one')
  await ask('a2', 100)
  t.equal(read.get('a2'), HOST, 'as much as its host may have')
  await ask('a3', 1)
  t.notOk(read.has('a3'))
  await ask('b1', HOST - 1)
  t.equal(read.get('b1'), HOST - 1, 'what one host sends keeps none of another waiting')
  await ask('d1', HOST)
  await ask('e1', HOST)
  await ask('c1', 2)
  t.equal(read.get('c1'), 1, 'until all is kept that may be')
  await end('b1')
  t.equal(read.get('c1'), 2)
  await end('c1')
  await end('a1')
  t.equal(read.get('a2'), 100, 'the next foremost one')
  t.equal(read.get('a3'), 1, 'of which nothing counts')
})

t.test('the foremost answer is one of another host each time', async (t) => {
  const { ask, end, read } = createAnswers()
  await ask('a1', 1)
  await ask('d1', HOST)
  await ask('e1', HOST)
  for (const name of ['a2', 'b1', 'b2', 'a3', 'c1']) {
    await ask(name, 100)
  }
  const ofAll = () => [...read].filter(([, count]) => count === 100).map(([name]) => name)
  t.strictSame(Object.fromEntries(read), { a1: 1, a2: HOST, b1: HOST, d1: HOST, e1: HOST })
  await end('a1')
  t.strictSame(ofAll(), ['b1'])
  await end('b1')
  t.strictSame(ofAll(), ['b1', 'c1'], 'a host that had none yet')
  await end('c1')
  t.strictSame(ofAll(), ['a2', 'b1', 'c1'])
})

t.test('whose end would let others go on', async (t) => {
  const { ask, isWanted } = createAnswers()
  await ask('a1', 1)
  await ask('a2', HOST)
  await ask('b1', 1)
  t.strictSame(['a1', 'a2', 'b1'].map(isWanted), [false, false, false])
  await ask('a3', 1)
  t.strictSame(['a1', 'a2', 'b1'].map(isWanted), [true, true, false], 'the end of b1 would not help it')
  await ask('b2', HOST - 1)
  await ask('d1', HOST)
  await ask('e1', HOST)
  await ask('c1', 1)
  t.strictSame(['a1', 'a2', 'b1'].map(isWanted), [true, true, true])
})

t.test('the end of the foremost answer lets others go on, of whichever host they are', async (t) => {
  const { ask, isWanted } = createAnswers()
  await ask('a1', 1)
  await ask('b1', HOST)
  await ask('b2', 1)
  t.strictSame(['a1', 'b1'].map(isWanted), [true, true])
})

t.test('one that ends while it waits is not counted', async (t) => {
  const { ask, end, read } = createAnswers()
  await ask('a1', 1)
  await ask('a2', HOST)
  await ask('a3', 1)
  await ask('a4', 1)
  await end('a3')
  await end('a2')
  t.strictSame([read.has('a3'), read.get('a4')], [false, 1])
  await end('a2')
  await ask('a5', 100)
  t.equal(read.get('a5'), HOST - 1, 'an end that is told twice makes no room')
})

t.test('answers of one part take no room', async (t) => {
  const answers = new LargeAnswers()
  answers.createParts('a').end()
  const { ask, read } = createAnswers()
  await ask('a1', 1)
  t.equal(read.get('a1'), 1)
})
