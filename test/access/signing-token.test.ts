import fc from 'fast-check'
import t from 'tap'
import { readSigningToken } from '../../src/access/signing-token.ts'

const HSM = ['hsm']

t.test('what is no JSON object says nothing of signers', async (t) => {
  for (const token of [
    null,
    undefined,
    '',
    ' ',
    'user',
    '{',
    '{x}',
    '{ signer }',
    '[{"signer":"a"}]',
    '"a"',
    '7',
  ]) {
    t.strictSame(readSigningToken(token, HSM), undefined, `${token}`)
  }
})

t.test('the signer of a JSON object is the one that it names', async (t) => {
  t.strictSame(readSigningToken('{"signer":"a"}', HSM), 'a')
  t.strictSame(readSigningToken('{"signer":""}', HSM), '')
  t.strictSame(readSigningToken('{}', HSM), undefined)
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (signer, more) => {
      const token = JSON.stringify({ more, signer, signMethod: 'hsm' })
      return readSigningToken(token, HSM) === signer
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
    t.strictSame(readSigningToken(JSON.stringify({ signMethod, signer: 'a' }), HSM), 'a')
  }
  for (const signMethod of ['privateKey', 'software', '', ' hsm', 7, true, ['hsm'], {}]) {
    t.throws(() => readSigningToken(JSON.stringify({ signMethod }), HSM), refusal('hsm'))
  }
  const methods = ['privatekey', 'hsm']
  t.strictSame(readSigningToken('{"signMethod":"privateKey"}', methods), undefined)
  t.throws(() => readSigningToken('{"signMethod":"globaltrust"}', methods), refusal('privatekey, hsm'))
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
