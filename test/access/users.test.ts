import { createHash, scryptSync } from 'node:crypto'
import type { BlockList } from 'node:net'
import t from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { Users } from '../../src/access/users.ts'
import { parseNetworks } from '../../src/common/networks.ts'

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
  t.equal(scryptSync(token, salt, 32, { N: 4_096, r: 8, p: 1 }).toString('base64url'), kept.hash)
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

t.test('guesses at the token of a user are refused, and keep nobody waiting', async (t) => {
  const users = createUsers()
  const guesses = Array.from({ length: 500 }, (_, index) => {
    const token = `${alice.kept.tokenId}.${String(index).padStart(43, 'A')}`
    return users.authenticate({ token }).then(
      () => 'accepted',
      ({ code }) => code as string,
    )
  })
  t.same((await users.authenticate({ token: alice.token })).subject, 'alice')
  t.same(await users.authenticate({ token: bob.token }), { subject: 'bob' })
  t.strictSame([...new Set(await Promise.all(guesses))], ['SIGNING_TOKEN_INVALID'])
})

t.test('a guess that has the check of the token is refused by its hash', async (t) => {
  const users = new Users([
    { name: 'alice', ...alice.kept, check: checkOf(bob.token), tokenId: bob.kept.tokenId },
  ])
  await t.rejects(users.authenticate({ token: bob.token }), INVALID)
})

/** One in 262,144 guesses has the check of a token. These have that of `FIXED`. */
const GUESSES = [
  775409, 849917, 1113565, 1168506, 1337448, 2688288, 3003920, 3223759, 3579956, 4033491, 4398718, 5166037,
  5206235, 5264626, 5267870, 5561939, 5702453, 5818571, 5973056, 6001749,
].map((number) => `fixedTokenId.${String(number).padStart(43, 'A')}`)
const FIXED = `fixedTokenId.${'A'.repeat(43)}`

t.test('guesses that have the check of a token are verified one after another', async (t) => {
  const salt = Buffer.alloc(16)
  const hash = scryptSync(FIXED, salt, 32, { N: 4_096, r: 8, p: 1 }).toString('base64url')
  const fixed = { tokenId: 'fixedTokenId', check: checkOf(FIXED), salt: salt.toString('base64url'), hash }
  const users = new Users([
    { name: 'alice', ...fixed },
    { name: 'bob', ...bob.kept },
  ])
  t.ok(GUESSES.every((guess) => checkOf(guess) === fixed.check))
  const order: string[] = []
  const ask = (name: string, token: string) =>
    users.authenticate({ token }).then(
      () => order.push(name),
      ({ code }) => order.push(code),
    )
  await Promise.all([
    ...GUESSES.map((token) => ask('guess', token)),
    ask('alice', FIXED),
    ask('bob', bob.token),
  ])
  t.ok(order.indexOf('bob') < order.length - 1, 'others do not wait for them')
  t.equal(order.at(-1), 'alice')
  t.equal(order.filter((code) => code === 'SIGNING_TOKEN_INVALID').length, GUESSES.length)
})

t.test('a guess of which all have left is not verified, and the others are', async (t) => {
  const users = createUsers()
  const client = { hasLeft: false }
  const first = users.authenticate({ token: alice.token }, client)
  const second = users.authenticate({ token: alice.token })
  client.hasLeft = true
  t.strictSame([(await first).subject, (await second).subject], ['alice', 'alice'], 'one of them waits')
  users.replace([])
  users.replace([{ name: 'alice', ...alice.kept }])
  await t.rejects(users.authenticate({ token: alice.token }, client), INVALID)
})

t.test('users are replaced: who is gone or another is verified anew, the others are known', async (t) => {
  const all = [
    { name: 'alice', ...alice.kept },
    { name: 'bob', ...bob.kept, addresses: networks('10.0.0.0/8') },
  ] as const
  const users = new Users(all)
  const find = (token: string) =>
    users.authenticate({ token }).then(
      ({ subject, signers }) => [subject, signers],
      ({ code }) => code,
    )
  const subjects = () => Promise.all([alice.token, bob.token].map(find))
  t.same(await subjects(), [
    ['alice', undefined],
    ['bob', undefined],
  ])
  users.replace([{ ...all[0], signers: ['a'] }, { ...all[1] }])
  t.same(await subjects(), [
    ['alice', ['a']],
    ['bob', undefined],
  ])
  users.replace([all[1]])
  t.same(await subjects(), ['SIGNING_TOKEN_INVALID', ['bob', undefined]])
  users.replace([{ ...all[1], addresses: networks('10.0.0.0/9') }])
  const { addresses } = await users.authenticate({ token: bob.token })
  t.equal(addresses?.check('10.200.0.1'), false, 'the narrower network counts at once')
})

t.test('a token whose user goes while it is verified is not remembered', async (t) => {
  const users = createUsers()
  const verifying = users.authenticate({ token: alice.token })
  users.replace([])
  await verifying.catch(() => {})
  await t.rejects(users.authenticate({ token: alice.token }), INVALID)
})

function networks(network: string): BlockList {
  const list = parseNetworks([network])
  if ('wrong' in list) {
    throw new Error(list.wrong)
  }
  return list
}

function checkOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url').slice(0, 3)
}

t.test('no token begins with what commands take for an option', async (t) => {
  const made = await Promise.all(Array.from({ length: 64 }, () => createToken()))
  t.same(
    made.filter(({ token }) => !/^[A-Za-z]/.test(token)),
    [],
  )
})
