import fc from 'fast-check'
import t from 'tap'
import { ChunkGatherer } from '../../src/common/chunk-gatherer.ts'

function gather(chunks: readonly Buffer[]): Buffer[] {
  const pieces: Buffer[] = []
  const gatherer = new ChunkGatherer((bytes) => pieces.push(bytes))
  for (const chunk of chunks) {
    gatherer.add(chunk)
  }
  gatherer.flush()
  gatherer.flush()
  return pieces
}

t.test('chunks come out in their order, short ones together', async (t) => {
  const lengths = fc.array(fc.oneof(fc.nat(40), fc.integer({ min: 1_000, max: 5_000 })), { maxLength: 400 })
  fc.assert(
    fc.property(lengths, (all) => {
      const chunks = all.map((length, index) => Buffer.alloc(length, index))
      t.ok(Buffer.concat(gather(chunks)).equals(Buffer.concat(chunks)))
    }),
    { numRuns: 50 },
  )
  t.equal(gather(Array(10_001).fill(Buffer.from('x'))).length, 4, 'the first one, and 4,096 bytes at a time')
})

t.test('chunks that are handed on may be changed by whoever made them', async (t) => {
  const pieces: Buffer[] = []
  const gatherer = new ChunkGatherer((bytes) => pieces.push(bytes))
  const chunk = Buffer.from('b')
  gatherer.add(Buffer.from('a'))
  gatherer.add(chunk)
  chunk.write('c')
  t.equal(gatherer.size, 4_096)
  gatherer.flush()
  gatherer.add(chunk)
  gatherer.drop()
  gatherer.flush()
  t.same([pieces.join(''), gatherer.size], ['ab', 0])
})
