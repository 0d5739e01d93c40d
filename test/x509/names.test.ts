import { execFileSync } from 'node:child_process'
import t from 'tap'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import { isIssuedBy, isSelfSigned } from '../../src/x509/chain.ts'
import { listAttributes, sameName, sameNameInJava } from '../../src/x509/names.ts'
import { issue } from '../support/certificates.ts'
import {
  attribute,
  CERTIFICATE,
  COMMON_NAME,
  elementsOf,
  nameOf,
  ORGANIZATION,
  reissue,
} from '../support/resigned.ts'

const UNIQUE_IDENTIFIER = '2.5.4.45'
const { bitString, bmpString, ia5String, printableString, teletexString, universalString, utf8String } = TAG
const { numericString, visibleString } = TAG

const directory = t.testdir()
const extensions = ['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, keyCertSign, cRLSign']
const root = issue(directory, { subject: '/CN=Root', extensions })
const leaf = issue(directory, {
  subject: '/CN=Leaf',
  issuer: root,
  extensions: ['keyUsage = digitalSignature'],
})

function cn(tag: number, value: string | Buffer): Buffer {
  return nameOf(attribute(COMMON_NAME, tag, value))
}

/** Has OpenSSL and the service look for the issuer of a certificate, which names it in another way than its own. */
function judge(subject: Buffer, issuer: Buffer): { openssl: boolean; ours: boolean; chained: boolean } {
  const authority = reissue(root, root, { [CERTIFICATE.issuer]: subject, [CERTIFICATE.subject]: subject })
  const issued = reissue(leaf, root, { [CERTIFICATE.issuer]: issuer })
  return {
    openssl: verifies(authority.certificateFile, issued.certificateFile),
    ours: sameName(subject, issuer),
    chained: isIssuedBy(issued.certificate, authority.certificate),
  }
}

function verifies(authority: string, certificate: string): boolean {
  try {
    execFileSync('openssl', ['verify', '-CAfile', authority, certificate], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

const GRÜN = 'Grün & Söhne'

t.test('names that are the same to OpenSSL are the same here', async (t) => {
  const organization = attribute(ORGANIZATION, utf8String, 'Bank')
  const unit = attribute(COMMON_NAME, printableString, 'Root')
  for (const [what, subject, issuer] of [
    ['octet by octet', cn(utf8String, 'Root'), cn(utf8String, 'Root')],
    ['PrintableString', cn(utf8String, 'Root CA'), cn(printableString, 'Root CA')],
    ['IA5String', cn(utf8String, 'Root CA'), cn(ia5String, 'Root CA')],
    ['TeletexString, which is Latin-1', cn(utf8String, GRÜN), cn(teletexString, GRÜN)],
    ['BMPString', cn(utf8String, GRÜN), cn(bmpString, GRÜN)],
    ['UniversalString', cn(utf8String, GRÜN), cn(universalString, GRÜN)],
    ['wide and wider', cn(bmpString, GRÜN), cn(universalString, GRÜN)],
    ['case', cn(utf8String, 'ROOT ca'), cn(printableString, 'Root CA')],
    ['spaces', cn(utf8String, '  Root   CA '), cn(printableString, 'Root CA')],
    [
      'an RDN of two attributes, in any order',
      encode(TAG.sequence, encode(TAG.set, organization, unit)),
      encode(TAG.sequence, encode(TAG.set, unit, organization)),
    ],
    [
      'values that are no strings',
      nameOf(attribute(UNIQUE_IDENTIFIER, bitString, Buffer.from('00ff', 'hex')), unit),
      nameOf(
        attribute(UNIQUE_IDENTIFIER, bitString, Buffer.from('00ff', 'hex')),
        attribute(COMMON_NAME, utf8String, 'root'),
      ),
    ],
  ] as const) {
    t.strictSame(judge(subject, issuer), { openssl: true, ours: true, chained: true }, what)
  }
})

t.test('names that are the same to Java, too', async (t) => {
  const ORGANIZATION_IDENTIFIER = '2.5.4.97'
  const unit = attribute('2.5.4.11', ia5String, 'Unit')
  for (const [oid, one, other, expected] of [
    ...['2.5.4.3', '2.5.4.6', '2.5.4.7', '2.5.4.8', '2.5.4.9', '2.5.4.10', '2.5.4.11'].map(
      (oid) => [oid, utf8String, printableString, true] as const,
    ),
    ['0.9.2342.19200300.100.1.25', utf8String, printableString, true],
    ['0.9.2342.19200300.100.1.1', utf8String, printableString, true],
    ['2.5.4.5', utf8String, printableString, false],
    [ORGANIZATION_IDENTIFIER, utf8String, printableString, false],
    [ORGANIZATION_IDENTIFIER, utf8String, utf8String, false],
    [COMMON_NAME, utf8String, utf8String, true],
    [COMMON_NAME, ia5String, utf8String, false],
    [COMMON_NAME, teletexString, utf8String, false],
    [COMMON_NAME, bmpString, printableString, false],
    [COMMON_NAME, teletexString, teletexString, false],
  ] as const) {
    const [subject, issuer] = [
      nameOf(attribute(oid, one, 'ab c'), unit),
      nameOf(attribute(oid, other, 'AB  C'), unit),
    ]
    const what = `${oid} ${one} ${other}`
    t.ok(sameName(subject, issuer), what)
    t.equal(sameNameInJava(subject, issuer), expected, what)
    t.equal(sameNameInJava(issuer, subject), expected, what)
  }
  t.ok(sameNameInJava(nameOf(unit), nameOf(unit)), 'octet by octet')
  t.ok(sameNameInJava(Buffer.of(0x30), Buffer.of(0x30)), 'though it is none')
})

t.test('names that differ for OpenSSL differ here', async (t) => {
  const one = attribute(COMMON_NAME, utf8String, 'Root')
  const bank = attribute(ORGANIZATION, utf8String, 'Bank')
  for (const [what, subject, issuer] of [
    ['another text', cn(utf8String, 'Root'), cn(utf8String, 'Route')],
    ['another type', cn(utf8String, 'Root'), nameOf(attribute(ORGANIZATION, utf8String, 'Root'))],
    ['another order of RDNs', nameOf(bank, one), nameOf(one, bank)],
    ['an RDN more', nameOf(bank, one), nameOf(one)],
    [
      'one RDN of two attributes is not two RDNs',
      nameOf(bank, one),
      encode(TAG.sequence, encode(TAG.set, bank, one)),
    ],
    ['no name', nameOf(one), nameOf()],
    [
      'other bits',
      nameOf(attribute(UNIQUE_IDENTIFIER, bitString, Buffer.from('00ff', 'hex'))),
      nameOf(attribute(UNIQUE_IDENTIFIER, bitString, Buffer.from('00fe', 'hex'))),
    ],
  ] as const) {
    t.strictSame(judge(subject, issuer), { openssl: false, ours: false, chained: false }, what)
  }
})

t.test('names that RFC 5280 7.1 has match, and OpenSSL has not', async (t) => {
  for (const [what, subject, issuer] of [
    ['case beyond ASCII', cn(utf8String, 'GRÜN'), cn(utf8String, 'grün')],
    ['soft hyphens', cn(utf8String, 'Ro\u{ad}ot'), cn(utf8String, 'Root')],
    ['accents apart', cn(utf8String, 'Gru\u{308}n'), cn(bmpString, 'Grün')],
  ] as const) {
    t.strictSame(judge(subject, issuer), { openssl: false, ours: true, chained: true }, what)
  }
  // OpenSSL reads no certificate with such names
  t.ok(sameName(cn(numericString, '12'), cn(printableString, '12')))
  t.ok(sameName(cn(visibleString, 'root'), cn(printableString, 'Root')))
})

t.test('octets that are no string of their type match themselves alone', async (t) => {
  for (const [tag, octets] of [
    [utf8String, 'ff'],
    [bmpString, '004100'],
    [bmpString, 'd8000041'],
    [universalString, '000041'],
    [universalString, '00110000'],
    [universalString, '0000d800'],
  ] as const) {
    const name = cn(tag, Buffer.from(octets, 'hex'))
    t.ok(sameName(name, Buffer.from(name)))
    t.notOk(sameName(name, cn(utf8String, 'A')), octets)
  }
})

t.test('what is no name is not the same as another one', async (t) => {
  const name = cn(utf8String, 'Root')
  for (const other of [
    Buffer.alloc(0),
    Buffer.from('0500', 'hex'),
    name.subarray(0, -1),
    Buffer.concat([name, Buffer.of(0)]),
    encode(TAG.sequence, encode(TAG.set, encode(TAG.sequence, Buffer.from('0500', 'hex')))),
  ]) {
    t.notOk(sameName(name, other))
    t.notOk(sameName(other, cn(utf8String, 'root')))
  }
})

t.test(
  'a certificate without any name, and one whose issuer is named as its subject in another type',
  async (t) => {
    const nobody = reissue(root, root, { [CERTIFICATE.issuer]: nameOf(), [CERTIFICATE.subject]: nameOf() })
    t.ok(isSelfSigned(nobody.certificate))
    t.ok(verifies(nobody.certificateFile, nobody.certificateFile))
    const twice = reissue(root, root, { [CERTIFICATE.issuer]: cn(bmpString, 'Root') })
    t.ok(isSelfSigned(twice.certificate))
    t.ok(verifies(twice.certificateFile, twice.certificateFile))
    t.strictSame(elementsOf(readCertificateFields(nobody.certificate).subject), [])
  },
)

t.test('names of megabytes are compared by their octets alone, which takes no time', async (t) => {
  const long = (tag: number, length: number) => cn(tag, 'ab'.repeat(length / 2))
  t.ok(sameName(long(printableString, 2_900), long(utf8String, 2_900)))
  t.notOk(sameName(long(printableString, 3_000), long(utf8String, 3_000)))
  const huge = cn(utf8String, 'ŁΩ'.repeat(2_000_000))
  t.ok(sameName(huge, Buffer.from(huge)))
  const before = process.cpuUsage()
  t.notOk(sameName(huge, cn(utf8String, 'łω'.repeat(2_000_000))))
  const { user } = process.cpuUsage(before)
  t.ok(user < 1_000_000, `${user / 1000} ms`)
})

t.test('a name whose strings stand for very many characters is that of nobody else', async (t) => {
  const fives = (count: number, last: string) =>
    nameOf(
      ...Array.from({ length: count }, () => attribute(ORGANIZATION, utf8String, '\ufdfa'.repeat(33))),
      attribute(COMMON_NAME, utf8String, last),
    )
  t.equal(sameName(fives(4, 'É'), fives(4, 'é')), true, 'of 2,377 characters')
  t.equal(sameName(fives(5, 'É'), fives(5, 'é')), true, 'of 2,971')
  t.equal(sameName(fives(6, 'É'), fives(6, 'é')), false, 'of 3,565')
  t.equal(sameName(fives(6, 'é'), fives(6, 'é')), true, 'octet by octet')
})

t.test('the attributes of a name are listed, but for those without a value', async (t) => {
  const valueless = encode(TAG.set, encode(TAG.sequence, encodeObjectIdentifier(UNIQUE_IDENTIFIER)))
  const [named = Buffer.alloc(0)] = elementsOf(nameOf(attribute(COMMON_NAME, utf8String, 'a')))
  t.strictSame(listAttributes(encode(TAG.sequence, valueless, named)), [
    { type: '2.5.4.3', value: encode(utf8String, Buffer.from('a')) },
  ])
})
