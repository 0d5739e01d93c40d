import { createHmac, createSecretKey, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { describeRefusal, JwtAuthenticator } from '../../src/access/jwt.ts'
import { Proxies } from '../../src/common/proxies.ts'
import { RepeatedWarning } from '../../src/common/repeated-warning.ts'
import type { JwtConfiguration } from '../../src/configuration/access-configuration.ts'
import { ACCESS_UNAVAILABLE } from '../../src/errors.ts'
import { createClaims, createJwtKey, createKeySet, signHs256, signJwt, unsignedJwt } from '../support/jwt.ts'
import { until } from '../support/signing.ts'

const key = createJwtKey('ES256', 'one')
const rsa = createJwtKey('RS256', 'rsa')
const pss = createJwtKey('PS256', 'pss')
const ed25519 = createJwtKey('EdDSA', 'ed25519')
/** A key of the same kind, by the name that says so (RFC 9864). */
const named = createJwtKey('Ed25519', 'named')
const set = createKeySet(key, rsa, pss, ed25519, named)

const INVALID = { code: 'SIGNING_TOKEN_INVALID', statusCode: 401 }
const UNAVAILABLE = { code: 'ACCESS_UNAVAILABLE', statusCode: 503 }

function create(
  t: Test,
  configuration: Partial<JwtConfiguration> = {},
  warnings: string[] = [],
  proxies = new Proxies(),
): JwtAuthenticator {
  const warning = new RepeatedWarning({ warn: (_, message) => warnings.push(message) })
  const authenticator = new JwtAuthenticator(
    {
      keys: { kind: 'set', set },
      issuer: 'https://app.example.com',
      audience: 'signing-service',
      algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
      ...configuration,
    },
    { proxies, warning },
  )
  t.teardown(() => authenticator.close())
  return authenticator
}

t.test('a token of each algorithm says who has what signed', async (t) => {
  const authenticator = create(t)
  const claims = createClaims({
    signer: 'contracts',
    containers: ['raw'],
    hash_algorithms: ['SHA-256', 'sha512'],
    digest: 'AB'.repeat(32),
  })
  for (const one of [key, rsa, pss, ed25519, named]) {
    for (let count = 0; count < 2; count++) {
      t.strictSame(await authenticator.authenticate({ token: signJwt(one, claims) }), {
        subject: 'alice',
        signers: ['contracts'],
        containers: ['raw'],
        hashAlgorithms: ['sha256', 'sha512'],
        digest: 'ab'.repeat(32),
      })
    }
  }
  const wide = createClaims({ aud: ['other', 'signing-service'], signer: ['a', 'b'] })
  t.strictSame(await authenticator.authenticate({ token: signJwt(key, wide), userId: 'alice' }), {
    subject: 'alice',
    signers: ['a', 'b'],
  })
})

t.test('every way round the signature and the claims is refused', async (t) => {
  const authenticator = create(t)
  const now = Math.floor(Date.now() / 1000)
  const stranger = createJwtKey('ES256', 'one')
  const strangerSet = createKeySet(stranger)
  const spki = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const right = signJwt(key, createClaims())
  const [header = '', payload = '', signature = ''] = right.split('.')
  const wrong: Readonly<Record<string, string>> = {
    'alg none': unsignedJwt(createClaims()),
    'alg none, with the signature of another token': `${unsignedJwt(createClaims())}${signature}`,
    'HS256 with the public key as the secret': signHs256(spki, createClaims(), { kid: 'rsa' }),
    'HS256 with the DER of the public key': signHs256(
      rsa.publicKey.export({ type: 'spki', format: 'der' }),
      createClaims(),
      { kid: 'rsa' },
    ),
    'another key with the same kid': signJwt(stranger, createClaims()),
    'a key in the header': signJwt(stranger, createClaims(), { jwk: strangerSet.keys[0], kid: undefined }),
    'an address of keys in the header': signJwt(stranger, createClaims(), {
      jku: 'https://attacker.example/',
    }),
    'a chain in the header': signJwt(stranger, createClaims(), { x5c: ['MIIB'] }),
    'an unknown critical header': signJwt(key, createClaims(), { crit: ['b64'], b64: false }),
    'the algorithm of another key': signJwt(key, createClaims(), { alg: 'RS256' }),
    expired: signJwt(key, createClaims({ exp: now - 61 })),
    'not yet valid': signJwt(key, createClaims({ nbf: now + 90 })),
    'without expiry': signJwt(key, createClaims({ exp: undefined })),
    'an expiry that is no number': signJwt(key, createClaims({ exp: `${now + 60}` })),
    'another issuer': signJwt(key, createClaims({ iss: 'https://app.example.com/' })),
    'another audience': signJwt(key, createClaims({ aud: 'other' })),
    'without issuer': signJwt(key, createClaims({ iss: undefined })),
    'without audience': signJwt(key, createClaims({ aud: undefined })),
    'without subject': signJwt(key, createClaims({ sub: undefined })),
    'an empty subject': signJwt(key, createClaims({ sub: '' })),
    'a subject that is no text': signJwt(key, createClaims({ sub: { name: 'alice' } })),
    'a long subject': signJwt(key, createClaims({ sub: 'a'.repeat(257) })),
    'a subject that is no Unicode': signJwt(key, createClaims({ sub: 'a\ud800' })),
    'no kid, where several keys might be meant': signJwt(createJwtKey(), createClaims(), { kid: undefined }),
    'no signature': `${header}.${payload}.`,
    'two parts': `${header}.${payload}`,
    'another payload': `${header}.${Buffer.from(JSON.stringify(createClaims({ sub: 'eve' }))).toString('base64url')}.${signature}`,
    'a space before it': ` ${right}`,
    'no object': signJwt(key, ['alice']),
    'no JWT': 'alice',
  }
  for (const [name, token] of Object.entries(wrong)) {
    await t.rejects(authenticator.authenticate({ token }), INVALID, name)
  }
  await t.rejects(authenticator.authenticate({ token: right, userId: 'bob' }), INVALID, 'another user')
  t.same(await authenticator.authenticate({ token: right }), { subject: 'alice' })
  await t.rejects(
    authenticator.authenticate({ token: right, userId: 'bob' }),
    INVALID,
    'another user, verified before',
  )
})

t.test('a restriction that cannot be read does not become none', async (t) => {
  const authenticator = create(t)
  const wrong = [
    { signer: 7 },
    { signer: ['a', 7] },
    { signer: { name: 'a' } },
    { signers: ['a'] },
    { Signer: 'a' },
    { 'signer ': 'a' },
    { containers: 'raw' },
    { containers: ['raw', 'other'] },
    { container: 'raw' },
    { signature_container: 'raw' },
    { hash_algorithms: 'sha256' },
    { hash_algorithms: ['sha3'] },
    { hashAlgorithms: ['sha256'] },
    { hash_algorithm: 'sha256' },
    { digest: 7 },
    { digest: 'no hex' },
    { digest: 'ab' },
    { digests: ['ab'.repeat(32)] },
    { addresses: ['10.0.0.0/8'] },
    ...['10.0.0.1', ['10.0.0.0/8'], null].map((address) => ({ address })),
    { 'hash-algorithms': ['sha256'] },
    { 'signature-container': 'raw' },
    { signer: null },
    ...['custom:signer', 'https://example.com/signer', 'example.com#signers'].map((name) => ({
      [name]: 'a',
    })),
    ...['custom:digest', 'https://example.com/digest'].map((name) => ({ [name]: 'ab'.repeat(32) })),
    { hash_algs: ['sha512'] },
    { signing: { containers: ['raw'] } },
    { signing: { container: 'raw' } },
    { data: [{ 'app:hash_algorithms': ['sha256'] }] },
    { signing: { limits: { digest: 'ab'.repeat(32) } } },
  ]
  for (const claims of wrong) {
    const token = signJwt(key, createClaims(claims))
    await t.rejects(authenticator.authenticate({ token }), INVALID, JSON.stringify(claims))
  }
})

t.test('what others call so is no restriction', async (t) => {
  const authenticator = create(t)
  let deep: Record<string, unknown> = { containers: ['raw'] }
  for (let depth = 0; depth < 9; depth++) {
    deep = { deep }
  }
  for (const claims of [
    { evidence: [{ digest: { alg: 'sha-256', value: 'n4bQ' } }] },
    { app: { containers: ['web', 'db'], digest: 'none', signer: 'Bob' } },
    { app: { containers: [] } },
    // Deeper than claims are searched
    deep,
    { signer_name: 'Bob Miller', signerId: '42', 'custom:signer_name': 'Bob' },
    { user: { address: '1 Main Street' }, 'https://example.com/address': 'Berlin' },
    { 'https://digest.example.com/roles': ['raw'] },
  ]) {
    const token = signJwt(key, createClaims(claims))
    t.same(await authenticator.authenticate({ token }), { subject: 'alice' }, JSON.stringify(claims))
  }
})

t.test('the postal address of OpenID Connect is none of a network', async (t) => {
  const authenticator = create(t)
  for (const address of [{ locality: 'Berlin' }, {}]) {
    const token = signJwt(key, createClaims({ address }))
    t.same(await authenticator.authenticate({ token }), { subject: 'alice' })
  }
})

t.test('the log is told why a token is not valid, and nothing of what is in it', async (t) => {
  const authenticator = create(t)
  const refusalOf = (token: string) =>
    authenticator.authenticate({ token }).then(() => 'none', describeRefusal)
  const claims = (more: object) => signJwt(key, createClaims({ ...more }))
  const reasons = {
    'ERR_JWT_EXPIRED exp': claims({ exp: 1 }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED iss': claims({ iss: 'https://evil.example.com' }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED aud': claims({ aud: 'another' }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED sub': claims({ sub: 'a'.repeat(257) }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED signers': claims({ signers: ['a'] }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED signer': claims({ signer: 7 }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED custom:signer': claims({ 'custom:signer': 'a' }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED container': claims({ signing: { container: 'raw' } }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED containers': claims({ containers: 'raw' }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED hash_algorithms': claims({ hash_algorithms: ['sha3'] }),
    'ERR_JWT_CLAIM_VALIDATION_FAILED digest': claims({ digest: 'ab' }),
    ERR_JWKS_NO_MATCHING_KEY: signJwt(createJwtKey(), createClaims()),
    ERR_JWS_SIGNATURE_VERIFICATION_FAILED: signJwt(createJwtKey('ES256', 'one'), createClaims()),
  }
  for (const [reason, token] of Object.entries(reasons)) {
    t.equal(await refusalOf(token), reason)
  }
  const another = authenticator.authenticate({ token: claims({}), userId: 'bob' })
  t.equal(await another.catch(describeRefusal), 'userId is not the user of the token')
  t.equal(describeRefusal(new ACCESS_UNAVAILABLE()), undefined)
})

t.test('a token ends when it says so, also where it was verified before', async (t) => {
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  t.teardown(() => mock.timers.reset())
  const authenticator = create(t)
  const token = signJwt(key, createClaims())
  t.same(await authenticator.authenticate({ token }), { subject: 'alice' })
  mock.timers.tick(119_000)
  t.same(await authenticator.authenticate({ token }), { subject: 'alice' }, 'a minute is tolerated')
  mock.timers.tick(2_000)
  await t.rejects(authenticator.authenticate({ token }), INVALID)
})

t.test('a longest age counts beside the expiry', async (t) => {
  const authenticator = create(t, { maxAgeS: 30 })
  const now = Math.floor(Date.now() / 1000)
  const claims = (iat: number | undefined) => createClaims({ iat, exp: now + 3_600 })
  t.same(await authenticator.authenticate({ token: signJwt(key, claims(now - 29)) }), { subject: 'alice' })
  for (const iat of [now - 120, now + 120, undefined]) {
    await t.rejects(authenticator.authenticate({ token: signJwt(key, claims(iat)) }), INVALID, `${iat}`)
  }
})

t.test('a secret verifies HS256 alone', async (t) => {
  const secret = Buffer.alloc(32, 's')
  const authenticator = create(t, {
    keys: { kind: 'key', key: createSecretKey(secret) },
    algorithms: ['HS256'],
  })
  t.same(await authenticator.authenticate({ token: signHs256(secret, createClaims()) }), { subject: 'alice' })
  for (const token of [
    signHs256(Buffer.alloc(32, 't'), createClaims()),
    signJwt(key, createClaims()),
    unsignedJwt(createClaims()),
  ]) {
    await t.rejects(authenticator.authenticate({ token }), INVALID)
  }
  t.equal(createHmac('sha256', secret).update('').digest().length, 32)
})

t.test('one public key verifies whatever kid a token has', async (t) => {
  const authenticator = create(t, { keys: { kind: 'key', key: key.publicKey } })
  for (const kid of ['one', 'other', undefined]) {
    const token = signJwt(key, createClaims(), { kid })
    t.same(await authenticator.authenticate({ token }), { subject: 'alice' })
  }
  await t.rejects(authenticator.authenticate({ token: signJwt(rsa, createClaims()) }), INVALID)
})

interface KeyServer {
  readonly url: URL
  keys: unknown
  /** The answer begins with this text, and the keys follow. */
  before: string
  status: number
  requests: number
  /** Answers with the keys that are there now, once this is over. */
  held: Promise<void> | undefined
}

async function startKeyServer(t: Test): Promise<KeyServer> {
  const state: Omit<KeyServer, 'url'> = {
    ...{ keys: createKeySet(key), before: '', status: 200, requests: 0, held: undefined },
  }
  const server = createServer(async (_request, response) => {
    state.requests += 1
    response.writeHead(state.status, { 'content-type': 'application/json' })
    const text = state.before + JSON.stringify(state.keys)
    await state.held
    response.end(text)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return Object.assign(state, { url: new URL(`http://127.0.0.1:${port}/keys`) })
}

t.test('a byte order mark before the keys of an address is passed over', async (t) => {
  const server = await startKeyServer(t)
  server.before = '\ufeff'
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } })
  t.same(await authenticator.authenticate({ token: signJwt(key, createClaims()) }), { subject: 'alice' })
})

t.test('keys of an address are fetched, and fetched again for a new kid', async (t) => {
  const server = await startKeyServer(t)
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } })
  const token = signJwt(key, createClaims())
  t.same(await authenticator.authenticate({ token }), { subject: 'alice' })
  for (let count = 0; count < 100; count++) {
    const stranger = createJwtKey('ES256', `unknown-${count}`)
    await t.rejects(authenticator.authenticate({ token: signJwt(stranger, createClaims()) }), INVALID)
  }
  t.ok(server.requests <= 2, `a flood of unknown keys makes ${server.requests} requests`)
})

t.test('a token without kid is verified with each key that may be meant', async (t) => {
  const server = await startKeyServer(t)
  const others = Array.from({ length: 8 }, () => createJwtKey())
  const set = createKeySet(...others.slice(0, 7), key)
  // Too short for RS256, whose tokens are for the next key then
  const short = createKeySet(
    { ...rsa, publicKey: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey },
    rsa,
  )
  server.keys = set
  for (const keys of [{ kind: 'url', url: server.url } as const, { kind: 'set', set } as const]) {
    const authenticator = create(t, { keys })
    const without = (by: typeof key, claims = {}) => signJwt(by, createClaims(claims), { kid: undefined })
    t.same(await authenticator.authenticate({ token: without(key) }), { subject: 'alice' })
    t.same(await authenticator.authenticate({ token: without(others[0] as typeof key) }), {
      subject: 'alice',
    })
    for (const [claims, reason] of [
      [{ exp: 1 }, 'ERR_JWT_EXPIRED exp'],
      [{ aud: 'another' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED aud'],
    ] as const) {
      t.equal(
        await authenticator.authenticate({ token: without(key, claims) }).catch(describeRefusal),
        reason,
      )
    }
    const stranger = authenticator.authenticate({ token: without(createJwtKey()) })
    t.equal(await stranger.catch(describeRefusal), 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED')
  }
  const fewer = create(t, { keys: { kind: 'set', set: createKeySet(...others.slice(0, 2)) } })
  const unknown = fewer.authenticate({ token: signJwt(key, createClaims(), { kid: undefined }) })
  t.equal(await unknown.catch(describeRefusal), 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED')
  const withShort = create(t, { keys: { kind: 'set', set: short } })
  t.same(await withShort.authenticate({ token: signJwt(rsa, createClaims(), { kid: undefined }) }), {
    subject: 'alice',
  })
  const tooMany = create(t, { keys: { kind: 'set', set: createKeySet(...others, key) } })
  await t.rejects(
    tooMany.authenticate({ token: signJwt(key, createClaims(), { kid: undefined }) }),
    INVALID,
    'one after another, but not without end',
  )
})

t.test('a token that names a key of the set that cannot be used is refused', async (t) => {
  const point = Buffer.alloc(32, 1).toString('base64url')
  const unusable = [
    { kty: 'RSA', kid: 'empty', alg: 'RS256' },
    { kty: 'EC', kid: 'off the curve', crv: 'P-256', x: point, y: point },
    { kty: 'OKP', kid: 'short', crv: 'Ed25519', x: 'AA' },
  ]
  const set = { keys: [...createKeySet(key).keys, ...unusable] }
  const server = await startKeyServer(t)
  server.keys = set
  for (const keys of [{ kind: 'url', url: server.url } as const, { kind: 'set', set } as const]) {
    const authenticator = create(t, { keys })
    for (const { kid } of unusable) {
      const stranger = kid === 'empty' ? rsa : kid === 'short' ? ed25519 : key
      const token = signJwt(stranger, createClaims(), { kid })
      const refusal = await authenticator.authenticate({ token }).catch((error) => error)
      t.match(refusal, INVALID, kid)
      t.match(describeRefusal(refusal), /^ERR_/)
    }
    t.same(await authenticator.authenticate({ token: signJwt(key, createClaims()) }), { subject: 'alice' })
  }
})

t.test('an outage of the address takes no key away', async (t) => {
  const server = await startKeyServer(t)
  const warnings: string[] = []
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } }, warnings)
  t.same(await authenticator.authenticate({ token: signJwt(key, createClaims()) }), { subject: 'alice' })
  server.status = 500
  authenticator.renewKeys()
  await until('a warning', () => warnings.length > 0)
  const token = signJwt(key, createClaims({ jti: 'another' }))
  t.same(await authenticator.authenticate({ token }), { subject: 'alice' })
  const made = signJwt(createJwtKey('ES256', 'made up'), createClaims())
  await t.rejects(authenticator.authenticate({ token: made }), INVALID, 'which is no fault of this side')
  server.status = 200
  const { requests } = server
  authenticator.renewKeys()
  await until('SIGHUP has them fetched at once', () => server.requests === requests + 1)
})

t.test('keys that are taken away while they are on their way are fetched once more', async (t) => {
  const server = await startKeyServer(t)
  let goOn = () => {}
  server.held = new Promise((resolve) => {
    goOn = resolve
  })
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } })
  await until('they are on their way', () => server.requests === 1)
  server.keys = createKeySet(createJwtKey('ES256', 'another'))
  authenticator.renewKeys()
  authenticator.renewKeys()
  goOn()
  await until('they are fetched again', () => server.requests === 2)
  const token = signJwt(key, createClaims())
  await until('the key is gone', () =>
    authenticator.authenticate({ token }).then(
      () => false,
      () => true,
    ),
  )
  authenticator.close()
  authenticator.renewKeys()
  await delay(50)
  t.equal(server.requests, 2, 'and not at the end')
})

t.test('without keys nobody is let in, and the log says why', async (t) => {
  const server = await startKeyServer(t)
  server.status = 500
  const warnings: string[] = []
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } }, warnings)
  for (let count = 0; count < 20; count++) {
    await t.rejects(authenticator.authenticate({ token: signJwt(key, createClaims()) }), UNAVAILABLE)
  }
  await until('a warning', () => warnings.length > 0)
  t.match(warnings[0], /^ACCESS_JWT_KEYS: the keys cannot be fetched: the address answers with status 500$/)
  t.ok(server.requests <= 2, `${server.requests} requests`)
})

t.test('what is no set of keys is an outage', async (t) => {
  const server = await startKeyServer(t)
  for (const keys of [{}, [], 'keys', { keys: {} }, null]) {
    Object.assign(server, { keys, requests: 0 })
    const warnings: string[] = []
    const authenticator = create(t, { keys: { kind: 'url', url: server.url } }, warnings)
    const token = signJwt(key, createClaims())
    for (let count = 0; count < 20; count++) {
      await t.rejects(authenticator.authenticate({ token }), UNAVAILABLE, JSON.stringify(keys))
    }
    t.ok(server.requests <= 2, `a flood of tokens makes ${server.requests} requests`)
    await until('a warning', () => warnings.length > 0)
    t.match(warnings[0], /: the address answers with what is no JSON Web Key Set$/)
  }
})

t.test('a key that is taken out while a token is verified is not remembered', async (t) => {
  const server = await startKeyServer(t)
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } })
  await authenticator.authenticate({ token: signJwt(key, createClaims()) })
  const next = createJwtKey('ES256', 'next')
  const exp = Math.floor(Date.now() / 1000) + 600
  const tokens = Array.from({ length: 20 }, (_, jti) => signJwt(key, createClaims({ jti, exp })))
  server.keys = createKeySet(next)
  // The set is fetched for the unknown key while the others are verified
  mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
  t.teardown(() => mock.timers.reset())
  await Promise.allSettled([
    authenticator.authenticate({ token: signJwt(next, createClaims()) }),
    ...tokens.map((token) => authenticator.authenticate({ token })),
  ])
  for (const token of tokens) {
    await t.rejects(authenticator.authenticate({ token }), INVALID)
  }
})

t.test('keys on this host are not asked for through a proxy, and redirects are not followed', async (t) => {
  const server = await startKeyServer(t)
  const proxies = new Proxies({ http: { url: new URL('http://127.0.0.1:1') } })
  const authenticator = create(t, { keys: { kind: 'url', url: server.url } }, [], proxies)
  t.same(await authenticator.authenticate({ token: signJwt(key, createClaims()) }), { subject: 'alice' })
  const redirecting = createServer((_request, response) => {
    response.writeHead(302, { location: server.url.href }).end()
  })
  await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve))
  t.teardown(() => redirecting.close())
  const url = new URL(`http://127.0.0.1:${(redirecting.address() as AddressInfo).port}/`)
  const led = create(t, { keys: { kind: 'url', url } })
  await t.rejects(led.authenticate({ token: signJwt(key, createClaims()) }), UNAVAILABLE)
})

t.test('keys of another host are asked for through the proxy', async (t) => {
  const server = await startKeyServer(t)
  const proxies = new Proxies({ http: { url: new URL(server.url.origin) } })
  const url = new URL('http://keys.example.com/keys')
  const authenticator = create(t, { keys: { kind: 'url', url } }, [], proxies)
  t.same(await authenticator.authenticate({ token: signJwt(key, createClaims()) }), { subject: 'alice' })
})
