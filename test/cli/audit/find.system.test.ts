import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { decision, LogBuilder, signatureOf, started } from '../../support/audit-log.ts'
import { type Issued, issue, openssl, RSA_2048 } from '../../support/certificates.ts'
import { runCommand } from '../../support/command.ts'
import { embed, signedBytes } from '../../support/document-engine/embed.ts'
import { reserve } from '../../support/document-engine/reserve.ts'
import { samplePdf } from '../../support/document-engine/sample-pdf.ts'
import { type SignedPdf, signPdf } from '../../support/document-engine/sign-pdf.ts'
import { startReadyService } from '../../support/service.ts'
import { createIssuers, createResponder, FOR_TIMESTAMPS } from '../../support/timestamp-authority.ts'
import { createToken, generateKey, issueCertificates, signingEnvironment } from '../../support/token.ts'
import { readPdfSignatures } from '../../support/validators/pdf-signatures.ts'
import { runTool } from '../../support/validators/run-tool.ts'

const directory = t.testdir()
const token = await createToken(join(directory, 'token'))
const publicKey = await generateKey(token, { id: '02', bits: 2048, label: 'rsa' })
const certificates = await issueCertificates(join(directory, 'ca'), publicKey, 'leaf.pem')
const service = await startReadyService(t, signingEnvironment(token, certificates))
const url = `${service.url}/sign`
const original = await samplePdf()
// The second signature is an incremental update of the first
const raw = await signPdf({ pdf: original, url, container: 'raw', timeoutMs: 30_000 })
const both = await signPdf({ pdf: raw.pdf, url, container: 'pkcs7', hash: 'sha512', timeoutMs: 30_000 })

const sha = (octets: Uint8Array, hash = 'sha256') => createHash(hash).update(octets).digest('hex')

/** The record that the service makes of a signature, from what it was sent and what it answered. */
function recordOf({ calls, container }: SignedPdf, requestId: string) {
  const { request } = calls.at(-1) as SignedPdf['calls'][number]
  const signed = request.data_to_be_signed
  return signed === undefined
    ? decision({
        requestId,
        digest: `${request.digest}`,
        hashAlgorithm: 'sha512',
        signatureSha256: sha(signatureOf(container)),
      })
    : decision({
        ...{ requestId, container: 'raw', digest: sha(Buffer.from(signed, 'base64')) },
        signatureSha256: sha(signatureOf(container)),
      })
}
const ofRaw = recordOf(raw, 'request-raw')
const ofPkcs7 = recordOf(both, 'request-pkcs7')
const pdfFile = join(directory, 'signed.pdf')
writeFileSync(pdfFile, both.pdf)
let logs = 0

/** Looks for the signatures of a PDF in a log of these decisions. */
async function find(
  pdf: Uint8Array | string,
  decisions: readonly ReturnType<typeof decision>[],
  ...args: string[]
) {
  logs += 1
  const log = join(directory, `audit-${logs}.jsonl`)
  writeFileSync(log, new LogBuilder().add(started, decision(), ...decisions).lines.join(''))
  const file = typeof pdf === 'string' ? pdf : join(directory, `${logs}.pdf`)
  if (typeof pdf !== 'string') {
    writeFileSync(file, pdf)
  }
  return { log, ...(await runCommand({}, 'audit', 'find', '--pdf', file, log, ...args)) }
}
const without = <T extends object>(object: T, member: keyof T) => ({ ...object, [member]: undefined })

t.test('each signature of a PDF has its record', async (t) => {
  const { exitCode, stdout, log } = await find(pdfFile, [ofPkcs7, ofRaw])
  t.equal(exitCode, 0, stdout)
  const [first = '', second = ''] = stdout.split(/(?=Signature 2)/)
  t.match(first, /^Signature 1 of 2, ByteRange 0 \d+ \d+ \d+, SHA-256 [0-9a-f]{64}:\n {2}it was signed at /)
  t.match(
    first,
    `for contracts-app at 192.0.2.7, by the signer contracts: record 4, request request-raw (${log}, line 4).\n`,
  )
  t.match(second, 'record 3, request request-pkcs7')
  const json = JSON.parse((await find(pdfFile, [ofPkcs7, ofRaw], '--json')).stdout)
  const read = readPdfSignatures(both.pdf)
  t.match(json, {
    recorded: true,
    unreadable: [],
    signatures: read.map(({ byteRange, signedBytes }, index) => ({
      ...{ recorded: true, intact: true, records: [{ by: 'signature', line: 4 - index }] },
      signature: { byteRange, contentsDigest: sha(signedBytes, index === 0 ? 'sha256' : 'sha512') },
    })),
  })
})

t.test('by the digest, where a record has no signature', async (t) => {
  const records = [without(ofPkcs7, 'signatureSha256'), without(ofRaw, 'signatureSha256')]
  const { exitCode, stdout } = await find(pdfFile, records, '--json')
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), {
    signatures: [{ records: [{ by: 'digest' }] }, { records: [{ by: 'digest' }] }],
  })
  const refused = records.map((record) => ({ ...record, outcome: 'refused' as const }))
  t.equal((await find(pdfFile, refused)).exitCode, 1, 'a refusal is no record of a signature')
})

t.test('a signature without a record', async (t) => {
  const { exitCode, stdout } = await find(pdfFile, [ofRaw])
  t.equal(exitCode, 1)
  t.match(stdout, /Signature 2 of 2, .*:\n {2}HAS NO RECORD\.\n$/)
  t.notMatch(stdout, /Signature 1 of 2, .*:\n {2}HAS NO RECORD/)
  const other = { ...ofPkcs7, signatureSha256: '1'.repeat(64) }
  const alone = await find(pdfFile, [ofRaw, other])
  t.equal(alone.exitCode, 1)
  t.match(alone.stdout, /HAS NO RECORD\.\n {2}another signature over the same contents was signed at /)
  const again = await find(pdfFile, [ofRaw, ...Array(12).fill(other), ofPkcs7])
  t.equal(again.exitCode, 0, 'one of many is')
  t.match(again.stdout, /Signature 2 of 2, .*:\n {2}it was signed /)
  t.match(again.stdout, /\n {2}and 2 more records\.\n$/)
})

t.test('a document that was changed', async (t) => {
  const changed = Buffer.from(both.pdf)
  changed[20] = changed.readUInt8(20) ^ 1
  const { exitCode, stdout } = await find(changed, [ofRaw, ofPkcs7])
  t.equal(exitCode, 1)
  t.equal(stdout.match(/THE DOCUMENT WAS CHANGED/g)?.length, 2)
  t.match(stdout, 'request request-raw', 'whose signature it was is said all the same')
  const { exitCode: other } = await find(pdfFile, [ofRaw, { ...ofPkcs7, digest: 'a'.repeat(128) }])
  t.equal(other, 1, 'the record is about other contents')
})

t.test('callers and signers without a name', async (t) => {
  const { stdout } = await find(pdfFile, [without(without(ofRaw, 'subject'), 'signer'), ofPkcs7])
  t.match(stdout, / for a caller without a name at 192\.0\.2\.7: record 3/)
})

/**
 * A PDF with a container that anybody could put there.
 *
 * @param make makes the container of the bytes that it covers
 */
async function withContainer(
  make: (covered: Buffer) => Promise<Uint8Array>,
  before: Buffer = original,
): Promise<Buffer> {
  const subFilter = 'adbe.pkcs7.detached'
  const { pdf, byteRange } = await reserve({
    pdf: before,
    subFilter,
    estimatedSize: 9000,
    signingTime: new Date(),
  })
  embed(pdf, byteRange, await make(signedBytes(pdf, byteRange)))
  return pdf
}

/** Makes a container over octets, as somebody with a key in a file does. */
function signWith({ certificateFile, keyFile }: Issued, octets: Uint8Array, ...options: string[]): Buffer {
  const [covered, container] = [join(directory, 'covered'), join(directory, 'cms')]
  writeFileSync(covered, octets)
  openssl(
    ...['cms', '-sign', '-binary', '-in', covered, ...options, '-outform', 'DER', '-out', container],
    ...['-signer', certificateFile, '-inkey', keyFile],
  )
  return readFileSync(container)
}

t.test('a signature whose container its client has written in BER', async (t) => {
  const [signature] = readPdfSignatures(raw.pdf)
  const signed = Buffer.from(raw.pdf)
  const der = Buffer.from((signature as { cms: Uint8Array }).cms)
  const at = signed.indexOf(der.toString('hex'), 0, 'latin1')
  t.ok(at > 0)
  // ContentInfo, content and SignedData, each of which has a length of three octets
  const hex = (text: string) => Buffer.from(text, 'hex')
  const ber = Buffer.concat([
    ...[hex('3080'), der.subarray(4, 15), hex('a0803080')],
    ...[der.subarray(23), hex('000000000000')],
  ])
  signed.write(ber.toString('hex'), at, 'latin1')
  const file = join(directory, 'ber.pdf')
  writeFileSync(file, signed)
  t.match((await runTool('pdfsig', ['-nocert', file])).stdout, /Signature is Valid/)
  const { exitCode, stdout } = await find(signed, [ofRaw])
  t.equal(exitCode, 0, stdout)
  t.match(stdout, 'request request-raw')
})

t.test('timestamps of documents have no record', async (t) => {
  const { root, issuing } = createIssuers(directory)
  const signer = issue(directory, { subject: '/CN=TSA', issuer: issuing, extensions: FOR_TIMESTAMPS })
  const settings = { digests: 'sha256, sha512, sha3-256' }
  const respond = createResponder(directory, { signer, chain: [issuing, root], settings })
  const path = (name: string) => join(directory, name)
  const timestamp = async (octets: Uint8Array, hash: string) => {
    writeFileSync(path('covered'), octets)
    openssl('ts', '-query', '-data', path('covered'), `-${hash}`, '-cert', '-out', path('query'))
    writeFileSync(path('reply'), await respond(readFileSync(path('query'))))
    openssl('ts', '-reply', '-in', path('reply'), '-token_out', '-out', path('timestamp'))
    return readFileSync(path('timestamp'))
  }
  for (const hash of ['sha256', 'sha512']) {
    const pdf = await withContainer((covered) => timestamp(covered, hash))
    const { exitCode, stdout } = await find(pdf, [])
    t.equal(exitCode, 0, stdout)
    t.match(stdout, /:\n {2}is a timestamp of the document by an authority, of which there is no record\.\n$/)
    const json = JSON.parse((await find(pdf, [], '--json')).stdout)
    t.match(json, { recorded: true, signatures: [{ intact: true, signature: { kind: 'timestamp' } }] })
  }

  const unknown = await find(await withContainer((covered) => timestamp(covered, 'sha3-256')), [])
  t.equal(unknown.exitCode, 1)
  t.match(
    unknown.stdout,
    'has a hash algorithm with which the service signs nothing: 2.16.840.1.101.3.4.2.8.',
  )

  const other = await find(await withContainer(() => timestamp(Buffer.from('another'), 'sha256')), [])
  t.equal(other.exitCode, 1)
  t.match(other.stdout, /THE DOCUMENT WAS CHANGED: .* those that were timestamped\.\n {2}is a timestamp /)

  const altered = await withContainer(async (covered) => {
    const token = await timestamp(covered, 'sha256')
    // The time in it, a GeneralizedTime of 15 octets
    const at = token.indexOf(Buffer.from([0x18, 15])) + 5
    token.writeUInt8(token.readUInt8(at) ^ 1, at)
    return token
  })
  const found = await find(altered, [])
  t.equal(found.exitCode, 1)
  t.match(found.stdout, /^What looks like a signature at offset \d+ has no container/)

  // A signature over the document that calls itself a timestamp needs a record like any other
  const signed = await withContainer(async (covered) =>
    signWith(signer, covered, '-econtent_type', '1.2.840.113549.1.9.16.1.4'),
  )
  const { exitCode, stdout } = await find(signed, [])
  t.equal(exitCode, 1, stdout)
  t.match(stdout, /^What looks like a signature at offset \d+ has no container/)
})

t.test('signatures of others with hash algorithms that the service does not have', async (t) => {
  const other = issue(directory, { subject: '/CN=other', key: RSA_2048 })
  for (const [hash, oid] of [
    ['md5', '1.2.840.113549.2.5'],
    ['sha3-256', '2.16.840.1.101.3.4.2.8'],
  ] as const) {
    for (const options of [[], ['-noattr']]) {
      const make = async (covered: Buffer) => signWith(other, covered, '-md', hash, ...options)
      const signed = await withContainer(make, raw.pdf)
      const { exitCode, stdout } = await find(signed, [ofRaw])
      t.equal(exitCode, 1)
      t.match(stdout, 'request request-raw', 'ours is told all the same')
      t.match(stdout, `has a hash algorithm with which the service signs nothing: ${oid}.`)
    }
  }
})

t.test('what is no signature is told', async (t) => {
  const text = both.pdf.toString('latin1')
  const range = /\/ByteRange ?\[[^\]]*\]/
  const replaced = (by: string) =>
    Buffer.from(
      text.replace(range, (found) => by.padEnd(found.length)),
      'latin1',
    )
  for (const [name, pdf, wrong] of [
    ['no array', replaced('/ByteRange 5 0 R'), /has a ByteRange that is not four numbers/],
    ['three numbers', replaced('/ByteRange [0 1 2]'), /has a ByteRange that is not four numbers/],
    [
      'behind the end',
      replaced('/ByteRange [0 9 99 9999999]'),
      /has a ByteRange that does not fit a file of/,
    ],
    ['a late start', replaced('/ByteRange [1 9 99 9]'), /does not fit a file/],
    ['nothing left out', replaced('/ByteRange [0 9 10 9]'), /does not fit a file/],
    [
      'no hex string',
      replaced('/ByteRange [0 9 99 9]'),
      /has no container \(RFC 5652\) in what its ByteRange leaves out/,
    ],
    ['the name written otherwise', replaced('/Byte#52#61nge[0 9 99 9]'), /has no container/],
    ['no container', await withContainer(async () => Buffer.from('text')), /has no container/],
    [
      'a large container',
      Buffer.concat([replaced('/ByteRange [0 9 17000000 9]'), Buffer.alloc(17_000_100)]),
      /leaves out 16999991 bytes, more than any container has/,
    ],
  ] as const) {
    const { exitCode, stdout } = await find(pdf, [ofRaw, ofPkcs7])
    t.equal(exitCode, 1, name)
    t.match(stdout, wrong, name)
  }
})

t.test('what cannot be looked at', async (t) => {
  const none = await find(original, [])
  t.equal(none.exitCode, 1)
  t.equal(none.stdout, 'There is no signature in the PDF.\n')
  t.match((await find(Buffer.from('text'), [])).stderr, /is no PDF: it does not begin with %PDF-/)
  t.match((await find('/dev/zero', [])).stderr, /is no PDF: /, 'it is not read to its end')
  const many = Array.from({ length: 101 }, (_, index) => `/ByteRange [0 ${index} 1 1]\n`).join('')
  t.match((await find(Buffer.from(`%PDF-1.7\n${many}`), [])).stderr, /has more than 100 signatures/)
  const same = '/ByteRange [0 1 1 1]\n'.repeat(200)
  t.match((await find(Buffer.from(`%PDF-1.7\n${same}`), [])).stdout, /does not fit a file/)
  t.match((await find(join(directory, 'none.pdf'), [])).stderr, /none\.pdf cannot be read: ENOENT/)
  t.match((await find(directory, [])).stderr, /cannot be read: EISDIR/)
  t.equal((await runCommand({}, 'audit', 'find', 'audit.jsonl')).exitCode, 2)
})

t.test('large files are read piece by piece', async (t) => {
  // A range is found on both sides of the end of a piece
  for (const length of [0, 500, 1040, 1060, 1_048_570]) {
    const filled = Buffer.concat([
      Buffer.from('%PDF-1.7\n'),
      Buffer.alloc(2_097_152 - length, ' '),
      Buffer.from('/ByteRange [0 1 3 9]'),
      Buffer.alloc(2_000_000, ' '),
    ])
    const { stdout } = await find(filled, [])
    t.match(stdout, `What looks like a signature at offset ${2_097_161 - length} has no container`)
    t.equal(stdout.match(/offset/g)?.length, 1)
  }
})
