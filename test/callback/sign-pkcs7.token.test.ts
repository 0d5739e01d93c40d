import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Answer } from '../support/http.ts'
import { startReadyService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'
import { type Asn1Value, asn1Values, childrenOf, shortestHeader } from '../support/validators/asn1-values.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'

const { environment, certificates } = await createSigningToken(t.testdir())
const service = await startReadyService(t, {
  ...environment,
  HASH_ALGORITHMS: 'sha160,sha224,sha256,sha384,sha512',
  HSM_TIMEOUT_MS: '30000',
})

const content = randomBytes(5000)
const base64 = content.toString('base64')
const hex = (hash: string) => createHash(hash).update(content).digest('hex')

/** Checks with OpenSSL that an answer is a container over the content. Returns the names of its signed attributes. */
async function checkContainer(
  t: Test,
  cms: Buffer,
  { hash = 'sha256', signed = content, cades = false } = {},
) {
  const { valid, message } = await verifyCms({
    cms,
    content: signed,
    trustAnchors: certificates.root,
    cades,
  })
  t.ok(valid, message)
  const printed = await printCms(cms)
  t.match(printed, new RegExp(`digestAlgorithm: \\n\\s+algorithm: ${hash} `), `digest algorithm ${hash}`)
  return printed
}

function checkOctets(t: Test, answer: Answer): Buffer {
  t.equal(answer.statusCode, 200, answer.statusCode === 200 ? '' : answer.body.toString())
  t.equal(answer.headers['content-type'], 'application/octet-stream')
  return answer.body
}

const REQUESTS: readonly { name: string; body: Record<string, unknown>; hash?: string }[] = [
  { name: 'contents and digest', body: { encoded_contents: base64, digest: hex('sha256') } },
  { name: 'contents alone', body: { encoded_contents: base64 } },
  { name: 'a digest alone', body: { digest: hex('sha256') } },
  { name: 'a digest in upper case', body: { digest: hex('sha256').toUpperCase() } },
  { name: 'both in upper case', body: { encoded_contents: base64, digest: hex('sha256').toUpperCase() } },
  {
    name: 'action sign with signature_container and contents',
    body: { action: 'sign', signature_container: 'pkcs7', encoded_contents: base64 },
  },
  {
    name: 'action sign with signatureContainer and a digest',
    body: { action: 'sign', signatureContainer: 'pkcs7', digest: hex('sha256') },
  },
  {
    name: 'action sign with both spellings and data_to_be_signed',
    body: {
      action: 'sign',
      signature_container: 'pkcs7',
      signatureContainer: 'pkcs7',
      data_to_be_signed: base64,
    },
  },
  { name: 'sign_pkcs7 that says pkcs7', body: { signatureContainer: 'pkcs7', encoded_contents: base64 } },
  { name: 'no action', body: { action: undefined, encoded_contents: base64, digest: hex('sha256') } },
  { name: 'no action, a digest alone', body: { action: undefined, digest: hex('sha256') } },
  {
    name: 'no action, data_to_be_signed and signature_container',
    body: { action: undefined, signature_container: 'pkcs7', data_to_be_signed: base64 },
  },
  {
    name: 'null for every absent field',
    body: {
      digest: null,
      encoded_contents: base64,
      data_to_be_signed: null,
      hash_algorithm: null,
      signature_type: null,
      signature_container: null,
      signatureContainer: null,
      signing_token: null,
      encodedContents: null,
      hash: null,
    },
  },
  { name: 'null for the action', body: { action: null, encoded_contents: base64 } },
  {
    name: 'fields of the future',
    body: { encoded_contents: base64, api_version: 7, appearance: { mode: [true, null] } },
  },
  { name: 'SHA256', body: { encoded_contents: base64, hash_algorithm: 'SHA256' } },
  { name: 'SHA-256', body: { encoded_contents: base64, hash_algorithm: 'SHA-256' } },
  { name: 'sha1', body: { encoded_contents: base64, hash_algorithm: 'sha1' }, hash: 'sha1' },
  { name: 'SHA-1', body: { digest: hex('sha1'), hash_algorithm: 'SHA-1' }, hash: 'sha1' },
  { name: 'sha160', body: { digest: hex('sha1'), hash_algorithm: 'sha160' }, hash: 'sha1' },
  { name: 'sha224', body: { digest: hex('sha224'), hash_algorithm: 'sha224' }, hash: 'sha224' },
  { name: 'sha384', body: { encoded_contents: base64, hash_algorithm: 'sha384' }, hash: 'sha384' },
  {
    name: 'sha512',
    body: { encoded_contents: base64, digest: hex('sha512'), hash_algorithm: 'sha512' },
    hash: 'sha512',
  },
]

t.test('a container is answered for', async (t) => {
  for (const { name, body, hash = 'sha256' } of REQUESTS) {
    t.test(name, async (t) => {
      const cms = checkOctets(t, await service.sign({ action: 'sign_pkcs7', ...body }))
      const printed = await checkContainer(t, cms, { hash })
      t.match(printed, 'signingTime', 'cms when the type is not given')
    })
  }
})

t.test('a cades container has signing-certificate-v2 and no signing-time', async (t) => {
  for (const body of [{ encoded_contents: base64 }, { digest: hex('sha256') }]) {
    const cms = checkOctets(t, await service.sign({ action: 'sign_pkcs7', signature_type: 'cades', ...body }))
    const printed = await checkContainer(t, cms, { cades: true })
    t.match(printed, 'id-smime-aa-signingCertificateV2')
    t.notMatch(printed, 'signingTime')
  }
})

t.test('encodedContents is answered with the container in JSON', async (t) => {
  for (const fields of [{}, { hash: hex('sha256') }, { hash: null, signature_container: 'pkcs7' }]) {
    const answer = await service.sign({ encodedContents: base64, ...fields })
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], 'application/json')
    t.strictSame(Object.keys(answer.json()), ['p7'])
    const p7 = String(answer.json().p7)
    t.equal(Buffer.from(p7, 'base64').toString('base64'), p7)
    await checkContainer(t, Buffer.from(p7, 'base64'))
  }
})

t.test('a hash without contents is answered with a container over it', async (t) => {
  for (const hash of ['sha256', 'sha384', 'sha512']) {
    for (const fields of [
      { encodedContents: null },
      {},
      { hash_algorithm: hash, signature_container: 'pkcs7' },
    ]) {
      const answer = await service.sign({ hash: hex(hash).toUpperCase(), ...fields })
      t.equal(answer.statusCode, 200)
      t.strictSame(Object.keys(answer.json()), ['p7'])
      await checkContainer(t, Buffer.from(String(answer.json().p7), 'base64'), { hash })
    }
  }
})

t.test('the length of a digest tells its hash algorithm where none is named', async (t) => {
  for (const hash of ['sha256', 'sha384', 'sha512']) {
    for (const hash_algorithm of [null, undefined]) {
      for (const contents of [{}, { encoded_contents: base64 }]) {
        const body = { action: 'sign_pkcs7', digest: hex(hash), hash_algorithm, ...contents }
        await checkContainer(t, checkOctets(t, await service.sign(body)), { hash })
      }
      const answer = await service.sign({ encodedContents: base64, hash: hex(hash), hash_algorithm })
      await checkContainer(t, Buffer.from(String(answer.json().p7), 'base64'), { hash })
    }
  }
})

t.test('of contents and data_to_be_signed, the contents are signed', async (t) => {
  const data = randomBytes(80).toString('base64')
  const body = { action: 'sign_pkcs7', encoded_contents: base64, data_to_be_signed: data }
  await checkContainer(t, checkOctets(t, await service.sign(body)))
})

t.test('a document of several megabytes is signed', async (t) => {
  const signed = randomBytes(5 * 1024 * 1024 + 1)
  const body = { action: 'sign_pkcs7', encoded_contents: signed.toString('base64') }
  await checkContainer(t, checkOctets(t, await service.sign(body)), { signed })
})

for (const type of ['cms', 'cades']) {
  t.test(`the structure of a ${type} container, to OpenSSL`, async (t) => {
    const body = { encoded_contents: base64, signature_type: type, hash_algorithm: 'sha384' }
    const cms = checkOctets(t, await service.sign({ action: 'sign_pkcs7', ...body }))
    const values = await asn1Values(cms)
    const inside = (parent: Asn1Value | undefined) => (parent === undefined ? [] : childrenOf(values, parent))

    for (const { offset, headerLength, length } of values) {
      t.equal(headerLength, shortestHeader(length), `the length at offset ${offset} is definite and short`)
    }
    t.equal(values[0]?.der.length, cms.length, 'nothing follows')

    const [contentType, explicit] = inside(values[0])
    t.match(contentType?.text, 'pkcs7-signedData')
    const [signedData] = inside(explicit)
    const [version, digestAlgorithms, encapsulated, embedded, signerInfos, ...rest] = inside(signedData)
    t.match(version?.text, /^INTEGER\s*:01$/, 'SignedData version 1')
    t.same(
      inside(inside(digestAlgorithms)[0]).map(({ text }) => text),
      ['OBJECT            :sha384'],
    )
    t.same(
      inside(encapsulated).map(({ text }) => text),
      ['OBJECT            :pkcs7-data'],
      'detached',
    )
    t.same(rest, [], 'no CRLs')

    const files = [certificates.leaf, certificates.intermediate, certificates.root]
    const expected = files.map((file) => new X509Certificate(readFileSync(file)).raw)
    t.equal(embedded?.text, 'cont [ 0 ]')
    t.same(
      inside(embedded).map(({ der }) => der),
      expected.sort(Buffer.compare),
      'the chain, in the order of a DER SET OF',
    )

    t.equal(inside(signerInfos).length, 1, 'one signer')
    const fields = inside(inside(signerInfos)[0])
    const [signerVersion, sid, digestAlgorithm, signedAttributes, signatureAlgorithm, signature] = fields
    t.equal(fields.length, 6, 'no unsigned attributes')
    t.match(signerVersion?.text, /^INTEGER\s*:01$/, 'SignerInfo version 1')
    const leaf = new X509Certificate(readFileSync(certificates.leaf))
    t.equal(inside(sid)[1]?.text.replace(/^INTEGER\s*:/, ''), leaf.serialNumber, 'serial number')
    // The issuer of the leaf is the subject of the intermediate, whose bytes are in both certificates
    t.ok(leaf.raw.includes(inside(sid)[0]?.der ?? ''), 'issuer as the certificate has it')
    t.match(inside(digestAlgorithm)[0]?.text, 'sha384')
    t.same(
      inside(signatureAlgorithm).map(({ text }) => text),
      ['OBJECT            :rsaEncryption', 'NULL'],
    )
    t.equal(signature?.length, 256)

    t.equal(signedAttributes?.text, 'cont [ 0 ]')
    const attributes = inside(signedAttributes)
    const sorted = attributes.map(({ der }) => der).sort(Buffer.compare)
    t.same(
      attributes.map(({ der }) => der),
      sorted,
      'the attributes are in the order of a DER SET OF',
    )
    const byName = new Map(
      attributes.map((attribute) => {
        const [name, set] = inside(attribute)
        return [name?.text.replace(/^OBJECT\s*:/, ''), inside(set)[0]]
      }),
    )
    t.same(
      // Of which some releases of OpenSSL know the name
      [...byName.keys()]
        .map((name) =>
          name?.replace(/^(1\.2\.840\.113549\.1\.9\.52|.*CMSAlgorithmProtection)$/, 'protection'),
        )
        .sort(),
      [
        'contentType',
        'protection',
        'id-smime-aa-signingCertificateV2',
        'messageDigest',
        ...(type === 'cms' ? ['signingTime'] : []),
      ].sort(),
    )
    t.match(byName.get('contentType')?.text, 'pkcs7-data')
    const digest = byName.get('messageDigest')
    t.equal(digest?.der.subarray(2).toString('hex'), hex('sha384'))
    const certHash = createHash('sha256').update(leaf.raw).digest()
    t.ok(
      byName.get('id-smime-aa-signingCertificateV2')?.der.includes(certHash),
      'the hash of the signer certificate',
    )
    if (type === 'cms') {
      const time = /^UTCTIME\s*:(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(
        byName.get('signingTime')?.text ?? '',
      )
      const [year, month, day, hour, minute, second] = (time ?? []).slice(1).map(Number) as number[]
      const claimed = Date.UTC(
        2000 + Number(year),
        Number(month) - 1,
        ...([day, hour, minute, second] as [number, number, number, number]),
      )
      t.ok(Math.abs(Date.now() - claimed) < 120_000, 'signing-time is now')
    }
  })
}
