import fc from 'fast-check'
import t from 'tap'
import { readSigningToken } from '../../src/access/signing-token.ts'

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
    t.strictSame(readSigningToken(token), {}, `${token}`)
  }
})

t.test('the signer of a JSON object is the one that it names', async (t) => {
  t.strictSame(readSigningToken('{"signer":"a"}'), { signer: 'a' })
  t.strictSame(readSigningToken('{"signer":""}'), { signer: '' })
  t.strictSame(readSigningToken('{}'), {})
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (signer, more) => {
      const token = JSON.stringify({ more, signer, signMethod: 'hsm' })
      return readSigningToken(token).signer === signer
    }),
  )
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
        readSigningToken(token)
      } catch (error) {
        const { code, message } = error as { code: string; message: string }
        const quoted = token.length > 20 && message.includes(token)
        return code === 'INVALID_REQUEST' && message.startsWith('signing_token: ') && !quoted
      }
      return true
    }),
  )
})
