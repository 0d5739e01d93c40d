import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { encodeMessage, MAX_MAIN_LENGTH, MessageReader, readMessages } from '../../src/pkcs11/frames.ts'
import type {
  FoundKey,
  FromSession,
  FromSignerProcess,
  KeyOutcome,
  ToSession,
  ToSignerProcess,
} from '../../src/pkcs11/messages.ts'

t.test('messages are those that were sent, in whichever pieces they arrive', async (t) => {
  const message = fc.oneof(
    fc
      .record({ text: fc.string(), octets: fc.uint8Array({ maxLength: 600 }) })
      .map(({ text, octets }): FromSession | ToSession => ({
        ...{ type: 'sign', session: 1, ticket: 2, key: 3 },
        mechanism: { name: text as 'CKM_ECDSA' },
        data: octets,
      })),
    fc.string().map((returnValue): FromSession | ToSession => ({
      ...{ type: 'sign-failed', session: 1, ticket: 2, seconds: 0.5 },
      failure: { returnValue, call: 'C_Sign', recovery: 'device' },
    })),
  )
  const lengths = fc.infiniteStream(fc.integer({ min: 1, max: 700 }))
  const property = fc.property(fc.array(message), lengths, (sent, pieces) => {
    const stream = Buffer.concat(sent.map(encodeMessage))
    const reader = new MessageReader<FromSession | ToSession>()
    const read: (FromSession | ToSession)[] = []
    for (let offset = 0; offset < stream.length; ) {
      const { value: length } = pieces.next()
      read.push(...reader.read(stream.subarray(offset, offset + length)))
      offset += length
    }
    assert.deepStrictEqual(
      read.map((one) => (one.type === 'sign' ? { ...one, data: Uint8Array.from(one.data) } : one)),
      sent,
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
  for (const messages of [orders, answers]) {
    t.strictSame(new MessageReader().read(Buffer.concat(messages.map(encodeMessage))), messages)
  }
})

t.test('keys of the main thread arrive with their octets, however many there are', async (t) => {
  const octets = Buffer.from([0, 1, 0xff])
  const key: FoundKey = {
    ...{
      label: 'base64',
      labelBytes: octets,
      id: '01',
      publicKey: octets,
      certificate: Buffer.alloc(1_500, 7),
    },
    protection: {
      sensitive: true,
      extractable: null,
      local: true,
      alwaysSensitive: null,
      neverExtractable: true,
    },
  }
  const token = { label: 'label', serial: '1', manufacturer: 'm', model: 'm' }
  const failure: KeyOutcome = { about: 'key', message: 'it is not there', reason: 'it is away' }
  const keys: KeyOutcome[] = [failure, ...Array(999).fill(key)]
  const request = { selector: { label: 'x' }, publicKey: Uint8Array.from(octets), certificateOnToken: false }
  const messages: (ToSignerProcess | FromSignerProcess)[] = [
    { type: 'opened', token, keys },
    { type: 'keys-found', keys },
    {
      ...{ type: 'open', keys: [request], refusedPins: [] },
      access: { module: '/module.so', token: { slot: 1 }, pin: { file: '/pin' } },
    },
    { type: 'log-in' },
  ]
  const reader = new MessageReader(MAX_MAIN_LENGTH)
  const read = messages.flatMap((message) => reader.read(encodeMessage(message)))
  t.same(read, messages)
  t.throws(
    () => new MessageReader().read(encodeMessage(messages[0] as FromSignerProcess)),
    'a session has no such message',
  )
})

t.test('what is no message is told, and nobody hears what it was', async (t) => {
  const [here, there] = duplexPair()
  const read: FromSession[] = []
  let garbage = 0
  readMessages(
    here,
    (message: FromSession) => read.push(message),
    () => {
      garbage += 1
    },
  )
  const opened: FromSession = { type: 'session-opened', session: 0, ticket: 1, seconds: 0.001 }
  there.write(encodeMessage(opened))
  await setImmediate()
  t.strictSame(read, [opened])
  there.write(Buffer.from([5, 0, 0, 0, 1, 0, 0, 0, 0xff]))
  await setImmediate()
  t.equal(garbage, 1)
  t.equal(read.length, 1)
})

t.test('text that a library prints into a channel is told at once, and not taken for a length', async (t) => {
  const [here, there] = duplexPair()
  let garbage = 0
  readMessages(
    here,
    () => t.fail('there is no message'),
    () => {
      garbage += 1
    },
  )
  there.write('error\n')
  await setImmediate()
  t.equal(garbage, 1)
})
