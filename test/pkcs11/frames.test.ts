import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeFrame, FrameReader } from '../../src/pkcs11/frames.ts'

const message = fc.record(
  {
    type: fc.string(),
    ticket: fc.integer(),
    seconds: fc.double({ noNaN: true }),
    signature: fc.uint8Array({ maxLength: 600 }),
  },
  { noNullPrototype: true },
)

t.test('messages are those that were sent, in whichever pieces they arrive', async (t) => {
  const lengths = fc.infiniteStream(fc.integer({ min: 1, max: 700 }))
  const property = fc.property(fc.array(message), lengths, (messages, pieces) => {
    const stream = Buffer.concat(messages.map(encodeFrame))
    const reader = new FrameReader()
    const read: unknown[] = []
    for (let offset = 0; offset < stream.length; ) {
      const { value: length } = pieces.next()
      read.push(...reader.read(stream.subarray(offset, offset + length)))
      offset += length
    }
    assert.deepStrictEqual(read, messages)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})
