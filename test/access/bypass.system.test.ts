/** Every way round the access that we know of: each is tried, and nothing is signed, which the calls of the module show. */
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createToken } from '../../src/access/user-token.ts'
import { issue } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { type Answer, type SendOptions, send } from '../support/http.ts'
import { createClaims, createJwtKey, createKeySet, signHs256, signJwt, unsignedJwt } from '../support/jwt.ts'
import { checkRefusal } from '../support/refusal.ts'
import { holds } from '../support/secrets.ts'
import { startIdleService, startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { callWith, curl, curlOptions, issueClient, issueServer, sClient } from '../support/tls.ts'
import { verifySignature } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document')
const DIGEST = createHash('sha256').update(CONTENT).digest('hex')
const ENCODED = CONTENT.toString('base64')
const RAW = { action: 'sign', data_to_be_signed: ENCODED }
const CONTAINER = { action: 'sign_pkcs7', encoded_contents: ENCODED, signature_type: 'cades' }
const CERTIFICATES = { action: 'get_certificates' }
/** Every shape in which a signature can be asked for. */
const REQUESTS = [
  RAW,
  CONTAINER,
  { action: 'sign_pkcs7', digest: DIGEST },
  { action: 'sign', signature_container: 'pkcs7', data_to_be_signed: ENCODED },
  { encoded_contents: ENCODED },
  { data_to_be_signed: ENCODED },
  { encodedContents: ENCODED },
  { hash: DIGEST, encodedContents: null },
  { digest: DIGEST },
]

const directory = t.testdir()
const folder = await createSignersFolder(directory)
await folder.addKey('house', 'rsa')
await folder.addKey('contracts', 'rsa')
folder.write(['house', 'contracts'])
const module = await createFaultyModule(directory, folder.environment)
const { environment } = module

/** Returns how often the module was asked for a signature. */
const countSignatures = () => module.calls('C_Sign')

const startService = (t: Test, variables: Record<string, string>) =>
  startIdleService(t, { ...environment, ...variables })

interface Attempt {
  readonly what: string
  readonly body: object
  readonly options?: Omit<SendOptions, 'body' | 'method'>
  readonly path?: string
  readonly code: string
  readonly statusCode: number
}

async function tryAll(t: Test, url: string, attempts: readonly Attempt[]): Promise<Answer[]> {
  const before = countSignatures()
  const answers: Answer[] = []
  for (const { what, body, options, path = '/sign', code, statusCode } of attempts) {
    const answer = await send(`${url}${path}`, { ...options, method: 'POST', body: JSON.stringify(body) })
    t.equal(answer.statusCode, statusCode, `${what}: ${answer.body}`)
    t.equal(answer.json().code, code, what)
    answers.push(answer)
  }
  t.equal(countSignatures(), before, 'nothing was signed')
  return answers
}

const INVALID = { code: 'SIGNING_TOKEN_INVALID', statusCode: 401 }
const MISSING = { code: 'SIGNING_TOKEN_MISSING', statusCode: 401 }
const NOT_ALLOWED = { code: 'NOT_ALLOWED', statusCode: 403 }
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })

t.test('JSON Web Tokens', async (t) => {
  const key = createJwtKey('ES256', 'one')
  const rsa = createJwtKey('RS256', 'rsa')
  const keys = join(directory, 'keys.json')
  writeFileSync(keys, JSON.stringify(createKeySet(key, rsa)))
  const service = await startService(t, {
    ACCESS: 'jwt',
    ACCESS_JWT_KEYS: keys,
    ACCESS_JWT_ISSUER: 'https://app.example.com',
    ACCESS_JWT_AUDIENCE: 'signing-service',
  })
  const jwt = (claims: object = {}) => signJwt(key, createClaims(claims as Record<string, unknown>))
  const right = jwt({ jti: 'right' })
  const now = Math.floor(Date.now() / 1000)

  await t.test('a right token signs, wherever it stands', async (t) => {
    const before = countSignatures()
    for (const [body, options] of [
      [{ ...RAW, signing_token: right }, {}],
      [{ ...RAW, signing_token: JSON.stringify({ token: right, signer: 'contracts' }) }, {}],
      [RAW, bearer(right)],
      [{ ...CONTAINER, signing_token: '{"signer":"house"}' }, bearer(right)],
    ] as const) {
      const answer = await send(`${service.url}/sign`, {
        ...options,
        method: 'POST',
        body: JSON.stringify(body),
      })
      t.equal(answer.statusCode, 200, `${answer.statusCode === 200 ? '' : answer.body}`)
    }
    t.equal(countSignatures(), before + 4)
    t.match(service.log(), /"subject":"alice"/)
  })

  await t.test('a token that names another signer in another claim than its own is refused', async (t) => {
    for (const [claims, path, refused] of [
      [{ 'allowed-signers': ['contracts'] }, '/sign', true],
      [{ realm: { signer: 'contracts' } }, '/sign', true],
      [{ realm: { signer: 'contracts' } }, '/sign/house', true],
      [{ realm: { signer: 'contracts' } }, '/sign/contracts', false],
      [{ realm: { signer: 'house' } }, '/sign', false],
      [{ realm: { signer: 'contracts' }, signer: 'house' }, '/sign', false],
    ] as const) {
      const token = jwt(claims)
      for (const [body, options] of [
        [{ ...RAW, signing_token: token }, {}],
        [RAW, bearer(token)],
        [{ ...CERTIFICATES, signing_token: token }, {}],
      ] as const) {
        const answer = await send(`${service.url}${path}`, {
          ...options,
          method: 'POST',
          body: JSON.stringify(body),
        })
        t.equal(answer.statusCode, refused ? 400 : 200, `${JSON.stringify(claims)} ${path}`)
        t.ok(!refused || answer.json().code === 'SIGNER_MISMATCH')
      }
    }
  })

  await t.test('the certificates of a token are those of the signer that signs with it', async (t) => {
    const limited = jwt({ signer: 'contracts' })
    for (const [token, options, subject] of [
      [limited, {}, 'contracts'],
      [JSON.stringify({ token: limited }), {}, 'contracts'],
      [undefined, bearer(limited), 'contracts'],
      [right, {}, 'house'],
      [JSON.stringify({ token: limited, signer: 'contracts' }), {}, 'contracts'],
    ] as const) {
      const ask = (body: object) =>
        send(`${service.url}/sign`, {
          ...options,
          method: 'POST',
          body: JSON.stringify({ ...body, signing_token: token }),
        })
      const { certificates } = (await ask(CERTIFICATES)).json() as { certificates: string[] }
      const certificate = Buffer.from(certificates[0] as string, 'base64')
      t.match(new X509Certificate(certificate).subject, `CN=${subject}`)
      const { body: signature } = await ask(RAW)
      const { valid, message } = await verifySignature({
        ...{ certificate, hash: 'sha256', data: CONTENT, signature },
      })
      t.ok(valid, message)
    }
    // Whoever needs none may bring a wrong one, or one for another signer
    for (const token of [
      ...[undefined, 'alice', jwt({ exp: now - 61 })],
      JSON.stringify({ token: limited, signer: 'house' }),
    ]) {
      const answer = await service.sign({ ...CERTIFICATES, signing_token: token })
      t.equal(answer.statusCode, 200)
      const { certificates } = answer.json() as { certificates: string[] }
      t.match(new X509Certificate(Buffer.from(certificates[0] as string, 'base64')).subject, 'CN=house')
    }
  })

  await t.test(
    'a token that was not verified has nothing signed by another signer than it is for',
    async (t) => {
      const open = await startService(t, {})
      const expired = jwt({ exp: now - 61, signer: 'contracts' })
      for (const [{ sign }, body] of [
        ...REQUESTS.map((request) => [open, request] as const),
        ...[[open, CERTIFICATES] as const, [service, CERTIFICATES] as const],
      ]) {
        const { statusCode, ...answer } = await sign({ ...body, signing_token: expired })
        t.equal(statusCode, 400, JSON.stringify(body))
        t.equal(answer.json().code, 'SIGNER_MISMATCH')
      }
      for (const [token, options] of [
        [undefined, bearer(expired)],
        [`Bearer ${expired}`, {}],
        [`${expired}\n`, {}],
        [JSON.stringify([expired]), {}],
        [JSON.stringify({ userId: '4711', accessToken: expired }), {}],
      ] as const) {
        const body = JSON.stringify({ ...CONTAINER, signing_token: token })
        const answer = await send(`${open.url}/sign`, { ...options, method: 'POST', body })
        t.equal(answer.json().code, 'SIGNER_MISMATCH')
      }
      t.match(
        service.log(),
        /"code":"SIGNER_MISMATCH".*"reason":"ERR_JWT_EXPIRED exp"|"reason":"ERR_JWT_EXPIRED exp".*"code":"SIGNER_MISMATCH"/,
      )
      for (const token of [
        ...['house', ['contracts', 'house'], 'Alice Smith', undefined].map((signer) => jwt({ signer })),
        JSON.stringify({ token: expired, signer: 'contracts' }),
      ]) {
        t.equal((await open.sign({ ...CONTAINER, signing_token: token })).statusCode, 200)
      }
      const named = { method: 'POST', body: JSON.stringify({ ...CONTAINER, signing_token: expired }) }
      t.equal((await send(`${open.url}/sign/contracts`, named)).statusCode, 200)
    },
  )

  const attempts: Attempt[] = []
  const add = (what: string, body: object, refusal: typeof INVALID, more: Partial<Attempt> = {}) =>
    attempts.push({ what, body, ...refusal, ...more })

  for (const request of REQUESTS) {
    const shape = Object.keys(request).join()
    add(`${shape}: no token`, request, MISSING)
    add(`${shape}: an empty token`, { ...request, signing_token: '' }, MISSING)
    add(`${shape}: a token of null`, { ...request, signing_token: null }, MISSING)
    add(`${shape}: the id of a user`, { ...request, signing_token: 'alice' }, INVALID)
    add(`${shape}: a user without a token`, { ...request, signing_token: '{"userId":"alice"}' }, MISSING)
    add(`${shape}: alg none`, { ...request, signing_token: unsignedJwt(createClaims()) }, INVALID)
  }
  const spki = rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string
  const stranger = createJwtKey('ES256', 'one')
  const wrong: Readonly<Record<string, string>> = {
    'HS256 with the RSA key': signHs256(spki, createClaims(), { kid: 'rsa' }),
    'a key in the header': signJwt(stranger, createClaims(), { jwk: createKeySet(stranger).keys[0] }),
    expired: jwt({ exp: now - 61 }),
    'not yet valid': jwt({ nbf: now + 90 }),
    'another issuer': jwt({ iss: 'https://evil.example.com' }),
    'another audience': jwt({ aud: 'another' }),
    'a restriction of another type': jwt({ signer: { name: 'house' } }),
  }
  for (const [what, token] of Object.entries(wrong)) {
    add(what, { ...RAW, signing_token: token }, INVALID)
    add(`${what}, in the header`, RAW, INVALID, { options: bearer(token) })
    add(`${what}, in JSON`, { ...RAW, signing_token: JSON.stringify({ token }) }, INVALID)
  }
  add('header and token disagree', { ...RAW, signing_token: right }, INVALID, { options: bearer(jwt()) })
  add('a user id beside a right header', { ...RAW, signing_token: 'alice' }, INVALID, {
    options: bearer(right),
  })
  add(
    'a right token, another user',
    { ...RAW, signing_token: JSON.stringify({ token: right, userId: 'bob' }) },
    INVALID,
  )
  add('a token as a list', { ...RAW, signing_token: JSON.stringify({ token: [right] }) }, INVALID)
  add(
    'a token in the query',
    RAW,
    { code: 'INVALID_REQUEST', statusCode: 400 },
    { path: `/sign?signing_token=${right}` },
  )
  add('Basic', RAW, INVALID, { options: { headers: { authorization: 'Basic YWxpY2U6c2VjcmV0' } } })
  add(
    'a huge header',
    RAW,
    { code: 'HEADERS_TOO_LARGE', statusCode: 431 },
    { options: bearer('a'.repeat(20_000)) },
  )

  const contracts = jwt({ signer: 'contracts' })
  add(
    'the signer of another token',
    { ...RAW, signing_token: JSON.stringify({ token: contracts, signer: 'house' }) },
    NOT_ALLOWED,
  )
  add('the signer in the path', { ...RAW, signing_token: contracts }, NOT_ALLOWED, { path: '/sign/house' })
  add('the signer in the path, encoded', { ...RAW, signing_token: contracts }, NOT_ALLOWED, {
    path: '/sign/%68ouse',
  })
  add('certificates of another signer are open', { ...RAW, signing_token: jwt({ signer: [] }) }, NOT_ALLOWED)
  const raw = jwt({ containers: ['raw'] })
  for (const request of REQUESTS.filter(
    (one) => one !== RAW && !('data_to_be_signed' in one && !('action' in one)),
  )) {
    add(`a container for raw: ${Object.keys(request)}`, { ...request, signing_token: raw }, NOT_ALLOWED)
  }
  add('raw for containers', { ...RAW, signing_token: jwt({ containers: ['pkcs7'] }) }, NOT_ALLOWED)
  add(
    'another hash',
    { ...RAW, hash_algorithm: 'sha512', signing_token: jwt({ hash_algorithms: ['sha256'] }) },
    NOT_ALLOWED,
  )
  const other = createHash('sha256').update('another document').digest('hex')
  for (const request of REQUESTS) {
    add(
      `another digest: ${Object.keys(request)}`,
      { ...request, signing_token: jwt({ digest: other }) },
      NOT_ALLOWED,
    )
  }
  add(
    'the right digest beside other contents',
    { action: 'sign_pkcs7', digest: other, encoded_contents: ENCODED, signing_token: jwt({ digest: other }) },
    { code: 'DIGEST_MISMATCH', statusCode: 400 },
  )
  add(
    'the same digest under another name of the hash',
    {
      action: 'sign_pkcs7',
      digest: DIGEST,
      hash_algorithm: 'sha512',
      signing_token: jwt({ digest: DIGEST }),
    },
    { code: 'INVALID_REQUEST', statusCode: 400 },
  )

  await t.test('why a token is not valid is told to the log alone', async (t) => {
    const audience = { ...RAW, signing_token: jwt({ aud: 'another' }) }
    const [answer] = await tryAll(t, service.url, [{ what: 'another audience', body: audience, ...INVALID }])
    t.notMatch(`${answer?.body}`, /aud|ERR_/)
    t.match(service.log(), /"reason":"ERR_JWT_CLAIM_VALIDATION_FAILED aud"/)
  })

  await t.test('each way round it is refused, and nothing is signed', async (t) => {
    const answers = await tryAll(t, service.url, attempts)
    for (const answer of answers.filter(({ statusCode }) => statusCode === 401)) {
      t.equal(answer.headers['www-authenticate'], 'Bearer')
    }
    for (const answer of answers.filter(({ statusCode }) => statusCode === 403)) {
      t.notMatch(
        `${answer.body}`,
        /contracts|sha256|pkcs7|house/,
        'the answer does not say what would be allowed',
      )
    }
  })

  await t.test(
    'a token that is bound to a digest has it signed, however the digest is asked for',
    async (t) => {
      const bound = jwt({ digest: DIGEST })
      for (const request of REQUESTS) {
        const answer = await service.sign({ ...request, signing_token: bound })
        t.equal(
          answer.statusCode,
          200,
          `${Object.keys(request)}: ${answer.statusCode === 200 ? '' : answer.body}`,
        )
      }
    },
  )

  await t.test(
    'two requests in one connection, of which the first hides the second, are not confused',
    async (t) => {
      const before = countSignatures()
      const body = JSON.stringify(RAW)
      const inner = `POST /sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      const { port } = new URL(service.url)
      for (const head of [
        `Content-Length: 5\r\nTransfer-Encoding: chunked`,
        `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity`,
        `Content-Length: 0\r\nContent-Length: ${inner.length}`,
        `Transfer-Encoding : chunked`,
        `Transfer-Encoding: gzip, chunked\r\nAuthorization: Bearer ${right}`,
        `Authorization: Bearer ${right}\r\nContent-Length: 0`,
      ]) {
        const text = `POST /sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${head}\r\n\r\n${inner}`
        const answer = await exchange(Number(port), text)
        t.notMatch(answer, /HTTP\/1.1 200/, head)
      }
      const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
      const send = async (encoding: string, version: string) => {
        const head = `Host: a\r\nAuthorization: Bearer ${right}\r\nContent-Type: application/json\r\n`
        const text = `POST /sign HTTP/${version}\r\n${head}Transfer-Encoding: ${encoding}\r\nConnection: keep-alive\r\n\r\n${chunks}`
        return parseAnswer(await exchange(Number(port), text))
      }
      for (const [encoding, version] of [
        ['gzip, chunked', '1.1'],
        [', chunked', '1.1'],
        ['chunked', '1.0'],
      ] as const) {
        const answer = await send(encoding, version)
        const message = 'Transfer-Encoding must be chunked alone, in HTTP/1.1'
        checkRefusal(t, answer, { statusCode: 400, code: 'INVALID_REQUEST', message })
        t.equal(answer.headers.connection, 'close')
      }
      t.equal(countSignatures(), before, 'nothing was signed')
      t.equal((await send('Chunked', '1.1')).statusCode, 200)
    },
  )

  await t.test('certificates need no token, unless they are protected', async (t) => {
    t.equal((await service.sign(CERTIFICATES)).statusCode, 200)
    t.equal((await service.sign({ ...CERTIFICATES, signing_token: 'alice' })).statusCode, 200)
  })

  await t.test('no token is in the log or in an answer', async (t) => {
    for (const token of [right, contracts, ...Object.values(wrong)]) {
      t.notOk(holds(service.log(), Buffer.from(token)))
    }
  })
})

t.test('tokens of users', async (t) => {
  const alice = await createToken()
  const bob = await createToken()
  const file = join(directory, 'access.json')
  const users = [
    { name: 'alice', ...alice.kept, signers: ['contracts'], containers: ['raw'], hashAlgorithms: ['sha256'] },
    { name: 'bob', ...bob.kept, addresses: ['192.0.2.0/24', '127.0.0.2'] },
  ]
  writeFileSync(file, JSON.stringify({ users }))
  const service = await startService(t, {
    ACCESS: 'tokens',
    ACCESS_FILE: file,
    ACCESS_CERTIFICATES: 'protected',
    TRUSTED_PROXIES: '127.0.0.1',
  })
  const forwarded = (address: string) => ({ headers: { 'x-forwarded-for': address } })

  await t.test('users sign what is theirs', async (t) => {
    const before = countSignatures()
    t.equal((await service.sign({ ...RAW, signing_token: alice.token })).statusCode, 200)
    const named = JSON.stringify({ userId: 'alice', token: alice.token })
    t.equal((await service.sign({ ...RAW, signing_token: named })).statusCode, 200)
    t.equal((await service.sign({ ...CERTIFICATES, signing_token: alice.token })).statusCode, 200)
    const answer = await send(`${service.url}/sign`, {
      method: 'POST',
      body: JSON.stringify({ ...CONTAINER, signing_token: bob.token }),
      ...forwarded('198.51.100.1, 192.0.2.7'),
    })
    t.equal(answer.statusCode, 200, `${answer.statusCode === 200 ? '' : answer.body}`)
    // Some load balancers have the port with each address
    for (const addresses of ['192.0.2.7:4711', '198.51.100.1:443, 192.0.2.7:4711, 127.0.0.1:4711']) {
      const body = JSON.stringify({ ...CONTAINER, signing_token: bob.token })
      const options = { method: 'POST', body, ...forwarded(addresses) }
      t.equal((await send(`${service.url}/sign`, options)).statusCode, 200, addresses)
    }
    t.equal(countSignatures(), before + 5)
  })

  await t.test('a request has one caller, also if its headers name two', async (t) => {
    const before = countSignatures()
    const body = JSON.stringify(RAW)
    const fields = [
      'Host: x',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Connection: close',
    ]
    const ask = async (...tokens: readonly string[]) => {
      const lines = [...fields, ...tokens.map((token) => `authorization: Bearer ${token}`)].join('\r\n')
      return parseAnswer(await sendRaw(service.url, [`POST /sign HTTP/1.1\r\n${lines}\r\n\r\n${body}`]))
    }
    t.equal((await ask(alice.token)).statusCode, 200)
    for (const tokens of [
      [alice.token, bob.token],
      [alice.token, 'none'],
      [alice.token, alice.token],
    ]) {
      const message = 'a request must not have two Authorization headers'
      checkRefusal(t, await ask(...tokens), { statusCode: 400, code: 'INVALID_REQUEST', message })
    }
    t.equal(countSignatures(), before + 1)
  })

  await t.test('each way round it is refused, and nothing is signed', async (t) => {
    const asAlice = (body: object) => ({ ...body, signing_token: alice.token })
    const asBob = { ...RAW, signing_token: bob.token }
    await tryAll(t, service.url, [
      { what: 'no token', body: RAW, ...MISSING },
      { what: 'the name of a user', body: { ...RAW, signing_token: 'alice' }, ...INVALID },
      { what: 'the hash of the file', body: { ...RAW, signing_token: alice.kept.hash }, ...INVALID },
      {
        what: 'the secret of another user',
        body: { ...RAW, signing_token: `${alice.kept.tokenId}.${bob.token.slice(13)}` },
        ...INVALID,
      },
      { what: 'a container', body: asAlice(CONTAINER), ...NOT_ALLOWED },
      { what: 'another hash', body: asAlice({ ...RAW, hash_algorithm: 'sha384' }), ...NOT_ALLOWED },
      { what: 'another signer', body: asAlice(RAW), path: '/sign/house', ...NOT_ALLOWED },
      { what: 'certificates', body: CERTIFICATES, ...MISSING },
      {
        what: 'certificates of another signer',
        body: asAlice(CERTIFICATES),
        path: '/sign/house',
        ...NOT_ALLOWED,
      },
      { what: 'another address', body: asBob, ...NOT_ALLOWED },
      {
        what: 'a forged address',
        body: asBob,
        options: forwarded('192.0.2.7, 198.51.100.1'),
        ...NOT_ALLOWED,
      },
      {
        what: 'a forged address, and ports',
        body: asBob,
        options: forwarded('192.0.2.7:4711, 198.51.100.1:4711, 127.0.0.1:4711'),
        ...NOT_ALLOWED,
      },
      {
        what: 'his address, behind more proxies than count',
        body: asBob,
        options: forwarded(['192.0.2.7', ...Array(40).fill('127.0.0.1')].join(', ')),
        ...NOT_ALLOWED,
      },
      { what: 'no address', body: asBob, options: forwarded('unknown'), ...NOT_ALLOWED },
    ])
  })
})

t.test('networks', async (t) => {
  const service = await startService(t, { ACCESS_FROM: '192.0.2.0/24' })
  await tryAll(t, service.url, [
    { what: 'another network', body: RAW, ...NOT_ALLOWED },
    { what: 'certificates', body: CERTIFICATES, ...NOT_ALLOWED },
    {
      what: 'X-Forwarded-For without a trusted proxy',
      body: RAW,
      options: {
        headers: { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7', 'x-real-ip': '192.0.2.7' },
      },
      ...NOT_ALLOWED,
    },
  ])
  t.equal((await send(`${service.url}/health/ready`)).statusCode, 200, 'probes are not limited')
})

t.test('TLS with certificates of clients', async (t) => {
  const root = issue(directory, { subject: '/CN=Root', ca: true })
  const otherRoot = issue(directory, { subject: '/CN=Root', ca: true })
  const server = issueServer(directory, root)
  const engine = issueClient(directory, root, ['engine.example.com'])
  const past = new Date(Date.now() - 60_000)
  const variables = {
    ...environment,
    TLS_CERT_FILE: server.certificateFile,
    TLS_KEY_FILE: server.keyFile,
    TLS_CLIENT_CA_FILE: root.certificateFile,
    TLS_CLIENT_NAMES: 'engine.example.com',
    SIGNING_SERVICE_MAX_CONNECTIONS: '16',
  }
  const service = await startReadyService(t, variables, callWith(root, engine))
  const url = `${service.url}/sign`
  const body = JSON.stringify(RAW)
  const post = ['-H', 'content-type: application/json', '-d', body, '-w', ' %{http_code}']
  await until('all sessions have made their test signatures', async () => {
    const { body } = await send(`${service.url}/health/ready`, { tls: callWith(root, engine) })
    return /"sessions":\{[^}]*"idle":2/.test(`${body}`)
  })
  const signed = countSignatures()

  await t.test('who has no certificate of the right kind gets no connection', async (t) => {
    const attempts: readonly [string, readonly string[], RegExp][] = [
      ['no certificate', curlOptions(root), /PEER_DID_NOT_RETURN_A_CERTIFICATE/],
      [
        'an authority of the same name',
        curlOptions(root, issueClient(directory, otherRoot, ['engine.example.com'])),
        /CERT_SIGNATURE_FAILURE|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/,
      ],
      [
        'a certificate that it has made itself',
        curlOptions(root, issue(directory, { subject: '/CN=engine.example.com' })),
        /DEPTH_ZERO_SELF_SIGNED_CERT/,
      ],
      [
        'an expired certificate',
        curlOptions(root, issueClient(directory, root, ['engine.example.com'], { notAfter: past })),
        /CERT_HAS_EXPIRED/,
      ],
      ['the certificate of a server', curlOptions(root, server), /INVALID_PURPOSE/],
      [
        'a certificate that a client has issued',
        curlOptions(root, issueClient(directory, engine, ['engine.example.com'])),
        /INVALID_CA|INVALID_NON_CA|UNABLE_TO_/,
      ],
    ]
    for (const version of ['1.2', '1.3']) {
      for (const [what, options, reason] of attempts) {
        const from = service.log().length
        const { code, output } = await curl(
          `--tlsv${version}`,
          '--tls-max',
          version,
          ...options,
          ...post,
          url,
        )
        t.not(code, 0, `${what}: ${output}`)
        t.match(output, / 000$/, what)
        await until('the reason is logged', () => reason.test(service.log().slice(from)))
      }
    }
    const plain = await curl(...post, url.replace('https:', 'http:'))
    t.not(plain.code, 0, plain.output)
    for (const version of ['-tls1', '-tls1_1']) {
      const shown = ['-cert', engine.certificateFile, '-key', engine.keyFile, '-cipher', 'ALL:@SECLEVEL=0']
      t.match((await sClient(url, [version, ...shown])).output, 'alert protocol version')
    }
  })

  await t.test('who has another name is refused, whatever else the request says', async (t) => {
    const client = issueClient(directory, root, ['other.example.com'], { subject: '/CN=engine.example.com' })
    const options = curlOptions(root, client)
    for (const more of [
      [],
      ['-H', 'host: engine.example.com'],
      [
        '-H',
        'x-forwarded-client-cert: Subject="CN=engine.example.com"',
        '-H',
        'x-ssl-client-verify: SUCCESS',
      ],
      ['--path-as-is', '--request-target', '/health/live/../../sign'],
      ['--request-target', 'https://engine.example.com/sign'],
      ['-H', 'transfer-encoding: chunked'],
    ]) {
      const { output } = await curl(...options, ...post, ...more, url)
      t.match(output, /"code":"(NOT_ALLOWED|NOT_FOUND)".* 40[34]$/, more.join(' '))
    }
  })

  await t.test('who is slow takes the place of nobody', async (t) => {
    const { hostname, port } = new URL(url)
    const sockets = Array.from({ length: 40 }, () => connect(Number(port), hostname))
    for (const socket of sockets) {
      t.teardown(() => socket.destroy())
      socket.on('error', () => {}).resume()
      // The first octets of a handshake that does not go on
      socket.write('\x16\x03\x01')
    }
    await until('they are too many', () => sockets.filter((socket) => socket.closed).length >= 24)
    t.equal(countSignatures(), signed, 'nothing was signed so far')
    const { output } = await curl(
      ...curlOptions(root, engine),
      ...post,
      '-o',
      join(directory, 'signature'),
      url,
    )
    t.equal(output, ' 200')
  })
  t.equal(countSignatures(), signed + 1, 'but for the right client nothing was signed')
})

/** Sends octets over a connection, and returns what comes until the service closes it or says no more. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('data', (piece) => {
      answer += piece
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}
