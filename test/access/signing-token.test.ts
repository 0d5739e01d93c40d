import fc from 'fast-check'
import t from 'tap'
import { readSigningToken } from '../../src/access/signing-token.ts'

const HSM = ['hsm']

t.test('what is no JSON object is a credential, and says nothing of signers', async (t) => {
  for (const nothing of [null, undefined, '']) {
    t.strictSame(readSigningToken(nothing, HSM), {})
  }
  for (const token of [' ', 'user', '{', '{x}', '{ signer }', '[{"signer":"a"}]', '"a"', '7']) {
    t.strictSame(readSigningToken(token, HSM), { token })
  }
})

t.test('the signer of a JSON object is the one that it names', async (t) => {
  t.strictSame(readSigningToken('{"signer":"a"}', HSM), { signer: 'a' })
  t.strictSame(readSigningToken('{"signer":""}', HSM), { signer: '' })
  t.strictSame(readSigningToken('{}', HSM), {})
  t.strictSame(readSigningToken('{"token":"secret","userId":"alice"}', HSM), {
    token: 'secret',
    userId: 'alice',
  })
  t.strictSame(readSigningToken('{"token":["secret"],"userId":7}', HSM), { token: ['secret'], userId: 7 })
  t.strictSame(readSigningToken('{"token":null,"userId":null,"signer":null}', HSM), {})
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (signer, more) => {
      const token = JSON.stringify({ more, signer, signMethod: 'hsm' })
      return readSigningToken(token, HSM).signer === signer
    }),
  )
})

t.test('signMethod is one of those that are accepted, in any letters', async (t) => {
  const refusal = (methods: string) => ({
    code: 'INVALID_REQUEST',
    message:
      `signing_token: signMethod must be one of ${methods}: this service signs with an HSM alone, and accepts what ` +
      'SIGN_METHODS lists',
  })
  for (const signMethod of ['hsm', 'HSM', 'Hsm', null, undefined]) {
    t.strictSame(readSigningToken(JSON.stringify({ signMethod, signer: 'a' }), HSM), { signer: 'a' })
  }
  for (const signMethod of ['privateKey', 'software', '', ' hsm', 7, true, ['hsm'], {}]) {
    t.throws(() => readSigningToken(JSON.stringify({ signMethod }), HSM), refusal('hsm'))
  }
  const methods = ['privatekey', 'hsm']
  t.strictSame(readSigningToken('{"signMethod":"privateKey"}', methods), {})
  t.throws(() => readSigningToken('{"signMethod":"globaltrust"}', methods), refusal('privatekey, hsm'))
})

t.test('JSON of more values than any has use for is refused', async (t) => {
  const ofLength = (count: number) => JSON.stringify({ signer: 'contracts', x: Array(count).fill(1) })
  t.strictSame(readSigningToken(ofLength(998), HSM), { signer: 'contracts' })
  t.throws(() => readSigningToken(ofLength(999), HSM), {
    code: 'INVALID_REQUEST',
    message: 'signing_token: JSON must not have more than 1000 commas and colons',
  })
  t.strictSame(readSigningToken(`[${ofLength(999)}]`, HSM), { token: `[${ofLength(999)}]` }, 'no object')
})

t.test('whatever it is, it is read or refused, and never quoted', async () => {
  const anything = fc.oneof(
    fc.string(),
    fc.string().map((text) => `{"${text}`),
    fc.json(),
  )
  fc.assert(
    fc.property(anything, (token) => {
      try {
        readSigningToken(token, HSM)
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        const quoted = token.length > 20 && message.includes(token)
        return code === 'INVALID_REQUEST' && message.startsWith('signing_token: ') && !quoted
      }
      return true
    }),
  )
})
