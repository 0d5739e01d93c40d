import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeFrame, type Frame, FrameReader } from '../../src/pkcs11/frames.ts'
import type { FromSession, ToSession } from '../../src/pkcs11/messages.ts'
import {
  decodeFromSession,
  decodeToSession,
  encodeFromSession,
  encodeToSession,
} from '../../src/pkcs11/session-frames.ts'

t.test('messages are those that were sent, in whichever pieces they arrive', async (t) => {
  const frame = fc.tuple(fc.jsonValue(), fc.uint8Array({ maxLength: 600 }))
  const lengths = fc.infiniteStream(fc.integer({ min: 1, max: 700 }))
  const property = fc.property(fc.array(frame), lengths, (sent, pieces) => {
    const stream = Buffer.concat(sent.map(([message, octets]) => encodeFrame(message, octets)))
    const reader = new FrameReader()
    const read: Frame[] = []
    for (let offset = 0; offset < stream.length; ) {
      const { value: length } = pieces.next()
      read.push(...reader.read(stream.subarray(offset, offset + length)))
      offset += length
    }
    assert.deepStrictEqual(
      read.map(({ message, octets }) => [JSON.stringify(message), Uint8Array.from(octets)]),
      sent.map(([message, octets]) => [JSON.stringify(message), octets]),
    )
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('orders and answers of sessions arrive whole', async (t) => {
  const octets = Buffer.from('what is signed, or the signature')
  const orders: ToSession[] = [
    { type: 'sign', session: 1, ticket: 2, key: 3, mechanism: { name: 'CKM_ECDSA' }, data: octets },
    { type: 'reopen', session: 1, ticket: 2, key: 3 },
    { type: 'withdraw', session: 1, ticket: 2 },
    { type: 'end', session: 1 },
  ]
  const failure = { returnValue: 'CKR_GENERAL_ERROR', call: 'C_Sign', recovery: 'device' } as const
  const answers: FromSession[] = [
    { type: 'signed', session: 1, ticket: 2, seconds: 0.003, signature: octets },
    { type: 'sign-failed', session: 1, ticket: 2, seconds: 0.003, failure },
    { type: 'session-opened', session: 1, ticket: 2, seconds: 0.003 },
  ]
  const read = (frames: Buffer[]) => new FrameReader().read(Buffer.concat(frames))
  t.strictSame(read(orders.map(encodeToSession)).map(decodeToSession), orders)
  t.strictSame(read(answers.map(encodeFromSession)).map(decodeFromSession), answers)
})
