import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { readAccess, readNetworkList, warnAboutAccess } from '../../src/configuration/access.ts'
import { validate } from '../../src/configuration/variables.ts'
import type { ConfigurationProblem } from '../../src/errors.ts'
import { issue } from '../support/certificates.ts'
import { createJwtKey, createKeySet } from '../support/jwt.ts'
import { POINT_AT_INFINITY } from '../support/resigned.ts'

function read(environment: Record<string, string>) {
  const problems: ConfigurationProblem[] = []
  const warnings: string[] = []
  const { configuration, files } = readAccess(validate(environment, problems), problems, warnings)
  return {
    configuration,
    files,
    warnings,
    problems: problems.map(({ variable, message }) => `${variable}: ${message}`),
  }
}

const JWT = {
  ACCESS: 'jwt',
  ACCESS_JWT_KEYS: 'https://login.example.com/keys',
  ACCESS_JWT_ISSUER: 'https://login.example.com',
  ACCESS_JWT_AUDIENCE: 'signing-service',
}

t.test('everybody may call unless the configuration says otherwise', async (t) => {
  t.strictSame(read({}), { configuration: { kind: 'open' }, files: [], warnings: [], problems: [] })
  t.strictSame(warnAboutAccess(validate({}, [])).length, 1)
  for (const environment of [
    { SIGNING_SERVICE_HOST: '127.0.0.1' },
    { SIGNING_SERVICE_HOST: '::1' },
    { SIGNING_SERVICE_HOST: 'localhost' },
    { ACCESS: 'tokens' },
    { ACCESS_FROM: '10.0.0.0/8' },
  ]) {
    t.strictSame(warnAboutAccess(validate(environment, [])), [], JSON.stringify(environment))
  }
})

t.test('a variable that would be taken for protection, and is none, is refused', async (t) => {
  const { problems } = read({
    ACCESS_FILE: '/etc/access.json',
    ACCESS_JWT_ISSUER: 'x',
    ACCESS_JWT_MAX_AGE_S: '60',
  })
  t.match(problems, [
    /^ACCESS_FILE: is set, but ACCESS is not tokens/,
    /^ACCESS_JWT_ISSUER: is set, but ACCESS is not jwt/,
    /^ACCESS_JWT_MAX_AGE_S: is set, but ACCESS is not jwt/,
  ])
  t.match(read({ ACCESS_CERTIFICATES: 'protected' }).problems, [
    /^ACCESS_CERTIFICATES: is protected, but ACCESS is open/,
  ])
  t.match(read({ RATE_LIMIT_PER_SUBJECT: '10', RATE_LIMIT_PER_SIGNER: '10' }).problems, [
    /^RATE_LIMIT_PER_SUBJECT: is set, but ACCESS is open/,
  ])
  t.match(read({ ACCESS: 'token' }).problems, [/^ACCESS: token is not valid: .*one of open, tokens, jwt/])
})

t.test('users are read with their networks', async (t) => {
  const directory = t.testdir()
  const file = join(directory, 'access.json')
  const { kept } = await createToken()
  writeFileSync(file, JSON.stringify({ users: [{ name: 'alice', ...kept, addresses: ['10.0.0.0/8'] }] }))
  const { configuration, files, problems } = read({ ACCESS: 'tokens', ACCESS_FILE: file })
  t.same([files, problems], [[file], []])
  t.match(configuration, { kind: 'tokens', users: [{ name: 'alice', ...kept }] })
})

t.test('files of users and of keys, as editors of Windows write them', async (t) => {
  const file = join(t.testdir(), 'access.json')
  const { kept } = await createToken()
  const ofUsers = { ACCESS: 'tokens', ACCESS_FILE: file }
  const ofKeys = { ...JWT, ACCESS_JWT_KEYS: file }
  for (const [environment, content] of [
    [ofUsers, { users: [{ name: 'alice', ...kept }] }],
    [ofKeys, createKeySet(createJwtKey())],
  ] as const) {
    const text = `\uFEFF${JSON.stringify(content, undefined, 2).replaceAll('\n', '\r\n')}`
    writeFileSync(file, text)
    t.strictSame(read(environment).problems, [])
    writeFileSync(file, text, 'utf16le')
    t.match(read(environment).problems, [/ is not UTF-8: | is neither a PEM file nor a JSON Web Key Set: /])
  }
})

t.test('what is wrong with the file of the users is told with its place, and no hash', async (t) => {
  const file = join(t.testdir(), 'access.json')
  const { kept } = await createToken()
  const user = { name: 'alice', ...kept }
  const cases: readonly [string, RegExp][] = [
    ['{', /^ACCESS_FILE: /],
    [
      '[]',
      /^ACCESS_FILE: is not valid: an object with users, as `user add` writes it, for example \{"users":\[\]\}$/,
    ],
    ['{"users":[],"users":[]}', /^ACCESS_FILE: /],
    [JSON.stringify({ users: [{ name: 'alice' }] }), /^ACCESS_FILE \/users\/0\/tokenId: is required/],
    [JSON.stringify({ users: [{ ...user, hash: 'x' }] }), /^ACCESS_FILE \/users\/0\/hash: is not valid/],
    [
      JSON.stringify({ users: [{ ...user, signer: 'a' }] }),
      /^ACCESS_FILE \/users\/0\/signer: is not known here; signers is/,
    ],
    [
      JSON.stringify({ users: [{ ...user, containers: ['both'] }] }),
      /^ACCESS_FILE \/users\/0\/containers: both is not valid/,
    ],
    [
      JSON.stringify({ users: [user, { ...user, tokenId: 'AAAAAAAAAAAA' }] }),
      /^ACCESS_FILE \/users\/1\/name: is that of another user too/,
    ],
    [
      JSON.stringify({ users: [user, { ...user, name: 'bob' }] }),
      /^ACCESS_FILE \/users\/1\/tokenId: is that of another user too/,
    ],
    [
      JSON.stringify({ users: [{ ...user, addresses: ['10.0.0.0/8', '10.0.0'] }] }),
      /^ACCESS_FILE \/users\/0\/addresses: 10\.0\.0 is neither/,
    ],
  ]
  for (const [content, expected] of cases) {
    writeFileSync(file, content)
    const { problems } = read({ ACCESS: 'tokens', ACCESS_FILE: file })
    t.match(problems, [expected], content)
    t.notOk(problems.join().includes(kept.hash))
  }
  t.match(read({ ACCESS: 'tokens', ACCESS_FILE: '/no/such.json' }).problems, [
    /^ACCESS_FILE: .*does not exist/,
  ])
  t.match(read({ ACCESS: 'tokens' }).problems, [/^ACCESS_FILE: is required for ACCESS=tokens/])
})

t.test('keys are an address, a set or one public key', async (t) => {
  const directory = t.testdir()
  const key = createJwtKey()
  const set = join(directory, 'keys.json')
  writeFileSync(set, JSON.stringify(createKeySet(key)))
  const pem = join(directory, 'key.pem')
  writeFileSync(pem, key.publicKey.export({ type: 'spki', format: 'pem' }))
  const { certificateFile } = issue(directory, { subject: '/CN=Application' })
  const putKey = (publicKey: KeyObject, name: string) => {
    writeFileSync(join(directory, name), publicKey.export({ type: 'spki', format: 'pem' }))
    return join(directory, name)
  }
  const p384 = putKey(generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey, 'p384.pem')
  for (const [keys, kind, files] of [
    [JWT.ACCESS_JWT_KEYS, 'url', []],
    ['http://127.0.0.1:8080/keys', 'url', []],
    ['http://[::1]/keys', 'url', []],
    [set, 'set', [set]],
    [pem, 'key', [pem]],
    [certificateFile, 'key', [certificateFile]],
    [p384, 'key', [p384]],
  ] as const) {
    const ACCESS_JWT_ALGORITHMS = keys === p384 ? 'ES256,ES384' : 'ES256,RS256'

    const read_ = read({ ...JWT, ACCESS_JWT_KEYS: keys, ACCESS_JWT_ALGORITHMS })
    t.same([read_.problems, read_.files], [[], files], keys)
    t.match(read_.configuration, {
      kind: 'jwt',
      jwt: { keys: { kind }, issuer: JWT.ACCESS_JWT_ISSUER, audience: 'signing-service' },
    })
  }
  t.match(read({ ...JWT, ACCESS_JWT_KEYS: p384, ACCESS_JWT_ALGORITHMS: 'ES256,ES384' }).configuration, {
    jwt: { algorithms: ['ES384'] },
  })
  const ed25519 = putKey(createJwtKey('EdDSA').publicKey, 'ed25519.pem')
  const rsa = putKey(createJwtKey('RS256').publicKey, 'rsa.pem')
  const short = putKey(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey, 'short.pem')
  t.match(read({ ...JWT, ACCESS_JWT_KEYS: ed25519 }).configuration, {
    jwt: { algorithms: ['EdDSA', 'Ed25519'] },
  })
  t.match(read({ ...JWT, ACCESS_JWT_KEYS: rsa }).configuration, { jwt: { algorithms: ['RS256', 'PS256'] } })
  for (const [keys, more] of [
    [p384, {}],
    [short, {}],
    [rsa, { ACCESS_JWT_ALGORITHMS: 'ES256' }],
  ] as const) {
    const { problems } = read({ ...JWT, ACCESS_JWT_KEYS: keys, ...more })
    t.match(problems, [/^ACCESS_JWT_KEYS: has a key that fits none of /])
  }
  const { configuration } = read({
    ...JWT,
    ACCESS_JWT_ALGORITHMS: 'ES384, RS256',
    ACCESS_JWT_MAX_AGE_S: '60',
  })
  t.match(configuration, { jwt: { algorithms: ['ES384', 'RS256'], maxAgeS: 60 } })
})

t.test('keys that must not be there are refused, and not quoted', async (t) => {
  const directory = t.testdir()
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { publicKey } = createJwtKey()
  const file = join(directory, 'keys')
  const spki = publicKey.export({ type: 'spki', format: 'pem' }) as string
  const infinity = `-----BEGIN PUBLIC KEY-----\n${POINT_AT_INFINITY.toString('base64')}\n-----END PUBLIC KEY-----\n`
  const cases: readonly [string, RegExp][] = [
    [infinity, /holds no public key that can be read/],
    [
      privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      /holds a private key, which must not be here/,
    ],
    [JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }), /holds a private key or a secret/],
    [JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }), /holds a private key or a secret/],
    ['-----BEGIN ', /holds no public key that can be read/],
    ['{"keys":[]}', /holds no key/],
    ['{"keys":{}}', /is neither a PEM file nor a JSON Web Key Set/],
    ['no JSON', /is neither a PEM file nor a JSON Web Key Set/],
    [`${spki}${spki}`, /holds several PEM blocks/],
    ['-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /holds no public key that can be read/],
  ]
  for (const [content, expected] of cases) {
    writeFileSync(file, content)
    const { problems } = read({ ...JWT, ACCESS_JWT_KEYS: file })
    t.equal(problems.length, 1)
    t.match(problems[0], expected)
    t.notOk(problems.join().includes(content.slice(40, 60)) && content.length > 60, 'nothing is quoted')
  }
  t.match(read({ ...JWT, ACCESS_JWT_KEYS: 'secret-of-hs256' }).problems, [
    /^ACCESS_JWT_KEYS: does not exist: (?!.*secret-of-hs256)/,
  ])
  t.match(read({ ...JWT, ACCESS_JWT_KEYS: './keys.json' }).problems, [
    /^ACCESS_JWT_KEYS: \.\/keys\.json does not exist: /,
  ])
  for (const keys of ['http://login.example.com/keys', 'https://', '/no/such/file']) {
    t.match(read({ ...JWT, ACCESS_JWT_KEYS: keys }).problems, [/^ACCESS_JWT_KEYS: /], keys)
  }
})

t.test('a secret is for HS256, long enough, and kept from others', async (t) => {
  const file = join(t.testdir(), 'secret')
  const { ACCESS_JWT_KEYS: _, ...rest } = JWT
  const environment = { ...rest, ACCESS_JWT_SECRET_FILE: file }
  writeFileSync(file, `${'s'.repeat(32)}\n`)
  chmodSync(file, 0o644)
  const { configuration, warnings, problems, files } = read(environment)
  t.same([problems, files], [[], [file]])
  t.match(configuration, { jwt: { keys: { kind: 'key' }, algorithms: ['HS256'] } })
  t.match(warnings, [/^ACCESS_JWT_SECRET_FILE: holds a secret, and everybody/])
  writeFileSync(file, 'short')
  t.match(read(environment).problems, [/^ACCESS_JWT_SECRET_FILE: .*holds less than 32 bytes/])
  t.match(read({ ...environment, ACCESS_JWT_SECRET_FILE: '/no' }).problems, [
    /^ACCESS_JWT_SECRET_FILE: .*does not exist/,
  ])
  writeFileSync(file, 's'.repeat(32))
  for (const [algorithms, keys] of [
    ['ES256', environment],
    ['HS256', JWT],
    ['none', JWT],
    ['HS256', JWT],
    [',', JWT],
  ] as const) {
    const { problems } = read({ ...keys, ACCESS_JWT_ALGORITHMS: algorithms })
    t.match(problems, [/^ACCESS_JWT_ALGORITHMS: /], algorithms)
  }
})

t.test('issuer, audience and one source of keys are required', async (t) => {
  t.match(read({ ACCESS: 'jwt' }).problems, [
    /^ACCESS_JWT_ISSUER: is required/,
    /^ACCESS_JWT_AUDIENCE: is required/,
    /^ACCESS_JWT_KEYS: is required/,
  ])
  t.match(read({ ...JWT, ACCESS_JWT_SECRET_FILE: '/run/secret' }).problems, [
    /^ACCESS_JWT_KEYS: is set beside/,
  ])
})

t.test('networks are read from a list', async (t) => {
  const problems: ConfigurationProblem[] = []
  t.equal(readNetworkList('ACCESS_FROM', undefined, problems), undefined)
  t.ok(readNetworkList('ACCESS_FROM', '10.0.0.0/8, ::1', problems)?.check('10.1.1.1'))
  t.equal(readNetworkList('ACCESS_FROM', 'all', problems), undefined)
  t.match(problems, [{ variable: 'ACCESS_FROM', message: /^all is neither an address nor a network/ }])
})
