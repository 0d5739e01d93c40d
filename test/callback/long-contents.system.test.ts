/** Contents of a size at which they are hashed while they arrive, as those see them who send and verify them. */
import { createHash, randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { openssl } from '../support/certificates.ts'
import { type Answer, send } from '../support/http.ts'
import { checkRefusal, type Refusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder, tokenFor } from '../support/signers.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'
import { withTemporaryFiles } from '../support/validators/temporary-files.ts'

const folder = await createSignersFolder(t.testdir())
await folder.addKey('rsa', 'rsa')
await folder.addKey('p-256')
folder.write({
  rsa: folder.entry('rsa'),
  old: folder.entry('rsa', { hashAlgorithms: ['sha160'] }),
  'p-256-raw': folder.entry('p-256', { raw: true }),
})
const BODY_LIMIT = 4_000_000
const environment = { ...folder.environment, HSM_TIMEOUT_MS: '30000' }
const service = await startReadyService(t, {
  ...environment,
  SIGNING_SERVICE_BODY_LIMIT: String(BODY_LIMIT),
})
const tolerant = await startReadyService(t, { ...environment, DIGEST_MISMATCH: 'ignore' })

const content = randomBytes(600_001)
const base64 = content.toString('base64')
/** Without padding, for something to stand behind it. */
const whole = content.subarray(0, 600_000).toString('base64')
const hex = (hash: string) => createHash(hash).update(content).digest('hex')
const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
  send(`${service.url}/sign`, { method: 'POST', body, headers })

async function checkContainer(t: Test, answer: Answer, hash = 'sha256', signed = content) {
  t.equal(answer.statusCode, 200, answer.statusCode === 200 ? '' : answer.body.toString())
  const { valid, message } = await verifyCms({
    cms: answer.body,
    content: signed,
    trustAnchors: folder.root.certificateFile,
  })
  t.ok(valid, message)
  t.match(await printCms(answer.body), new RegExp(`digestAlgorithm: \\n\\s+algorithm: ${hash} `), hash)
}

const invalid = (message: string): Refusal => ({ statusCode: 400, code: 'INVALID_REQUEST', message })
const noJson = invalid('body: is not valid JSON')

t.test('a container is answered for', async (t) => {
  const action = '"action":"sign_pkcs7"'
  const contents = `"encoded_contents":"${base64}"`
  const bodies: Record<string, [string, string?]> = {
    contents: [`{${action},${contents}}`],
    'contents, then their algorithm': [`{${action},${contents},"hash_algorithm":"sha512"}`, 'sha512'],
    'the algorithm, then contents': [`{${action},"hash_algorithm":"SHA-384",${contents}}`, 'sha384'],
    'null for the algorithm': [`{${action},"hash_algorithm":null,${contents}}`],
    'an algorithm that another signer alone has': [
      `{${action},${contents},"signing_token":${JSON.stringify(tokenFor('old'))},"hash_algorithm":"sha1"}`,
      'sha1',
    ],
    'contents and digest': [`{${action},"digest":"${hex('sha256')}",${contents}}`],
    'contents, then the digest': [`{${action},${contents},"digest":"${hex('sha256').toUpperCase()}"}`],
    'a SHA-512 digest, then contents, without the name of the algorithm': [
      `{${action},"digest":"${hex('sha512')}",${contents}}`,
      'sha512',
    ],
    'contents, then a SHA-384 digest, without the name of the algorithm': [
      `{${action},${contents},"hash_algorithm":null,"digest":"${hex('sha384')}"}`,
      'sha384',
    ],
    'contents alone': [`{${contents}}`],
    'data_to_be_signed as contents': [
      `{"action":"sign","signature_container":"pkcs7","data_to_be_signed":"${base64}"}`,
    ],
    'unknown fields that stand twice': [`{${action},"preview":"${whole}","preview":"${whole}",${contents}}`],
    'known names in other objects': [`{"x":{"hash_algorithm":"md5","action":1},${action},${contents}}`],
    'contents beside long data': [`{${action},"data_to_be_signed":"${whole}",${contents}}`],
    'slashes as PHP escapes them': [
      `{${action},"encoded_contents":"${base64.replaceAll('/', '\\/')}","hash_algorithm":"sha384"}`,
      'sha384',
    ],
    'letters that are escapes': [
      `{${action},"encoded_contents":"${base64.replaceAll('A', '\\u0041').replaceAll('/', '\\u002F')}"}`,
    ],
    'a name that has escapes': [`{${action},"encoded\\u005fcontents":"${base64}"}`],
    'a byte order mark': [`\ufeff{${action},"hash_algorithm":"sha512",${contents}}`, 'sha512'],
    'much white space': [`{${action},${' '.repeat(30_000)}${contents}}`],
    'fields of the future': [
      `{${action},"preview":"${whole}","more":{"encoded_contents":["${whole}"]},${contents},"text":"${'Łä\\n😀'.repeat(99_999)}"}`,
    ],
    'a long name': [`{"${whole}":1,${action},${contents}}`],
    'a long token that nobody reads': [`{${action},"signing_token":"${whole}",${contents}}`],
  }
  for (const [name, [body, hash]] of Object.entries(bodies)) {
    t.test(name, async (t) => {
      await checkContainer(t, await post(body), hash)
    })
  }
})

t.test('a known name that stands in the body twice is refused', async (t) => {
  const long = `"encoded_contents":"${base64}"`
  const short = '"encoded_contents":"c2hvcnQ="'
  const escaped = `"encoded\\u005fcontents":"${whole}"`
  const bodies: Record<string, string[]> = {
    encoded_contents: [
      `${long},${short}`,
      `${short},${long}`,
      `${long},${long}`,
      `${long},"encoded_contents":null`,
      `"encoded_contents":null,${short}`,
      `${short},"x":[{"y":"\\"}"}],${escaped}`,
    ],
    hash_algorithm: [
      `"hash_algorithm":"md5","hash_algorithm":"sha512",${long}`,
      `"hash_algorithm":"sha256",${long},"hash_algorithm":"sha512"`,
      `"hash_algorithm":"sha256","hash_algorithm":"sha256",${short}`,
    ],
    action: [`"action":"sign_pkcs7",${short},"action":"sign_pkcs7"`],
    signing_token: [`${short},"signing_token":"${whole}","signing_token":""`],
    data_to_be_signed: [`"action":"sign","data_to_be_signed":"${whole}","data_to_be_signed":"QUJD"`],
  }
  for (const [name, texts] of Object.entries(bodies)) {
    for (const text of texts) {
      checkRefusal(t, await post(`{${text}}`), invalid(`${name}: must not stand in the body twice`))
    }
  }
})

t.test('encodedContents is answered in JSON', async (t) => {
  const answer = await post(`{"encodedContents":"${base64}","hash":"${hex('sha256')}"}`)
  t.equal(answer.statusCode, 200)
  const body = Buffer.from(String(answer.json().p7), 'base64')
  await checkContainer(t, { ...answer, body })
})

t.test('a raw signature of much data verifies', async (t) => {
  const answer = await post(`{"action":"sign","data_to_be_signed":"${base64}","hash_algorithm":"sha512"}`)
  t.equal(answer.statusCode, 200)
  await withTemporaryFiles(
    { content, signature: answer.body, key: '' },
    async ({ content, signature, key }) => {
      openssl('x509', '-in', folder.path('rsa.pem'), '-noout', '-pubkey', '-out', key)
      t.match(openssl('dgst', '-sha512', '-verify', key, '-signature', signature, content), 'Verified OK')
    },
  )
})

t.test('a body in chunks of any length is read', async (t) => {
  const body = Buffer.from(
    `{"encoded_contents":"${base64.replaceAll('/', '\\u002f')}","hash_algorithm":"sha512"}`,
  )
  for (const length of [1000, 65_537, body.length]) {
    const chunks: Buffer[] = []
    for (let at = 0; at < body.length; at += length) {
      const chunk = body.subarray(at, at + length)
      chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'))
    }
    const head = 'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'
    const parts = [`${head}Transfer-Encoding: chunked\r\n\r\n`, Buffer.concat(chunks), '0\r\n\r\n']
    const answer = parseAnswer(await sendRaw(service.url, parts))
    await checkContainer(t, answer, 'sha512')
  }
})

t.test('long contents are refused for', async (t) => {
  const texts = {
    'white space before it': ` ${base64}`,
    'white space after it': `${base64}\n`,
    'line breaks': `${whole.slice(0, 7600)}\r\n${whole.slice(7600)}`,
    'line breaks near its end': `${whole}\r\n${whole}`,
    'the URL alphabet': `-_-_${whole}`,
    'the URL alphabet at its end': `${whole}-_-_`,
    'missing padding': `${whole}QQ`,
    'too little padding': `${whole}QQ=`,
    'too much padding': `${whole}QUJD====`,
    'padding in the middle': `${whole}QQ==${whole}`,
    'trailing bits that are not zero': `${whole}QR==`,
    'one character too many': `${base64}A`,
    'a letter of another alphabet': `${whole}QUJDŁUJD`,
    'a NUL': `${whole}QUJD\u0000UJD`,
    'a data URL': `data:;base64,${base64}`,
  }
  const requests = {
    data_to_be_signed: { action: 'sign' },
    encoded_contents: { action: 'sign_pkcs7', digest: hex('sha256') },
    encodedContents: {},
  }
  for (const [name, text] of Object.entries(texts)) {
    t.test(name, async (t) => {
      for (const [field, rest] of Object.entries(requests)) {
        const expected = `${field}: must be base64 (RFC 4648 section 4) with padding and without line breaks`
        checkRefusal(t, await service.sign({ ...rest, [field]: text }), invalid(expected))
      }
    })
  }
})

t.test('a body with long contents is refused for', async (t) => {
  const contents = `"encoded_contents":"${base64}"`
  const bodies: Record<string, [string, Refusal]> = {
    'a control character in them': [`{"encoded_contents":"${whole}\n"}`, noJson],
    'a control character behind much of them': [`{"encoded_contents":"${whole}\u0000${whole}"}`, noJson],
    'an escape that there is not': [`{"encoded_contents":"${whole}\\x41"}`, noJson],
    'an escape that is cut': [`{"encoded_contents":"${whole}\\u00"}`, noJson],
    'a control character in a field that nobody reads': [`{"x":"Ł${whole}\t${whole}",${contents}}`, noJson],
    'no end of them': [`{"encoded_contents":"${base64}`, noJson],
    'no end': [`{${contents}`, noJson],
    'no end after an escape': [`{"encoded_contents":"${base64}\\`, noJson],
    'something behind it': [`{${contents}}{}`, noJson],
    'a trailing comma': [`{${contents},}`, noJson],
    'no value': [`{${contents},"action":}`, noJson],
    'a prototype': [`{${contents},"__proto__":{}}`, noJson],
    'being an array': [`["${base64}"]`, invalid('body: must be a JSON object')],
    'being a string': [`"${base64}"`, invalid('body: must be a JSON object')],
    'another type': [`{${contents},"hash_algorithm":7}`, invalid('hash_algorithm: must be a string')],
    'a long action': [
      `{"action":"${whole}"}`,
      { statusCode: 400, code: 'UNKNOWN_ACTION', message: /^action: must be one of/ },
    ],
    'a long algorithm': [
      `{"hash_algorithm":"sha256${whole}",${contents}}`,
      { statusCode: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: /^hash_algorithm: must be one of/ },
    ],
    'an algorithm that nobody knows': [
      `{"hash_algorithm":"md5",${contents}}`,
      { statusCode: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: /^hash_algorithm: must be one of/ },
    ],
    'an algorithm of another signer': [
      `{${contents},"hash_algorithm":"sha160"}`,
      { statusCode: 400, code: 'UNSUPPORTED_HASH_ALGORITHM', message: /^hash_algorithm: must be one of/ },
    ],
    'a long signature_type': [
      `{${contents},"signature_type":"cms${whole}"}`,
      invalid('signature_type: must be cms or cades'),
    ],
    'a long signature_container': [
      `{${contents},"signature_container":"${whole}"}`,
      invalid('signature_container: must be raw or pkcs7'),
    ],
    'a long digest': [
      `{${contents},"digest":"${'ab'.repeat(400_000)}"}`,
      invalid('digest: must be a digest in hex'),
    ],
    'a long token that begins like an object': [
      `{${contents},"signing_token":"{\\"signer\\":\\"${whole}\\"}"}`,
      invalid('signing_token: JSON must not be longer than 16384 characters'),
    ],
    'a long token that begins like an object behind other white space': [
      `{${contents},"signing_token":"\u3000{\\"signer\\":\\"${whole}\\"}"}`,
      invalid('signing_token: JSON must not be longer than 16384 characters'),
    ],
    'a digest of something else': [
      `{${contents},"digest":"${createHash('sha256').update(whole).digest('hex')}"}`,
      {
        statusCode: 400,
        code: 'DIGEST_MISMATCH',
        message: /^digest: is not the sha256 digest of the contents/,
      },
    ],
    'a raw signature that is verified with all of its data': [
      `{"action":"sign","data_to_be_signed":"${base64}","signing_token":${JSON.stringify(tokenFor('p-256-raw'))}}`,
      invalid('data_to_be_signed: must not have more than 65536 bytes for this signer'),
    ],
  }
  for (const [name, [body, expected]] of Object.entries(bodies)) {
    t.test(name, async (t) => {
      checkRefusal(t, await post(body), expected)
    })
  }
})

t.test('with DIGEST_MISMATCH=ignore long contents are signed whatever the digest', async (t) => {
  const answer = await tolerant.sign({ encoded_contents: base64, digest: hex('sha384') })
  await checkContainer(t, answer)
})

t.test('a body that gets too large, in whatever way, is refused', async (t) => {
  const message = `The body is larger than the ${BODY_LIMIT} bytes that SIGNING_SERVICE_BODY_LIMIT allows`
  const expected = { statusCode: 413, code: 'PAYLOAD_TOO_LARGE', message }
  const fill = (size: number) => {
    const length = Math.floor((size - 30) / 4) * 4
    return `{"encoded_contents":"${'A'.repeat(length)}"}`.padEnd(size)
  }
  const chunked = { 'transfer-encoding': 'chunked' }
  t.equal((await post(fill(BODY_LIMIT), chunked)).statusCode, 200)
  checkRefusal(t, await post(fill(BODY_LIMIT + 1), chunked), expected)
  checkRefusal(t, await post(fill(BODY_LIMIT + 1)), expected)
})

t.test('a request for certificates with anything long is refused', async (t) => {
  const certificates = '"action":"get_certificates"'
  const expected = {
    statusCode: 413,
    code: 'PAYLOAD_TOO_LARGE',
    message:
      'The body has contents of more than 8192 characters, or another string of more than 87384, which get_certificates has ' +
      'no use for',
  }
  for (const long of [`"encoded_contents":"${base64}"`, `"signing_token":"${whole}"`, `"x":["${whole}"]`]) {
    checkRefusal(t, await post(`{${certificates},${long}}`), expected)
    checkRefusal(t, await post(`{${long},${certificates}}`), expected)
  }
  t.equal((await post(`{${certificates},"x":"${'a'.repeat(80_000)}"}`)).statusCode, 200)
})

t.test('a body of which too much would have to be kept is refused', async (t) => {
  const kept = /^The body has more than 1048608 bytes beside the contents to sign$/
  const outside = /^The body has more than 32768 bytes outside of strings$/
  const tokens = /^The body has more than 2048 names, values and punctuators$/
  const contents = `"encoded_contents":"${base64}"`
  const bodies: Record<string, [string, RegExp]> = {
    objects: [`{${contents},"x":[${'{},'.repeat(6_000)}1]}`, tokens],
    lists: [`{"x":${'['.repeat(16_384)}`, tokens],
    numbers: [`{"x":[${'1,'.repeat(17_000)}1],${contents}}`, tokens],
    names: [`{${Array.from({ length: 6_000 }, (_, index) => `"${index}":1`)}}`, tokens],
    'empty strings': [`{"x":[${'"",'.repeat(9_000)}1]}`, tokens],
    'a number': [`{"x":${'1'.repeat(1_100_000)}}`, outside],
    'white space': [`{${' '.repeat(33_000)}${contents}}`, outside],
    strings: [`{"x":[${`"${'Ł'.repeat(40_000)}",`.repeat(14)}1]}`, kept],
    'long strings': [`{"x":[${`"${'a'.repeat(150_000)}",`.repeat(13)}1]}`, kept],
    'long names': [`{${`"${'a'.repeat(150_000)}":1,`.repeat(13)}${contents}}`, kept],
    'strings of escapes': [`{"x":[${`"${'\\ud800'.repeat(80_000)}",`.repeat(3)}1]}`, kept],
  }
  for (const [name, [body, message]] of Object.entries(bodies)) {
    t.test(name, async (t) => {
      checkRefusal(t, await post(body), { statusCode: 413, code: 'PAYLOAD_TOO_LARGE', message })
    })
  }
})

t.test('a body that is as long and as full as may be is read', async (t) => {
  const contents = `"encoded_contents":"${base64}"`
  await checkContainer(t, await post(`{${contents},"x":[${'1,'.repeat(2_000)}1]}`))
  await checkContainer(t, await post(`{${contents},"x":[${`"${'Ł'.repeat(40_000)}",`.repeat(11)}1]}`))
})
