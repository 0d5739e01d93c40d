import { sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { CONSTRUCTED, contextTag, TAG } from '../../src/asn1/tag.ts'
import { checkCrl } from '../../src/revocation/crl/crl-check.ts'
import { checkOcspResponse } from '../../src/revocation/ocsp/ocsp-check.ts'
import { createOcspRequest } from '../../src/revocation/ocsp/ocsp-request.ts'
import type { Flawed } from '../../src/revocation/revocation-answer.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { issue } from '../support/certificates.ts'
import { PROPERTY_RUNS } from '../support/property-runs.ts'
import { elementsOf, resignAnswer } from '../support/resigned.ts'
import { judgeCrl, judgeOcsp, RevocationAuthority } from '../support/revocation-authority.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=root', ca: true })
const leaf = issue(directory, { subject: '/CN=leaf', issuer: root })
const responder = issue(directory, {
  subject: '/CN=responder',
  issuer: root,
  extensions: ['extendedKeyUsage = OCSPSigning', 'noCheck = ignored'],
})
const authority = new RevocationAuthority(directory, root)
authority.know(leaf.certificate)
authority.revoke({ serialNumber: '0102' }, new Date(), 'superseded')

/** One octet in the place of some. */
const mutation = fc.record({
  at: fc.nat(),
  octet: fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x01, 0x30, 0x7f, 0x80, 0x81, 0xa0, 0xff)),
  removed: fc.constantFrom(0, 1, 1, 1, 1, 2, 40),
})

function mutate(der: Buffer, mutations: readonly { at: number; octet: number; removed: number }[]): Buffer {
  return mutations.reduce((bytes, { at, octet, removed }) => {
    const place = at % (bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, place), Buffer.from([octet]), bytes.subarray(place + removed)])
  }, der)
}

/** Each is refused with an error in words, or accepted by openssl too. Returns how many were accepted. */
async function accepted(
  der: Buffer,
  check: (mutated: Buffer) => Promise<unknown>,
  judge: (mutated: Buffer) => boolean,
): Promise<number> {
  let count = 0
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 })
  const property = fc.asyncProperty(mutations, async (list) => {
    const mutated = mutate(der, list)
    const outcome = await check(mutated).catch((error: unknown) => error)
    if (outcome instanceof Error) {
      return outcome.message !== '' && !/undefined|TypeError|RangeError|error:/.test(`${outcome}`)
    }
    count++
    return mutated.equals(der) || judge(mutated)
  })
  await fc.assert(property, { numRuns: PROPERTY_RUNS })
  return count
}

t.test('OCSP answers that were changed on their way', async (t) => {
  const certificate = readCertificateFields(leaf.certificate)
  const issuerFields = readCertificateFields(root.certificate)
  const { der: request, nonce } = createOcspRequest(certificate, issuerFields)
  const question = { certificate, issuer: root.certificate, issuerFields, nonce }
  const der = await authority.respond(request, { signer: responder })
  const count = await accepted(
    der,
    async (mutated) => {
      const { revocation } = await checkOcspResponse(mutated, question, new Date())
      t.equal(revocation, undefined)
    },
    (mutated) => judgeOcsp(directory, mutated, { certificate: leaf, issuer: root, root }) === 'good',
  )
  t.ok(count < PROPERTY_RUNS / 5, `${count} of them are as good`)
})

t.test('CRLs that were changed on their way', async (t) => {
  const options = { issuer: root.certificate, serialNumbers: new Set(['0102']) }
  const der = await authority.crl({ extensions: ['authorityKeyIdentifier = keyid'] })
  const count = await accepted(
    der,
    async (mutated) => {
      const { revocations } = await checkCrl(mutated, options, new Date())
      t.equal(revocations.size, 1)
    },
    (mutated) => judgeCrl(directory, mutated, root),
  )
  t.ok(count < PROPERTY_RUNS / 5, `${count} of them are as good`)
})

/** Yields what an element could be that is encoded in a wrong way: it, or one in it, has more, less or other octets. */
function* spoiled(der: Buffer): Generator<Buffer> {
  const tag = der.readUInt8()
  const content = new DerReader(der).content(tag)
  if ((tag & CONSTRUCTED) === 0) {
    yield encode(tag)
    // In a string that would be a character, which comparisons of names pass over (RFC 4518 2.2)
    if (tag !== TAG.utf8String) {
      yield encode(tag, Buffer.of(0), content)
    }
    if (tag === TAG.generalizedTime) {
      yield encode(TAG.utcTime, content.subarray(2))
    }
    return
  }
  const elements = new DerReader(content).elements()
  yield encode(tag, content, encode(TAG.null))
  for (const [place, element] of elements.entries()) {
    const before = elements.slice(0, place)
    const behind = elements.slice(place + 1)
    yield encode(tag, ...before, ...behind)
    yield encode(tag, ...before, element, element, ...behind)
    for (const other of spoiled(element)) {
      yield encode(tag, ...before, other, ...behind)
    }
  }
}

/** Signs what is spoiled, and has OpenSSL judge each that is accepted. */
async function allReadable(
  signed: Buffer,
  wrap: (signed: Buffer) => Buffer,
  check: (answer: Buffer) => Promise<Flawed & { readonly der: Buffer }>,
  judge: (answer: Buffer) => boolean,
): Promise<void> {
  const [toBeSigned] = elementsOf(signed) as [Buffer]
  for (const content of spoiled(toBeSigned)) {
    const [, algorithm] = elementsOf(signed) as [Buffer, Buffer]
    const signature = sign('sha256', content, readFileSync(root.keyFile))
    const bits = encode(TAG.bitString, Buffer.of(0), signature)
    const answer = wrap(encode(TAG.sequence, content, algorithm, bits))
    const checked = await check(answer).catch((error: unknown) => error)
    if (!(checked instanceof Error) && (checked as Flawed).flaw === undefined) {
      t.ok(judge((checked as { der: Buffer }).der), content.toString('hex'))
    }
  }
}

t.test('OCSP answers that an authority encodes in a wrong way', async () => {
  const certificate = readCertificateFields(leaf.certificate)
  const issuerFields = readCertificateFields(root.certificate)
  const { der: request, nonce } = createOcspRequest(certificate, issuerFields)
  const question = { certificate, issuer: root.certificate, issuerFields, nonce }
  const [status, wrapped] = elementsOf(await authority.respond(request)) as [Buffer, Buffer]
  const [type, octets] = elementsOf(new DerReader(wrapped).content(contextTag(0))) as [Buffer, Buffer]
  await allReadable(
    new DerReader(octets).content(TAG.octetString),
    (basic) => {
      const bytes = encode(TAG.sequence, type, encode(TAG.octetString, basic))
      return encode(TAG.sequence, status, encode(contextTag(0), bytes))
    },
    (answer) => checkOcspResponse(answer, question, new Date()),
    (answer) => judgeOcsp(directory, answer, { certificate: leaf, issuer: root, root }) === 'good',
  )
})

t.test('CRLs that an authority encodes in a wrong way', async () => {
  const options = { issuer: root.certificate, serialNumbers: new Set(['7f']) }
  await allReadable(
    await authority.crl({ extensions: ['authorityKeyIdentifier = keyid'] }),
    (crl) => crl,
    (crl) => checkCrl(crl, options, new Date()),
    (crl) => judgeCrl(directory, crl, root),
  )
})

t.test(
  'what more there is in an OCSP answer shows nobody to be good, and takes back no revocation',
  async (t) => {
    const certificate = {
      ...readCertificateFields(leaf.certificate),
      serialNumber: Buffer.from('0102', 'hex'),
    }
    const issuerFields = readCertificateFields(root.certificate)
    const { der: request, nonce } = createOcspRequest(certificate, issuerFields)
    const question = { certificate, issuer: root.certificate, issuerFields, nonce }
    const answer = resignAnswer(await authority.respond(request), root.keyFile, (fields) => {
      const last = fields.length - 1
      return { [last]: Buffer.concat([fields[last] as Buffer, encode(TAG.null)]) }
    })
    const { revocation, flaw } = await checkOcspResponse(answer, question, new Date())
    t.match(revocation, { reason: 'superseded' })
    t.equal(flaw, 'it holds more than RFC 6960 4.2.1 has')
  },
)
