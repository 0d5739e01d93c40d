import { scryptSync } from 'node:crypto'
import t from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { Users } from '../../src/access/users.ts'

const INVALID = { code: 'SIGNING_TOKEN_INVALID', statusCode: 401 }

const alice = await createToken()
const bob = await createToken()

function createUsers() {
  return new Users([
    { name: 'alice', ...alice.kept, signers: ['contracts'], containers: ['raw'], hashAlgorithms: ['sha256'] },
    { name: 'bob', ...bob.kept },
  ])
}

t.test('what is kept of a token is scrypt of it', async (t) => {
  const { token, kept } = alice
  const salt = Buffer.from(kept.salt, 'base64url')
  t.equal(scryptSync(token, salt, 32, { N: 16_384, r: 8, p: 1 }).toString('base64url'), kept.hash)
  t.equal(salt.length, 16)
  t.match(token, new RegExp(`^${kept.tokenId}[.][A-Za-z0-9_-]{43}$`))
  t.notOk(JSON.stringify(kept).includes(token.slice(13)))
  t.not(bob.kept.salt, kept.salt)
})

t.test('a token is that of its user, with what he may have signed', async (t) => {
  const users = createUsers()
  const grant = { subject: 'alice', signers: ['contracts'], containers: ['raw'], hashAlgorithms: ['sha256'] }
  for (let count = 0; count < 2; count++) {
    t.strictSame(await users.authenticate({ token: alice.token }), grant)
    t.strictSame(await users.authenticate({ token: bob.token, userId: 'bob' }), { subject: 'bob' })
  }
})

t.test('a token with another user, another secret, or of nobody is refused', async (t) => {
  const users = createUsers()
  const wrong = [
    `${alice.kept.tokenId}.${bob.token.slice(13)}`,
    `${alice.token}A`,
    alice.token.slice(0, -1),
    ` ${alice.token}`,
    alice.kept.tokenId,
    alice.kept.hash,
    'alice',
    '',
    (await createToken()).token,
  ]
  for (const token of wrong) {
    await t.rejects(users.authenticate({ token }), INVALID, token)
  }
  await users.authenticate({ token: alice.token })
  for (const userId of ['bob', 'Alice', '']) {
    await t.rejects(users.authenticate({ token: alice.token, userId }), INVALID, userId)
  }
})

t.test('many requests with a new token at once pay for one verification', async (t) => {
  const users = createUsers()
  const grants = await Promise.all(
    Array.from({ length: 200 }, () => users.authenticate({ token: alice.token })),
  )
  t.ok(grants.every(({ subject }) => subject === 'alice'))
})

t.test(
  'many attempts to guess the token of a user are refused, and keep no other user waiting',
  async (t) => {
    const users = createUsers()
    const guesses = Array.from({ length: 50 }, (_, index) => {
      const token = `${alice.kept.tokenId}.${String(index).padStart(43, 'A')}`
      return users.authenticate({ token }).then(
        () => 'accepted',
        ({ code }) => code as string,
      )
    })
    t.same(await users.authenticate({ token: bob.token }), { subject: 'bob' })
    const codes = await Promise.all(guesses)
    t.equal(codes.filter((code) => code === 'SIGNING_TOKEN_INVALID').length, 4)
    t.equal(codes.filter((code) => code === 'TOO_MANY_REQUESTS').length, 46)
    t.same((await users.authenticate({ token: alice.token })).subject, 'alice')
  },
)
