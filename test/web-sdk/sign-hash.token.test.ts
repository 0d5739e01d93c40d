/** The Web SDK's back end: what it signs for a page, and what it refuses, each time with the HSM left alone. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import t, { type Test } from 'tap'
import { CallbackBody } from '../../schemas/callback.ts'
import {
  attributesNaming,
  basicAttributes,
  encodeAttributes,
  namingAttribute,
  OID,
  octets,
  oid,
  protectionAttribute,
  sequence,
  timeAttribute,
} from '../support/attributes-to-sign.ts'
import { decisionsIn, pathsIn } from '../support/audit-records.ts'
import { attribute } from '../support/container-parts.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { type Answer, send } from '../support/http.ts'
import { createClaims, createJwtKey, createKeySet, signJwt } from '../support/jwt.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal, type Refusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { startIdleService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { verifyCms, verifySignature } from '../support/validators/openssl.ts'

const CONTENT = Buffer.from('a document')
const ORIGIN = 'https://app.example.com'

const directory = t.testdir({ audit: {} })
const folder = await createSignersFolder(directory)
const house = await folder.addKey('house', 'rsa')
const curve = await folder.addKey('curve', 'p-256')
const renewed = folder.certify('house', {}, 'renewed.pem')
const rsaKey = { key: { label: 'house' } }
const entries = {
  house: folder.entry('house'),
  curve: folder.entry('curve', { raw: true }),
  'containers-alone': folder.entry('curve', { key: { label: 'curve' } }),
  'raw-alone': folder.entry('house', { ...rsaKey, containers: ['raw'] }),
  small: folder.entry('house', { ...rsaKey, containerSizeLimit: 1024 }),
  strict: folder.entry('house', { ...rsaKey, hashAlgorithms: ['sha512'] }),
  cms: folder.entry('house', { ...rsaKey, signatureTypes: ['cms'] }),
}
folder.write(entries)
const key = createJwtKey()
folder.put('jwks.json', JSON.stringify(createKeySet(key)))
const module = await createFaultyModule(directory, folder.environment)
const auditFile = pathsIn(join(directory, 'audit'))()
const service = await startIdleService(t, {
  ...module.environment,
  ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: folder.path('jwks.json') },
  ...{ ACCESS_JWT_ISSUER: 'https://app.example.com', ACCESS_JWT_AUDIENCE: 'signing-service' },
  ...{ CORS_ORIGINS: ORIGIN, WEB_SDK: 'true', AUDIT_FILE: auditFile, RATE_LIMIT_PER_SIGNER: '1000' },
})

interface Sender {
  readonly claims?: Record<string, unknown>
  readonly headers?: Record<string, string>
  readonly query?: string
}

function call(path: string, body: unknown, { claims = {}, headers = {}, query = '' }: Sender = {}) {
  return send(`${service.url}/api/${path}${query}`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${signJwt(key, createClaims(claims))}`, origin: ORIGIN },
      ...{ accept: 'application/json', 'content-type': 'application/json' },
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

const digestOf = (hash: string) => createHash(hash).update(CONTENT).digest('hex').toUpperCase()
const attributes = attributesNaming(house.certificate.raw)
const withoutCertificate = encodeAttributes(...basicAttributes())

/** Returns a body as the SDK sends it. */
function bodyWith(more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    dataToBeSigned: attributes.toString('base64'),
    ...{ hash: digestOf('sha256'), signatureType: 'CAdES', cadesLevel: 'b-lt', ...more },
  }
}

const signing = (der: Buffer, more: Record<string, unknown> = {}) =>
  bodyWith({ dataToBeSigned: der.toString('base64'), ...more })

interface Data {
  readonly signedData?: string
  readonly pkcs7?: string
  readonly level: string
}

function dataOf(answer: Answer): Data {
  return (answer.json() as { data: Data }).data
}

async function checkContainer(t: Test, pkcs7: string, cades = true): Promise<Buffer> {
  const cms = Buffer.from(pkcs7, 'base64')
  const trustAnchors = folder.root.certificateFile
  const { valid, message } = await verifyCms({ cms, content: CONTENT, trustAnchors, cades })
  t.ok(valid, message)
  return cms
}

async function checkSigned(
  t: Test,
  body: Record<string, unknown>,
  { certificate, hash, cades } = { certificate: house.certificate, hash: 'sha256', cades: true },
): Promise<void> {
  const before = module.calls('C_Sign')
  const answer = await call('sign_hash', body)
  t.equal(answer.statusCode, 200, answer.body.toString())
  const { signedData = '', pkcs7 = '', ...rest } = dataOf(answer)
  t.same(rest, { level: 'b-b' })
  const signature = Buffer.from(signedData, 'base64')
  const data = Buffer.from(`${body.dataToBeSigned}`, 'base64')
  t.match(await verifySignature({ certificate: `${certificate}`, hash, data, signature }), { valid: true })
  t.ok((await checkContainer(t, pkcs7, cades)).includes(signature), 'both are one signature')
  t.equal(module.calls('C_Sign') - before, 1, 'which the HSM made once')
}

t.test('one signature is answered bare and in a container around the attributes that came', async (t) => {
  await checkSigned(t, bodyWith())
  await checkSigned(
    t,
    bodyWith({ signatureType: null, cadesLevel: null, hash: digestOf('sha256').toLowerCase() }),
  )
  const byNames = { certificate: curve.certificate, hash: 'sha256', cades: true }
  await checkSigned(
    t,
    signing(attributesNaming(curve.certificate.raw), { signingToken: tokenFor('curve'), cadesLevel: 'B-B' }),
    byNames,
  )
  const { raw } = house.certificate
  await checkSigned(t, signing(attributesNaming(raw, 'sha512', 'sha512'), { hash: digestOf('sha512') }), {
    ...{ certificate: house.certificate, hash: 'sha512', cades: true },
  })
})

t.test('CMS need not name the certificate', async (t) => {
  const body = signing(withoutCertificate, { signatureType: 'CMS' })
  await checkSigned(t, body, { certificate: house.certificate, hash: 'sha256', cades: false })
  await checkSigned(t, bodyWith({ signatureType: 'CMS' }))
})

t.test('a form that the signer or the token does not allow is left out', async (t) => {
  const forms = async (body: Record<string, unknown>, claims?: Record<string, unknown>) => {
    const answer = await call('sign_hash', body, { ...(claims && { claims }) })
    t.equal(answer.statusCode, 200, answer.body.toString())
    return Object.keys(dataOf(answer))
  }
  const ofCurve = signing(attributesNaming(curve.certificate.raw), {
    signingToken: tokenFor('containers-alone'),
  })
  t.same(await forms(ofCurve), ['pkcs7', 'level'])
  t.same(await forms(bodyWith({ signingToken: tokenFor('raw-alone') })), ['signedData', 'level'])
  t.same(await forms(bodyWith(), { containers: ['raw'] }), ['signedData', 'level'])
  t.same(await forms(bodyWith(), { containers: ['pkcs7'] }), ['pkcs7', 'level'])
  t.same(await forms(bodyWith(), { containers: ['raw', 'pkcs7'], digest: digestOf('sha256') }), [
    ...['signedData', 'pkcs7', 'level'],
  ])
})

t.test('certificates are those of the signer that will sign', async (t) => {
  const certificates = async (body: unknown, claims?: Record<string, unknown>) => {
    const { data } = (await call('get_certificates', body, { ...(claims && { claims }) })).json() as {
      data: { certificates: string[]; ca_certificates: string[] }
    }
    return [...data.certificates, ...data.ca_certificates].map((one) => Buffer.from(one, 'base64').toString())
  }
  const chain = [folder.issuing, folder.root].map(({ certificate }) => `${certificate}`)
  t.same(await certificates({}), [`${house.certificate}`, ...chain])
  t.same(await certificates({ signingToken: tokenFor('curve') }), [`${curve.certificate}`, ...chain])
  t.same(await certificates({ signingToken: 'user-4711' }, { signer: 'curve' }), [
    ...[`${curve.certificate}`, ...chain],
  ])
})

t.test(
  'a caller whose claims name another signer in another way gets nothing of the default one',
  async (t) => {
    for (const claims of [{ signerName: 'curve' }, { singer: 'curve' }, { app: { signers: ['curve'] } }]) {
      for (const [path, body] of [
        ['get_certificates', {}],
        ['sign_hash', bodyWith()],
      ] as const) {
        const before = module.calls('C_Sign')
        const refusal = mismatch(
          /^signingToken, or Authorization: is, or holds, a JSON Web Token that names another signer/,
        )
        checkRefusal(t, await call(path, body, { claims }), refusal)
        t.equal(module.calls('C_Sign'), before, JSON.stringify(claims))
      }
    }
  },
)

const invalid = (message: string | RegExp): Refusal => ({ statusCode: 400, code: 'INVALID_REQUEST', message })
const mismatch = (message: string | RegExp): Refusal => ({
  statusCode: 400,
  code: 'SIGNER_MISMATCH',
  message,
})
const notDer = invalid(/^dataToBeSigned: must be signed attributes, the DER SET OF Attribute/)
const unsorted = (() => {
  const [first, second] = basicAttributes()
  const sorted = encodeAttributes(...basicAttributes(), namingAttribute('sha256', house.certificate.raw))
  const elements = [namingAttribute('sha256', house.certificate.raw), second, first]
  const set = Buffer.from(new asn1js.Set({ value: elements as asn1js.BaseBlock[] }).toBER())
  return set.equals(sorted) ? Buffer.alloc(0) : set
})()

/** Attributes that name the certificate with an issuerSerial that is not its own. */
const otherSerial = encodeAttributes(
  ...basicAttributes(),
  attribute(
    OID.signingCertificateV2,
    sequence(
      sequence(
        sequence(
          octets(createHash('sha256').update(house.certificate.raw).digest()),
          sequence(sequence(), new asn1js.Integer({ value: 1 })),
        ),
      ),
    ),
  ),
)
/** The same with an issuerSerial that cannot be read. */
const brokenSerial = encodeAttributes(
  ...basicAttributes(),
  attribute(
    OID.signingCertificateV2,
    sequence(
      sequence(
        sequence(octets(createHash('sha256').update(house.certificate.raw).digest()), sequence(oid('1.2.3'))),
      ),
    ),
  ),
)

function protecting(hash: string, signature: string): Buffer {
  const named = namingAttribute('sha256', house.certificate.raw)
  return encodeAttributes(...basicAttributes(), named, protectionAttribute(hash, signature))
}

const SHA_256 = '2.16.840.1.101.3.4.2.1'
const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

t.test('attributes may name the issuers of the signer behind it', async (t) => {
  const named = [house, folder.issuing].map(({ certificate }) => certificate.raw)
  await checkSigned(t, signing(encodeAttributes(...basicAttributes(), namingAttribute('sha256', ...named))))
})

t.test('attributes may protect the algorithms of the signer', async (t) => {
  await checkSigned(t, signing(protecting(SHA_256, RSA_ENCRYPTION)))
})

/** Returns attributes with so many more of them, of so many bytes each. */
function withMore(count: number, bytes: number): Buffer {
  const filling = Buffer.alloc(bytes, 'x')
  const more = Array.from({ length: count }, (_, index) => attribute(`1.2.3.${index}`, octets(filling)))
  return encodeAttributes(...basicAttributes(), namingAttribute('sha256', house.certificate.raw), ...more)
}

/** Writes one character as an escape, with which six times as many characters are kept of a string. */
const escaped = (body: Record<string, unknown>) =>
  JSON.stringify(body).replace('"dataToBeSigned":"M', '"dataToBeSigned":"\\u004d')

/** Attributes by number and size, and the answers of signers that make containers, and bare signatures alone. */
const SIZES = [
  { count: 61, bytes: 50, house: 200, 'raw-alone': 200 },
  { count: 62, bytes: 1, house: 400, 'raw-alone': 400 },
  { count: 1, bytes: 40_000, house: 413, 'raw-alone': 200 },
  { count: 1, bytes: 70_000, house: 413, 'raw-alone': 413 },
  { count: 1, bytes: 300_000, house: 413, 'raw-alone': 413 },
] as const

t.test('attributes of any number and size are signed or refused, and no fault of the service', async (t) => {
  for (const { count, bytes, ...statuses } of SIZES) {
    const der = withMore(count, bytes)
    for (const [signer, status] of Object.entries(statuses)) {
      const before = module.calls('C_Sign')
      const answer = await call('sign_hash', escaped(signing(der, { signingToken: tokenFor(signer) })))
      const told = `${count} of ${bytes} bytes by ${signer}: ${answer.body.toString().slice(0, 200)}`
      t.equal(answer.statusCode, status, told)
      t.equal(module.calls('C_Sign') - before, status === 200 ? 1 : 0, 'the HSM signs what is answered')
    }
  }
})

/** Bodies that are refused, and how. */
const REFUSED: Readonly<Record<string, readonly [Record<string, unknown> | string, Refusal]>> = {
  'no attributes': [bodyWith({ dataToBeSigned: null }), invalid('dataToBeSigned: is required')],
  'empty attributes': [bodyWith({ dataToBeSigned: '' }), invalid('dataToBeSigned: must not be empty')],
  'no base64': [bodyWith({ dataToBeSigned: '!' }), invalid(/^dataToBeSigned: must be base64/)],
  'no hash': [bodyWith({ hash: undefined }), invalid('hash: is required')],
  'a hash that is no hex': [bodyWith({ hash: 'xyz' }), invalid('hash: must be a digest in hex')],
  'a type that is none': [
    bodyWith({ signatureType: 'XAdES' }),
    invalid('signatureType: must be CAdES or CMS'),
  ],
  'a level that is none': [
    bodyWith({ cadesLevel: 'b-lta' }),
    invalid('cadesLevel: must be b-b, b-t or b-lt'),
  ],
  'a hash of another algorithm': [
    bodyWith({ hashAlgorithm: 'sha512' }),
    invalid('hash: a sha512 digest has 64 bytes, this one 32'),
  ],
  'an algorithm that is none': [
    bodyWith({ hashAlgorithm: 'md5' }),
    { statusCode: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: /^hashAlgorithm: must be one of sha256/ },
  ],
  'an algorithm that the signer does not allow': [
    bodyWith({ signingToken: tokenFor('strict') }),
    { statusCode: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: /must be one of sha512/ },
  ],
  'bytes that are no attributes': [signing(CONTENT), notDer],
  'attributes under the tag of SignerInfo': [
    signing(Buffer.concat([Buffer.of(0xa0), withoutCertificate.subarray(1)]), { signatureType: 'CMS' }),
    notDer,
  ],
  'attributes in another order': [
    signing(unsorted),
    invalid(
      /^dataToBeSigned: are signed attributes whose certificate cannot be told: they are not in the order of DER/,
    ),
  ],
  'something behind the attributes': [
    signing(Buffer.concat([attributes, Buffer.of(5, 0)])),
    invalid(/^dataToBeSigned: are signed attributes whose certificate cannot be told: /),
  ],
  'a content-type that is not id-data': [
    signing(encodeAttributes(...basicAttributes('sha256', OID.timestampInfo))),
    invalid('dataToBeSigned: must have one content-type, which is id-data'),
  ],
  'no message-digest': [
    signing(encodeAttributes(basicAttributes()[0] as asn1js.Sequence)),
    invalid('dataToBeSigned: must have one message-digest'),
  ],
  'two message-digests': [
    signing(encodeAttributes(...basicAttributes(), basicAttributes('sha512')[1] as asn1js.Sequence)),
    notDer,
  ],
  'a countersignature': [
    signing(encodeAttributes(...basicAttributes(), attribute('1.2.840.113549.1.9.6', sequence()))),
    notDer,
  ],
  'the digest of other contents': [
    bodyWith({ hash: createHash('sha256').update('another document').digest('hex') }),
    {
      statusCode: 400,
      code: 'DIGEST_MISMATCH',
      message: 'hash: is not the message-digest in dataToBeSigned; send the matching digest',
    },
  ],
  'a message-digest of another length': [
    bodyWith({ hash: digestOf('sha512') }),
    { statusCode: 400, code: 'DIGEST_MISMATCH', message: /^hash: is not the message-digest/ },
  ],
  'CAdES that names no certificate': [
    signing(withoutCertificate),
    invalid('dataToBeSigned: must have signing-certificate-v2 (RFC 5035 3) for CAdES'),
  ],
  'the certificate of another signer': [
    signing(attributesNaming(curve.certificate.raw)),
    mismatch(/^dataToBeSigned: names a certificate that is not that of the signer/),
  ],
  'a certificate of the same key that the service does not have': [
    signing(attributesNaming(renewed.certificate.raw)),
    mismatch(/^dataToBeSigned: names a certificate that is not that of the signer/),
  ],
  'CMS that names the certificate of another signer': [
    signing(attributesNaming(curve.certificate.raw), { signatureType: 'CMS' }),
    mismatch(/^dataToBeSigned: names a certificate that is not that of the signer/),
  ],
  'another issuerSerial': [signing(otherSerial), mismatch(/with another issuerSerial$/)],
  'an issuerSerial that cannot be read': [signing(brokenSerial), mismatch(/with another issuerSerial$/)],
  'a certificate behind that of the signer which is none of its issuers': [
    signing(
      encodeAttributes(
        ...basicAttributes(),
        namingAttribute('sha256', house.certificate.raw, curve.certificate.raw),
      ),
    ),
    mismatch(
      /^dataToBeSigned: names a certificate behind that of the signer which is not one of its issuers/,
    ),
  ],
  'the protection of another algorithm': [
    signing(protecting(SHA_256, '1.2.840.10045.4.3.2')),
    invalid(/^dataToBeSigned: has a CMSAlgorithmProtection of other algorithms/),
  ],
  'a signing-time at which the certificate is not valid': [
    signing(encodeAttributes(...basicAttributes(), timeAttribute(new Date('2001-02-03T04:05:06Z'))), {
      signatureType: 'CMS',
    }),
    invalid(/^dataToBeSigned: has the signing-time 2001-02-03T04:05:06.000Z, at which the certificate/),
  ],
  'a type that the signer does not make': [
    bodyWith({ signingToken: tokenFor('cms') }),
    { statusCode: 400, code: 'NOT_ALLOWED_FOR_SIGNER', message: /^signatureType: this signer makes cms/ },
  ],
  'a container that has no room': [
    bodyWith({ signingToken: tokenFor('small') }),
    { statusCode: 500, code: 'CONTAINER_TOO_LARGE', message: /more than the 1024/ },
  ],
  'a signer that is none': [
    bodyWith({ signingToken: tokenFor('nobody') }),
    { statusCode: 400, code: 'UNKNOWN_SIGNER', message: /^signingToken: names a signer/ },
  ],
  'a signing token that seems to name a signer': [
    bodyWith({ signingToken: 'curve' }),
    invalid(/^signingToken: seems to name a signer, which only a JSON object does/),
  ],
  'a signing token that is no JSON': [
    bodyWith({ signingToken: '{"signer":' }),
    invalid(/^signingToken: begins like a JSON object and is none/),
  ],
  'a field that names a signer': [
    bodyWith({ signer: 'curve' }),
    invalid(/names a signer, which only the signingToken does, as \{"signer":"NAME"\}$/),
  ],
  'a misspelled field': [
    bodyWith({ singingToken: tokenFor('curve') }),
    invalid('singingToken: is not known; signingToken was probably meant'),
  ],
  'a signing token that is an object': [
    bodyWith({ signingToken: { signer: 'curve' } }),
    invalid('signingToken: must be a string'),
  ],
  'a name that stands twice': [
    `{"hash":"00",${JSON.stringify(bodyWith()).slice(1)}`,
    invalid('hash: must not stand in the body twice'),
  ],
  'a field that is too long': [
    bodyWith({ dataToBeSigned: 'A'.repeat(400_000) }),
    { statusCode: 413, code: 'PAYLOAD_TOO_LARGE', message: /^A field has more bytes/ },
  ],
}

const FIELD_OF_CALLBACK = new RegExp(
  `\\b(?:${Object.keys(CallbackBody.properties)
    .filter((name) => name.includes('_'))
    .join('|')})\\b`,
)

for (const [what, [body, refusal]] of Object.entries(REFUSED)) {
  t.test(`refused before the HSM is asked: ${what}`, async (t) => {
    const before = module.calls('C_Sign')
    const answer = await call('sign_hash', body)
    checkRefusal(t, answer, refusal)
    t.notMatch(answer.body.toString(), FIELD_OF_CALLBACK, 'nobody told a page of a field that it has not')
    t.equal(answer.headers['access-control-allow-origin'], ORIGIN, 'the page can read why')
    t.equal(module.calls('C_Sign'), before)
  })
}

t.test('whoever has no token, or one for something else, gets nothing signed', async (t) => {
  const before = module.calls('C_Sign')
  const now = Math.floor(Date.now() / 1000)
  const stranger = signJwt(createJwtKey(), createClaims())
  const refused: [string, Sender, Omit<Refusal, 'message'>][] = [
    ['no token', { headers: { authorization: '' } }, { statusCode: 401, code: 'SIGNING_TOKEN_INVALID' }],
    ['expired', { claims: { exp: now - 3600 } }, { statusCode: 401, code: 'SIGNING_TOKEN_INVALID' }],
    [
      'of a stranger',
      { headers: { authorization: `Bearer ${stranger}` } },
      { statusCode: 401, code: 'SIGNING_TOKEN_INVALID' },
    ],
    [
      'for another signer',
      { claims: { signer: ['curve', 'cms'] } },
      { statusCode: 403, code: 'NOT_ALLOWED' },
    ],
    [
      'for another digest',
      { claims: { digest: digestOf('sha384') } },
      { statusCode: 403, code: 'NOT_ALLOWED' },
    ],
    ['for no form', { claims: { containers: [] } }, { statusCode: 403, code: 'NOT_ALLOWED' }],
    ['for SHA-512', { claims: { hash_algorithms: ['sha512'] } }, { statusCode: 403, code: 'NOT_ALLOWED' }],
    [
      'from elsewhere',
      { headers: { origin: 'https://evil.example.com' } },
      { statusCode: 403, code: 'ORIGIN_NOT_ALLOWED' },
    ],
  ]
  for (const [what, sender, refusal] of refused) {
    checkRefusal(t, await call('sign_hash', bodyWith(), sender), { ...refusal, message: /./ })
    t.comment(what)
  }
  const { url } = service
  const bare = await send(`${url}/api/sign_hash`, { method: 'POST', body: JSON.stringify(bodyWith()) })
  checkRefusal(t, bare, { statusCode: 401, code: 'SIGNING_TOKEN_MISSING', message: /Bearer/ })
  const inBody = { signingToken: JSON.stringify({ token: signJwt(key, createClaims()) }) }
  const unread = await send(`${url}/api/get_certificates`, { method: 'POST', body: JSON.stringify(inBody) })
  checkRefusal(t, unread, { statusCode: 401, code: 'SIGNING_TOKEN_MISSING', message: /Bearer/ })
  checkRefusal(t, await call('get_certificates', {}, { claims: { signer: ['cms', 'small'] } }), {
    ...{ statusCode: 403, code: 'NOT_ALLOWED', message: /^signer/ },
  })
  checkRefusal(t, await call('sign_hash', bodyWith(), { query: '?hash=00' }), invalid(/stands in the query/))
  t.equal(module.calls('C_Sign'), before)
})

t.test('log, metrics and the record of decisions tell what was signed', async (t) => {
  await checkSigned(t, bodyWith())
  const line = readLog(service.log()).findLast(({ kind }) => kind === 'sign-hash')
  t.match(line, { subject: 'alice', signer: 'house', hashAlgorithm: 'sha256', containerLevel: 'b-b' })
  const { samples } = await scrape(service.url)
  const labels = 'signer="house",container="both",hash="sha256",outcome="signed"'
  t.ok((samples.get(`signing_service_signatures_total{${labels}}`) ?? 0) > 0)
  const records = decisionsIn(auditFile)
  t.match(
    records.findLast(({ outcome }) => outcome === 'signed'),
    {
      ...{ action: 'sign-hash', path: '/api/sign_hash', subject: 'alice', container: 'both', level: 'b-b' },
      ...{ signatureType: 'cades', digest: digestOf('sha256').toLowerCase(), signer: 'house' },
    },
  )
  t.ok(records.some(({ outcome, code }) => outcome === 'refused' && code === 'DIGEST_MISMATCH'))
})

t.test('a certificate that was taken over a moment ago is still one of the signer', async (t) => {
  folder.put('house.pem', `${renewed.certificate}`)
  const timestamps = { url: 'http://127.0.0.1:9/' }
  folder.write({
    ...entries,
    house: folder.entry('house', { level: 'b-t', timestamps, timestampFallback: 'b-b' }),
  })
  service.app.reload()
  await until('the certificate was taken over', async () => {
    const { data } = (await call('get_certificates', {})).json() as { data: { certificates: string[] } }
    return Buffer.from(`${data.certificates[0]}`, 'base64').toString() === `${renewed.certificate}`
  })
  const answer = await call('sign_hash', bodyWith())
  t.equal(answer.statusCode, 200, answer.body.toString())
  const container = await checkContainer(t, `${dataOf(answer).pkcs7}`)
  t.ok(container.includes(house.certificate.raw), 'and the one that the container holds')
  const { level, shortfall } = dataOf(answer) as { level: string; shortfall?: string }
  t.strictSame([level, shortfall], ['b-b', undefined], 'at the level that the signer had with it')
})
