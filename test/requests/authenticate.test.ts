/** For whom a request is that needs no token, but may have one. */
import t from 'tap'
import type { Grant } from '../../src/access/grant.ts'
import { ACCESS_UNAVAILABLE, SIGNING_TOKEN_INVALID } from '../../src/errors.ts'
import { findSigners } from '../../src/requests/authenticate.ts'

async function find(authenticate: () => Promise<Grant>) {
  return findSigners({ headers: {}, logDetails: {}, client: null }, { token: 'a' }, { authenticate })
}

t.test('a token is for the signers that it names', async (t) => {
  t.strictSame(await find(async () => ({ signers: ['one'] })), { signers: ['one'] })
})

t.test('a token that is not valid is for none', async (t) => {
  t.strictSame(await find(() => Promise.reject(new SIGNING_TOKEN_INVALID('it has ended'))), {})
})

t.test('a token that nobody can verify now is an error', async (t) => {
  await t.rejects(
    find(() => Promise.reject(new ACCESS_UNAVAILABLE())),
    { code: 'ACCESS_UNAVAILABLE' },
  )
})
