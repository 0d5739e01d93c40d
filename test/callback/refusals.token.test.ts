import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { send } from '../support/http.ts'
import { checkRefusal, type Refusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const { environment, certificates } = await createSigningToken(t.testdir())
const service = await startReadyService(t, environment)
const tolerant = await startReadyService(t, {
  ...environment,
  DIGEST_MISMATCH: 'ignore',
  HASH_ALGORITHMS: 'sha256',
})

const content = Buffer.from('What is to be signed, and kept out of every message')
const base64 = content.toString('base64')
const sha256 = createHash('sha256').update(content).digest('hex')
const other = randomBytes(32).toString('hex')

const invalid = (message: string | RegExp): Refusal => ({
  statusCode: 400,
  code: 'INVALID_REQUEST',
  message,
})
const noAction = invalid('action: is required; sign, sign_pkcs7 or get_certificates')
const notBase64 = (field: string) =>
  invalid(`${field}: must be base64 (RFC 4648 section 4) with padding and without line breaks`)
const unknownHash: Refusal = {
  statusCode: 400,
  code: 'UNSUPPORTED_HASH_ALGORITHM',
  message: 'hash_algorithm: must be one of sha256, sha384, sha512',
}
const mismatch = (message: string): Refusal => ({ statusCode: 400, code: 'DIGEST_MISMATCH', message })

const FIELDS = [
  'action',
  'digest',
  'encoded_contents',
  'data_to_be_signed',
  'hash_algorithm',
  'signature_type',
  'signature_container',
  'signatureContainer',
  'signing_token',
  'encodedContents',
  'hash',
]

t.test('text that is not a JSON object is refused', async (t) => {
  const texts: Record<string, [string, Refusal]> = {
    'a cut object': ['{"action": "sign', invalid('body: is not valid JSON')],
    'a trailing comma': ['{"action": "sign",}', invalid('body: is not valid JSON')],
    words: ['please sign', invalid('body: is not valid JSON')],
    'two objects': ['{}{}', invalid('body: is not valid JSON')],
    'a prototype': ['{"__proto__": {"action": "sign"}}', invalid('body: is not valid JSON')],
    null: ['null', invalid('body: must be a JSON object')],
    true: ['true', invalid('body: must be a JSON object')],
    'a number': ['7', invalid('body: must be a JSON object')],
    'a string': ['"sign"', invalid('body: must be a JSON object')],
    'an array': ['[{"action": "sign"}]', invalid('body: must be a JSON object')],
    nothing: ['', invalid('body: is empty; a JSON object is required')],
    'an empty object': ['{}', noAction],
  }
  for (const [name, [text, expected]] of Object.entries(texts)) {
    t.test(name, async (t) => {
      const answer = await send(`${service.url}/sign`, { method: 'POST', body: text })
      checkRefusal(t, answer, expected)
      t.notMatch(answer.body.toString(), /please|proto/)
    })
  }
})

t.test('a field of another type than string is refused by its name', async (t) => {
  for (const field of FIELDS) {
    for (const value of [4711, true, [base64], { value: base64 }]) {
      const answer = await service.sign({ [field]: value })
      checkRefusal(t, answer, invalid(`${field}: must be a string`))
    }
  }
})

const REFUSED: Readonly<Record<string, [Record<string, unknown>, Refusal]>> = {
  'an unknown action': [
    { action: 'sign_everything', encoded_contents: base64 },
    {
      statusCode: 400,
      code: 'UNKNOWN_ACTION',
      message: 'action: must be one of sign, sign_pkcs7 and get_certificates',
    },
  ],
  'an empty action': [
    { action: '', encoded_contents: base64 },
    { statusCode: 400, code: 'UNKNOWN_ACTION', message: /^action: / },
  ],
  'nothing but nulls': [{ action: null, digest: null, encoded_contents: null }, noAction],
  'sign without data': [
    { action: 'sign', encoded_contents: base64 },
    invalid('data_to_be_signed: is required for a raw signature'),
  ],
  'sign_pkcs7 without contents and digest': [
    { action: 'sign_pkcs7' },
    invalid('encoded_contents: is required for a PKCS#7 container, or digest'),
  ],
  'data and digest without action': [
    { data_to_be_signed: base64, digest: sha256 },
    invalid('action: is required where data_to_be_signed stands beside digest or encoded_contents'),
  ],
  'data and contents without action': [
    { data_to_be_signed: base64, encoded_contents: base64 },
    invalid(/^action: is required where data_to_be_signed/),
  ],
  'encodedContents and encoded_contents': [
    { encodedContents: base64, encoded_contents: base64 },
    invalid('encodedContents: must not stand beside fields of other requests'),
  ],
  'encodedContents and data': [
    { encodedContents: base64, data_to_be_signed: base64 },
    invalid(/^encodedContents: must not stand beside/),
  ],
  'encodedContents and digest': [
    { encodedContents: base64, digest: sha256 },
    invalid(/^encodedContents: must not stand beside/),
  ],
  'encodedContents as a raw signature': [
    { encodedContents: base64, signature_container: 'raw' },
    invalid(/^encodedContents: must not stand beside/),
  ],
  'a hash as a raw signature': [
    { hash: sha256, signature_container: 'raw' },
    invalid('hash: must not stand beside fields of other requests'),
  ],
  'sign_pkcs7 with encodedContents and digest': [
    { action: 'sign_pkcs7', encodedContents: base64, digest: sha256 },
    invalid('encodedContents: must not stand beside fields of other requests'),
  ],
  'sign_pkcs7 with encodedContents and encoded_contents': [
    { action: 'sign_pkcs7', encodedContents: base64, encoded_contents: base64 },
    invalid(/^encodedContents: must not stand beside/),
  ],
  'sign_pkcs7 with contents and a hash': [
    { action: 'sign_pkcs7', encoded_contents: base64, hash: other },
    invalid(/^hash: must not stand beside/),
  ],
  'sign for a container with data and a hash': [
    { action: 'sign', signature_container: 'pkcs7', data_to_be_signed: base64, hash: other },
    invalid(/^hash: must not stand beside/),
  ],
  'a digest and a hash without action': [
    { digest: sha256, hash: other },
    invalid(/^hash: must not stand beside/),
  ],
  'contents and a hash without action': [
    { encoded_contents: base64, hash: sha256 },
    invalid(/^hash: must not stand beside/),
  ],
  'a hash beside empty encodedContents': [
    { hash: sha256, encodedContents: '' },
    invalid('encodedContents: must not be empty'),
  ],
  'a hash alone that is not hex': [{ hash: base64 }, invalid('hash: must be a digest in hex')],
  'a hash alone of no length': [
    { hash: `${sha256}00`, encodedContents: null },
    invalid('hash: a sha256 digest has 32 bytes, this one 33'),
  ],
  'a SHA-1 digest that is not named as one': [
    { digest: sha256.slice(0, 40) },
    invalid('digest: a sha256 digest has 32 bytes, this one 20'),
  ],
  'a digest of other contents, told by its length': [
    { encoded_contents: base64, digest: other + other },
    mismatch('digest: is not the sha512 digest of the contents; send the matching digest, or leave it out'),
  ],
  'sign_pkcs7 as a raw signature': [
    { action: 'sign_pkcs7', encoded_contents: base64, signatureContainer: 'raw' },
    invalid('signature_container: must be pkcs7 or absent for sign_pkcs7'),
  ],
  'a digest as a raw signature': [
    { digest: sha256, signature_container: 'raw' },
    invalid('data_to_be_signed: is required for a raw signature'),
  ],
  'two containers': [
    { action: 'sign', data_to_be_signed: base64, signature_container: 'raw', signatureContainer: 'pkcs7' },
    invalid('signature_container: disagrees with signatureContainer; send one of the two'),
  ],
  'an unknown signature_container': [
    { action: 'sign', data_to_be_signed: base64, signature_container: 'pkcs12' },
    invalid('signature_container: must be raw or pkcs7'),
  ],
  'an unknown signatureContainer': [
    { digest: sha256, signatureContainer: '' },
    invalid('signatureContainer: must be raw or pkcs7'),
  ],
  'an unknown signature_type': [
    { action: 'sign_pkcs7', encoded_contents: base64, signature_type: 'xades' },
    invalid('signature_type: must be cms or cades'),
  ],
  'an unknown signature_type of a raw signature': [
    { action: 'sign', data_to_be_signed: base64, signature_type: 'CMS' },
    invalid('signature_type: must be cms or cades'),
  ],
  md5: [{ action: 'sign', data_to_be_signed: base64, hash_algorithm: 'md5' }, unknownHash],
  'sha160 where it is not allowed': [
    { action: 'sign_pkcs7', encoded_contents: base64, hash_algorithm: 'sha160' },
    unknownHash,
  ],
  'sha1 where sha160 is not allowed': [
    { action: 'sign_pkcs7', digest: sha256.slice(0, 40), hash_algorithm: 'SHA-1' },
    unknownHash,
  ],
  'an empty hash_algorithm': [{ action: 'sign', data_to_be_signed: base64, hash_algorithm: '' }, unknownHash],
  'a hash named like a property': [
    { action: 'sign', data_to_be_signed: base64, hash_algorithm: 'constructor' },
    unknownHash,
  ],
  'empty data': [{ action: 'sign', data_to_be_signed: '' }, invalid('data_to_be_signed: must not be empty')],
  'empty contents': [
    { action: 'sign_pkcs7', encoded_contents: '', digest: sha256 },
    invalid('encoded_contents: must not be empty'),
  ],
  'empty encodedContents': [{ encodedContents: '' }, invalid('encodedContents: must not be empty')],
  'an empty digest': [
    { action: 'sign_pkcs7', encoded_contents: base64, digest: '' },
    invalid('digest: must be a digest in hex'),
  ],
  'a digest that is not hex': [
    { digest: `${sha256.slice(2)}0g` },
    invalid('digest: must be a digest in hex'),
  ],
  'a digest with an odd number of digits': [
    { digest: sha256.slice(1) },
    invalid('digest: must be a digest in hex'),
  ],
  'a digest with 0x': [{ digest: `0x${sha256}` }, invalid('digest: must be a digest in hex')],
  'a digest with a line break': [{ digest: `${sha256}\n` }, invalid('digest: must be a digest in hex')],
  'a digest in base64': [
    { digest: Buffer.from(sha256, 'hex').toString('base64') },
    invalid('digest: must be a digest in hex'),
  ],
  'a digest of megabytes': [{ digest: sha256.repeat(400_000) }, invalid('digest: must be a digest in hex')],
  'a digest that is too short': [
    { digest: sha256.slice(2) },
    invalid('digest: a sha256 digest has 32 bytes, this one 31'),
  ],
  'a digest of another algorithm': [
    { action: 'sign_pkcs7', digest: sha256, hash_algorithm: 'sha512' },
    invalid('digest: a sha512 digest has 64 bytes, this one 32'),
  ],
  'a digest of another length beside contents': [
    { action: 'sign_pkcs7', encoded_contents: base64, digest: `${sha256}00` },
    invalid('digest: a sha256 digest has 32 bytes, this one 33'),
  ],
  'a digest of other contents': [
    { action: 'sign_pkcs7', encoded_contents: base64, digest: other },
    mismatch('digest: is not the sha256 digest of the contents; send the matching digest, or leave it out'),
  ],
  'a digest of other data': [
    { action: 'sign_pkcs7', data_to_be_signed: base64, digest: other },
    mismatch('digest: is not the sha256 digest of the contents; send the matching digest, or leave it out'),
  ],
  'a hash of other contents': [
    { encodedContents: base64, hash: other },
    mismatch('hash: is not the sha256 digest of the contents; send the matching digest, or leave it out'),
  ],
}

/** Anything that was sent, in pieces that no message would hold by chance. */
function valuesOf(body: Record<string, unknown>): string[] {
  return Object.values(body).filter(
    (value): value is string => typeof value === 'string' && value.length > 20,
  )
}

t.test('a request is refused for', async (t) => {
  for (const [name, [body, expected]] of Object.entries(REFUSED)) {
    t.test(name, async (t) => {
      const token = `token-${randomBytes(12).toString('hex')}`
      const answer = await service.sign({ signing_token: token, ...body })
      checkRefusal(t, answer, expected)
      const text = answer.body.toString()
      for (const value of [token, ...valuesOf(body)]) {
        t.notOk(text.includes(value.slice(0, 20)), 'the message holds no value')
      }
    })
  }
})

t.test('base64 is refused for', async (t) => {
  const texts = {
    'white space before it': ` ${base64}`,
    'white space after it': `${base64}\n`,
    'line breaks': `${base64.slice(0, 40)}\r\n${base64.slice(40)}`,
    'four characters of white space': `${base64.slice(0, 4)}    ${base64.slice(4)}`,
    'the URL alphabet': '-_-_',
    'missing padding': 'QQ',
    'too little padding': 'QQ=',
    'too much padding': 'QUJD====',
    'padding alone': '====',
    'padding in the middle': 'QQ==QUJD',
    'trailing bits that are not zero': 'QR==',
    'two trailing bits that are not zero': 'QUJ=',
    'one character too many': `${base64}A`,
    'a letter of another alphabet': 'QUJDŁUJD',
    'a NUL': 'QUJD\u0000UJD',
    'a data URL': `data:;base64,${base64}`,
    'hex that happens to fit its length': `${sha256}!!!!`,
  }
  const requests = {
    data_to_be_signed: { action: 'sign' },
    encoded_contents: { action: 'sign_pkcs7', digest: sha256 },
    encodedContents: {},
  }
  for (const [name, text] of Object.entries(texts)) {
    t.test(name, async (t) => {
      for (const [field, rest] of Object.entries(requests)) {
        checkRefusal(t, await service.sign({ ...rest, [field]: text }), notBase64(field))
      }
    })
  }
})

t.test('with DIGEST_MISMATCH=ignore the contents are signed whatever the digest', async (t) => {
  const contents = { action: 'sign_pkcs7', encoded_contents: base64 }
  for (const digest of [other, sha256.slice(0, 40), sha256, other + other]) {
    const { statusCode, body } = await tolerant.sign({ ...contents, digest })
    t.equal(statusCode, 200)
    const { valid, message } = await verifyCms({ cms: body, content, trustAnchors: certificates.root })
    t.ok(valid, message)
  }
  checkRefusal(
    t,
    await tolerant.sign({ ...contents, digest: 'not hex' }),
    invalid('digest: must be a digest in hex'),
  )
  checkRefusal(
    t,
    await tolerant.sign({ action: 'sign_pkcs7', digest: sha256.slice(0, 40) }),
    invalid('digest: a sha256 digest has 32 bytes, this one 20'),
  )
})

t.test('only the hash algorithms of HASH_ALGORITHMS are allowed, and named', async (t) => {
  const body = { action: 'sign', data_to_be_signed: base64, hash_algorithm: 'sha512' }
  checkRefusal(t, await tolerant.sign(body), {
    statusCode: 400,
    code: 'UNSUPPORTED_HASH_ALGORITHM',
    message: /one of sha256$/,
  })
  t.equal((await service.sign(body)).statusCode, 200)
  for (const fields of [{ digest: other + other }, { hash: other + other.slice(0, 32) }]) {
    checkRefusal(t, await tolerant.sign(fields), {
      statusCode: 400,
      code: 'UNSUPPORTED_HASH_ALGORITHM',
      message: /one of sha256$/,
    })
  }
})

t.test('after all the refusals the service signs', async (t) => {
  const { statusCode } = await service.sign({ action: 'sign', data_to_be_signed: base64 })
  t.equal(statusCode, 200)
})
