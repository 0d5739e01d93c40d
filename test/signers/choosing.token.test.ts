/** Which signer a request is signed by, and what it may be asked for. */
import { X509Certificate } from 'node:crypto'
import t from 'tap'
import { health } from '../support/readiness.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document')
const RAW = {
  action: 'sign',
  data_to_be_signed: CONTENT.toString('base64'),
  hash_algorithm: 'sha256',
  signature_type: 'cms',
}
const CONTAINER = {
  action: 'sign_pkcs7',
  encoded_contents: CONTENT.toString('base64'),
  hash_algorithm: 'sha256',
  signature_type: 'cades',
}
const DAY_MS = 86_400_000
const WRONG_METHOD =
  'signing_token: signMethod must be one of hsm: this service signs with an HSM alone, and accepts what SIGN_METHODS lists'
const NO_JSON = 'signing_token: begins like a JSON object and is none, or has a name twice'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('house', 'rsa')
await folder.addKey('contracts', 'rsa')
await folder.addKey('invoices')
const soon = new Date(Date.now() + 5 * DAY_MS)
soon.setMilliseconds(0)
folder.certify('house', { subject: '/O=Test/CN=ending', notAfter: soon }, 'ending.pem')
const ofHouse = { key: { label: 'house' } }
folder.write({
  house: folder.entry('house'),
  contracts: folder.entry('contracts'),
  invoices: folder.entry('invoices'),
  'containers-alone': folder.entry('house', { containers: ['pkcs7'] }),
  'raw-alone': folder.entry('house', { containers: ['raw'] }),
  'cades-alone': folder.entry('house', { signatureTypes: ['cades'] }),
  'sha512-alone': folder.entry('house', { hashAlgorithms: ['sha512'] }),
  ending: folder.entry('house', { ...ofHouse, certificateFile: 'ending.pem', minimumDaysLeft: 14 }),
  'ending-allowed': folder.entry('house', { ...ofHouse, certificateFile: 'ending.pem', minimumDaysLeft: 4 }),
})
const service = await startService(t, folder.environment)
await service.ready()
await until(
  'all signers are ready, but the one whose certificate ends too soon',
  async () => (await ready()).length === 8,
)

async function ready(): Promise<string[]> {
  const { signers } = await health(service)
  return Object.keys(signers).filter((name) => signers[name]?.state === 'ready')
}

/** Subject of the certificate that get_certificates answers for a token, which belongs to the signature made with it. */
async function signerOf(signing_token?: string | null): Promise<string> {
  const answer = await service.sign({ action: 'get_certificates', signing_token })
  const { certificates } = answer.json() as { certificates: string[] }
  const certificate = Buffer.from(certificates[0] ?? '', 'base64').toString('latin1')
  const signed = await service.sign({ ...RAW, signing_token })
  const { valid, message } = await verifySignature({
    certificate,
    hash: 'sha256',
    data: CONTENT,
    signature: signed.body,
  })
  if (!valid) {
    throw new Error(`the raw signature is not that of the certificate: ${signed.body} ${message}`)
  }
  return new X509Certificate(certificate).subject.replace(/^.*CN=/s, '')
}

t.test('the default signer signs where none is named', async (t) => {
  for (const [what, token] of [
    ['no token', undefined],
    ['null', null],
    ['an empty one', ''],
    ['the id of a user', 'user-4711'],
    ['a JWT', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2ln'],
    ['a GUID in braces', '{0f8fad5b-d9cb-469f-a165-70867728950e}'],
    ['JSON that is no object', '"user-4711"'],
    ['a text about signers in an object', '{"title":"Signer: Bob"}'],
    ['an empty object', '{}'],
    ['an object without a signer', '{"userId":"4711","signMethod":"hsm"}'],
    ['a signer that is null', ' { "signer": null, "signMethod": null }'],
  ] as const) {
    t.equal(await signerOf(token), 'house', what)
  }
})

t.test('the signer that is named signs: certificates and both kinds of signatures are its own', async (t) => {
  for (const name of ['house', 'contracts']) {
    t.equal(await signerOf(tokenFor(name)), name)
    t.equal(await signerOf(`\n\t{ "userId": "4711", "signer": "${name}", "signMethod": "hsm" }`), name)
  }
  for (const name of ['house', 'contracts', 'invoices']) {
    const { body, statusCode } = await service.sign({ ...CONTAINER, signing_token: tokenFor(name) })
    t.equal(statusCode, 200)
    const input = { content: CONTENT, trustAnchors: folder.root.certificateFile, cades: true }
    const verification = await verifyCms({ cms: body, ...input })
    t.ok(verification.valid, verification.message)
    t.ok(body.includes(`${name}`, 0, 'latin1'), 'its name is in the container')
  }
})

t.test('a signer that is not there is refused, without telling which ones are', async (t) => {
  for (const name of ['nobody', 'House', '__proto__', 'constructor', '']) {
    for (const body of [RAW, CONTAINER, { action: 'get_certificates' }]) {
      const answer = await service.sign({ ...body, signing_token: tokenFor(name) })
      checkRefusal(t, answer, {
        statusCode: 400,
        code: 'UNKNOWN_SIGNER',
        message: 'signing_token: names a signer that this service does not have',
      })
      t.notMatch(answer.body.toString(), /nobody|house|contracts|invoices/i)
    }
  }
})

t.test('a token that is to be JSON has to be what this service knows', async (t) => {
  for (const [what, token, message] of [
    ['broken', '{"signer":"contracts"', NO_JSON],
    ['broken after a name', '{"signer:"contracts"}', NO_JSON],
    ['with more behind it', '{"signer":"contracts"} x', NO_JSON],
    ...["{'signer':'contracts'}", '{signer:"contracts"}', ' { signer : "contracts"}'].map(
      (token) => ['without double quotes', token, NO_JSON] as const,
    ),
    ['two signers', '{"signer":"house","signer":"contracts"}', NO_JSON],
    ['two signers, one escaped', '{"signer":"house","sign\\u0065r":"contracts"}', NO_JSON],
    ['signer a number', '{"signer":7}', 'signing_token: signer must be a string'],
    ['signer a list', '{"signer":["contracts"]}', 'signing_token: signer must be a string'],
    ['another method', '{"signMethod":"software"}', WRONG_METHOD],
    ['a method that is no string', '{"signMethod":true,"signer":"contracts"}', WRONG_METHOD],
    [
      'too long',
      JSON.stringify({ signer: 'contracts', more: 'x'.repeat(16_384) }),
      'signing_token: JSON must not be longer than 16384 characters',
    ],
  ] as const) {
    const answer = await service.sign({ ...RAW, signing_token: token })
    t.comment(what)
    checkRefusal(t, answer, { statusCode: 400, code: 'INVALID_REQUEST', message })
  }
  t.equal(await signerOf(`x${'y'.repeat(20_000)}`), 'house', 'what is long and no JSON is nobody’s business')
  const padding = 16_384 - JSON.stringify({ signer: 'contracts', more: '' }).length
  const longest = JSON.stringify({ signer: 'contracts', more: 'x'.repeat(padding) })
  t.equal(await signerOf(longest), 'contracts', 'the longest')
})

t.test('a signer is asked for what it is there for, and nothing else', async (t) => {
  const ask = (signer: string, body: object) => service.sign({ ...body, signing_token: tokenFor(signer) })
  const refused = async (signer: string, body: object, message: string, code = 'NOT_ALLOWED_FOR_SIGNER') =>
    checkRefusal(t, await ask(signer, body), { statusCode: 400, code, message })

  await refused(
    'containers-alone',
    RAW,
    'signature_container: this signer makes PKCS#7 containers alone; ask for pkcs7',
  )
  t.equal((await ask('containers-alone', CONTAINER)).statusCode, 200)
  t.equal((await ask('containers-alone', { ...RAW, signature_container: 'pkcs7' })).statusCode, 200)

  const rawAlone = 'signature_container: this signer makes raw signatures alone; ask for raw'
  await refused('raw-alone', CONTAINER, rawAlone)
  await refused('raw-alone', { encodedContents: CONTAINER.encoded_contents }, rawAlone)
  t.equal((await ask('raw-alone', RAW)).statusCode, 200)

  await refused('cades-alone', RAW, 'signature_type: this signer makes cades signatures alone')
  t.equal((await ask('cades-alone', CONTAINER)).statusCode, 200)

  await refused('sha512-alone', RAW, 'hash_algorithm: must be one of sha512', 'UNSUPPORTED_HASH_ALGORITHM')
  t.equal((await ask('sha512-alone', { ...RAW, hash_algorithm: 'sha512' })).statusCode, 200)

  for (const body of [RAW, CONTAINER]) {
    checkRefusal(t, await ask('ending', body), {
      statusCode: 500,
      code: 'CERTIFICATE_NOT_VALID',
      message:
        `The certificate of O=Test, CN=ending expires at ${soon.toISOString()}, in less than the 14 days that this ` +
        'signer demands; renew it',
    })
    t.equal((await ask('ending-allowed', body)).statusCode, 200)
  }
  t.equal((await ask('ending', { action: 'get_certificates' })).statusCode, 200)
})

t.test('metrics and log say who signed, and never what the token was', async (t) => {
  const secret = 'token-of-a-user-4711'
  const before = (await scrape(service.url)).samples
  const signing_token = JSON.stringify({ signer: 'contracts', userId: secret })
  t.equal((await service.sign({ ...RAW, signing_token })).statusCode, 200)
  t.equal((await service.sign({ ...CONTAINER, signing_token: secret })).statusCode, 200)
  await service.sign({ ...RAW, signing_token: `{"signer":"nobody","userId":"${secret}"}` })
  await service.sign({ ...RAW, signing_token: `{"signer":"nobody ${secret}"}` })
  await service.sign({ ...RAW, signing_token: `{"signer":"${secret}` })
  const { samples, text } = await scrape(service.url)
  const added = (labels: string) => {
    const name = `signing_service_signatures_total{${labels},hash="sha256",outcome="signed"}`
    return (samples.get(name) ?? 0) - (before.get(name) ?? 0)
  }
  t.equal(added('signer="contracts",container="raw"'), 1)
  t.equal(added('signer="house",container="pkcs7"'), 1)
  for (const name of ['house', 'contracts', 'invoices', 'ending']) {
    t.equal(samples.get(`signing_service_signer_ready{signer="${name}"}`), name === 'ending' ? 0 : 1, name)
    const days = samples.get(`signing_service_certificate_days_left{signer="${name}"}`) ?? 0
    t.equal(Math.round(days), name === 'ending' ? 5 : 365, `days left of ${name}`)
  }
  const lines = logOf(service)
  const unknown = { signer: undefined, code: 'UNKNOWN_SIGNER', statusCode: 400 }
  t.match(lines.at(-5), { kind: 'raw', signer: 'contracts', statusCode: 200 })
  t.match(lines.at(-4), { kind: 'container', signer: 'house', statusCode: 200 })
  t.match(lines.at(-3), { ...unknown, askedSigner: 'nobody' })
  t.match(lines.at(-2), { ...unknown, askedSigner: undefined }, 'what is no name is not told')
  t.match(lines.at(-1), { signer: undefined, code: 'INVALID_REQUEST', statusCode: 400 })
  t.notMatch(service.log() + text, secret)
})

/** Its lines about requests. */
function logOf({ log }: Service): Record<string, unknown>[] {
  return log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg, route }) => `${msg}`.startsWith('request ') && route === '/sign')
}
