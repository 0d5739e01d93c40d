/** For whom a request is that needs no token, but may have one. */
import t from 'tap'
import type { Grant } from '../../src/access/grant.ts'
import { createToken } from '../../src/access/user-token.ts'
import { ACCESS_UNAVAILABLE, SIGNING_TOKEN_INVALID, SIGNING_TOKEN_MISSING } from '../../src/errors.ts'
import { findSigners } from '../../src/requests/authenticate.ts'

async function find(authenticate: () => Promise<Grant>, token = 'a', authorization?: string) {
  const headers = authorization === undefined ? {} : { authorization }
  return findSigners({ headers, logDetails: {}, client: null }, { token }, { authenticate })
}

t.test('a token is for the signers that it names', async (t) => {
  t.strictSame(await find(async () => ({ signers: ['one'] })), { signers: ['one'] })
})

t.test('a token that is not valid is for none', async (t) => {
  t.strictSame(await find(() => Promise.reject(new SIGNING_TOKEN_INVALID('it has ended'))), {})
})

t.test(
  "one that is spelled like a user's is refused, since it may be valid, and for a signer, when the signature is asked for",
  async (t) => {
    const { token } = await createToken()
    const refuse = () => Promise.reject(new SIGNING_TOKEN_INVALID())
    await t.rejects(find(refuse, token), { code: 'SIGNING_TOKEN_INVALID' })
    await t.rejects(find(refuse, undefined, `Bearer ${token}`), { code: 'SIGNING_TOKEN_INVALID' })
    t.strictSame(await find(refuse, undefined, 'Bearer a'), {})
    t.strictSame(await find(() => Promise.reject(new SIGNING_TOKEN_MISSING()), token), {})
  },
)

t.test('a token that nobody can verify now is an error', async (t) => {
  await t.rejects(
    find(() => Promise.reject(new ACCESS_UNAVAILABLE())),
    { code: 'ACCESS_UNAVAILABLE' },
  )
})
