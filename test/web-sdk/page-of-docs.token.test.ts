/** The programs of docs/web-sdk.md, as an application and its page would run them. */
import { spawn } from 'node:child_process'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { parseEnv } from 'node:util'
import t, { type Test } from 'tap'
import { createClaims, createJwtKey, signJwt } from '../support/jwt.ts'
import { codeBlocks } from '../support/markdown.ts'
import { readPage } from '../support/pages.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { readWalk } from '../support/walk.ts'

const CONTENT = Buffer.from('a document')
const DIGEST = createHash('sha256').update(CONTENT).digest('hex')
const ISSUER = 'https://app.example.com'
const PAGE = readPage('docs/web-sdk.md')

const directory = t.testdir()
const folder = await createSignersFolder(directory)
const house = await folder.addKey('house', 'rsa')
folder.write(['house'])
const walk = readWalk(PAGE, directory, [])
/** The settings of the page; what it says of TLS and of timestamps is for other machines. */
const settings = Object.entries(parseEnv(walk.next())).filter(([name]) => !/^(TLS|TSA|LEVEL)/.test(name))
await walk.runNext()
const service = await startReadyService(t, {
  ...folder.environment,
  ...(Object.fromEntries(settings) as Record<string, string>),
  ACCESS_JWT_KEYS: folder.path('jwt-public.pem'),
})

/** Returns the only program of the page that has a text in it, for the service of this test. */
function programWith(text: string): string {
  const [program = '', ...others] = codeBlocks(PAGE, 'js').filter((one) => one.includes(text))
  t.same(others, [], text)
  return program.replaceAll('https://signing.example.com', service.url).replace("'default'", "'house'")
}

async function load(name: string, text: string) {
  folder.put(name, programWith(text))
  return import(pathToFileURL(folder.path(name)).href)
}

/** Starts the application that issues tokens, and returns its address. */
async function startApplication(t: Test): Promise<string> {
  folder.put(
    'application.mjs',
    `export const findUser = async (cookie) => (cookie ? { id: cookie.slice('session='.length) } : undefined)
    export const findDocument = async (id) => {
      if (id === 'd0') throw new Error('the database is away')
      return id === 'd1' ? { signers: ['alice'] } : undefined
    }`,
  )
  const report = 'listen(0, "127.0.0.1", function () { console.log(this.address().port) })'
  folder.put('issue.mjs', programWith('SignJWT').replace('listen(8080)', report))
  const child = spawn(process.execPath, ['issue.mjs'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(async () => {
    child.kill()
    await once(child, 'exit')
  })
  const [port] = await once(createInterface(child.stdout), 'line')
  return `http://127.0.0.1:${port}`
}

/** Returns a token as whoever has the application's key can make one. */
function makeToken(claims: Record<string, unknown> = {}): string {
  const privateKey = createPrivateKey(readFileSync(folder.path('jwt-key.pem')))
  return signJwt({ ...createJwtKey(), privateKey }, createClaims({ iss: ISSUER, ...claims }))
}

async function checkContainer(t: Test, cms: Buffer): Promise<void> {
  const trustAnchors = folder.root.certificateFile
  t.match(await verifyCms({ cms, content: CONTENT, trustAnchors, cades: true }), { valid: true })
}

t.test('the application issues a token that signs, to who may sign the document alone', async (t) => {
  const url = await startApplication(t)
  const ask = (id: string, cookie?: string, method = 'POST') =>
    fetch(`${url}/documents/${id}/signing-token`, { method, headers: cookie ? { cookie } : {} })
  t.equal((await ask('d0', 'session=alice')).status, 500, 'and serves others after what failed')
  for (const answer of [
    await ask('d1'),
    await ask('d1', 'session=bob'),
    await ask('d2', 'session=alice'),
    await ask('d1', 'session=alice', 'GET'),
  ]) {
    t.equal(answer.status, 403)
    t.equal(await answer.text(), '')
  }
  const answer = await ask('d1', 'session=alice')
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const { jwt } = (await answer.json()) as { jwt: string }
  const { createCallback } = await load('callback.mjs', 'createCallback')
  const { pkcs7 } = await createCallback(jwt)({ hash: DIGEST.toUpperCase() })
  await checkContainer(t, Buffer.from(pkcs7))
  t.match(service.log(), '"subject":"alice"')
})

t.test('the page hands the token to the SDK', async (t) => {
  const { sign } = await load('sign.mjs', 'instance.signDocument')
  const { fetch: original } = globalThis
  t.teardown(() => Object.assign(globalThis, { fetch: original }))
  const asked: unknown[] = []
  Object.assign(globalThis, {
    fetch: async (...request: unknown[]) => {
      asked.push(request)
      return Response.json({ jwt: 'a.b.c' })
    },
  })
  const given: unknown[] = []
  const instance = { signDocument: async (...options: unknown[]) => given.push(...options) }
  await sign(instance, 'd1')
  t.same(asked, [['/documents/d1/signing-token', { method: 'POST' }]])
  t.match(given, [
    { signingData: { signatureContainer: 'pkcs7', ltv: true } },
    { jwt: 'a.b.c', serverUrl: service.url },
  ])
  Object.assign(globalThis, { fetch: async () => new Response(null, { status: 403 }) })
  await t.rejects(sign(instance, 'd1'), { message: 'no token: 403' })
})

t.test(
  'the callback gets certificates and containers as ArrayBuffers, and says why it gets none',
  async (t) => {
    const { createCallback, getCertificates } = await load('callback.mjs', 'createCallback')
    const certificates: ArrayBuffer[] = await getCertificates(makeToken())
    t.equal(
      new X509Certificate(Buffer.from(certificates[0] as ArrayBuffer)).raw.equals(house.certificate.raw),
      true,
    )
    const bound = createCallback(makeToken({ digest: DIGEST }))
    const { pkcs7, ocspResponses } = await bound({ hash: DIGEST.toUpperCase() })
    t.ok(pkcs7 instanceof ArrayBuffer)
    t.same(ocspResponses, [])
    await checkContainer(t, Buffer.from(pkcs7))
    await t.rejects(bound({ hash: '00'.repeat(32) }), { message: /^NOT_ALLOWED: .* \([\da-f-]{36}\)$/ })
  },
)

t.test('an application without a page gets a container for a digest, and its level', async (t) => {
  const { signDigest } = await load('back-end.mjs', 'signDigest')
  const { container, level, ocsps, crls } = await signDigest(DIGEST, makeToken())
  await checkContainer(t, container)
  t.same({ level, ocsps, crls }, { level: 'b-b', ocsps: [], crls: [] })
  await t.rejects(signDigest(DIGEST, `${makeToken()}x`), { message: /^SIGNING_TOKEN_INVALID: / })
})
