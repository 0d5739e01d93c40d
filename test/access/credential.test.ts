import t from 'tap'
import { findCredential } from '../../src/access/credential.ts'
import { describeRefusal } from '../../src/access/jwt.ts'
import { readSigningToken } from '../../src/access/signing-token.ts'

function find(signingToken: string | undefined, authorization?: string) {
  return findCredential(readSigningToken(signingToken, ['hsm']), authorization)
}

const MISSING = { code: 'SIGNING_TOKEN_MISSING', statusCode: 401 }
const INVALID = { code: 'SIGNING_TOKEN_INVALID', statusCode: 401 }

t.test('the token is the signing_token, its token in JSON, or that of the header', async (t) => {
  t.strictSame(find('secret'), { token: 'secret' })
  t.strictSame(find('{"token":"secret"}'), { token: 'secret' })
  t.strictSame(find('{"token":"secret","userId":"alice","signer":"a"}'), { token: 'secret', userId: 'alice' })
  t.strictSame(find(undefined, 'Bearer secret'), { token: 'secret' })
  t.strictSame(find('{"signer":"a"}', 'bearer  a.b-c_d~e+f/g== '), { token: 'a.b-c_d~e+f/g==' })
  t.strictSame(find('{"userId":"alice"}', 'Bearer secret'), { token: 'secret', userId: 'alice' })
})

t.test('two places have to agree', async (t) => {
  t.strictSame(find('secret', 'Bearer secret'), { token: 'secret' })
  t.strictSame(find('{"token":"secret"}', 'Bearer secret'), { token: 'secret' })
  t.throws(() => find('secret', 'Bearer other'), INVALID)
  t.throws(() => find('{"token":"secret"}', 'Bearer other'), INVALID)
  t.throws(() => find('a user', 'Bearer secret'), INVALID)
})

t.test('the log says why no token is looked at, and nothing of it', async (t) => {
  const reasons: [string | undefined, string | undefined, RegExp][] = [
    ['x'.repeat(16_385), undefined, /^token or userId is no text of at most 16384 characters$/],
    ['secret', 'Bearer other', /^signing_token and Authorization have different tokens$/],
    [undefined, 'Basic secret', /^Authorization is not Bearer with a token$/],
  ]
  for (const [signingToken, authorization, reason] of reasons) {
    try {
      find(signingToken, authorization)
      t.fail(`${reason}`)
    } catch (error) {
      t.match(describeRefusal(error), reason)
    }
  }
  t.equal(find('x'.repeat(16_384)).token.length, 16_384)
})

t.test('a request without a token is told apart from one with a wrong one', async (t) => {
  for (const nothing of [undefined, '', '{}', '{"token":null}', '{"signer":"a"}']) {
    t.throws(() => find(nothing), MISSING, `${nothing}`)
  }
  for (const wrong of [
    '{"token":7}',
    '{"token":["secret"]}',
    '{"token":"secret","userId":7}',
    'x'.repeat(16_385),
  ]) {
    t.throws(() => find(wrong), INVALID, wrong.slice(0, 40))
  }
  for (const header of [
    '',
    'secret',
    'Basic c2VjcmV0',
    'Bearer',
    'Bearer ',
    'Bearer a b',
    'Bearer a, Bearer b',
    'Bearer é',
  ]) {
    t.throws(() => find(undefined, header), INVALID, header)
  }
})
