import { execFileSync } from 'node:child_process'
import { createHash, randomBytes, sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as asn1js from 'asn1js'
import fc from 'fast-check'
import t from 'tap'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../src/asn1/der-writer.ts'
import { contextTag, TAG } from '../../src/asn1/tag.ts'
import { namesCertificate, readSignedAttributes } from '../../src/cms/signed-attributes-reader.ts'
import { readCertificateFields } from '../../src/x509/certificate-fields.ts'
import {
  attributesNaming,
  basicAttributes,
  encodeAttributes,
  namingAttribute,
  OID,
  octets,
  oid,
  sequence,
} from '../support/attributes-to-sign.ts'
import { issue } from '../support/certificates.ts'
import { attribute, signedAttributesOf } from '../support/container-parts.ts'
import { elementsOf } from '../support/resigned.ts'
import { signWithOpenssl } from '../support/software-container.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const { certificate, certificateFile, keyFile } = issue(directory, { subject: '/CN=Signer' })
const other = randomBytes(300)
const content = Buffer.from('a document')
const digestOf = (hash: string) => createHash(hash).update(certificate.raw).digest()
const NAMES = { sha1: 'sha160', sha224: 'sha224', sha256: 'sha256', sha384: 'sha384', sha512: 'sha512' }

function namesIn(bytes: Buffer) {
  return readSignedAttributes(bytes)?.certificates.map(({ hashAlgorithm, digest }) => ({
    hash: hashAlgorithm.name as string,
    digest,
  }))
}

t.test('attributes that openssl has signed name its certificate', async (t) => {
  const content = join(directory, 'content')
  writeFileSync(content, 'a document')
  for (const [hash, expected] of [
    ['sha1', 'sha1'],
    ['sha256', 'sha256'],
    ['sha512', 'sha512'],
  ] as const) {
    const cms = execFileSync('openssl', [
      ...['cms', '-sign', '-binary', '-cades', '-in', content, '-outform', 'DER', '-md', hash],
      ...['-signer', certificateFile, '-inkey', keyFile],
    ])
    const attributes = signedAttributesOf(cms)
    t.match(readSignedAttributes(attributes), {
      hasDataContentType: true,
      messageDigest: createHash(hash).update('a document').digest(),
    })
    t.same(namesIn(attributes), [{ hash: NAMES[expected], digest: digestOf(expected) }])
  }
})

t.test(
  'the first of several certificates is the one of the signer, whatever the hash algorithm',
  async (t) => {
    for (const [hash, name] of Object.entries(NAMES)) {
      const attributes = encodeAttributes(...basicAttributes(), namingAttribute(hash, certificate.raw, other))
      t.same(namesIn(attributes), [{ hash: name, digest: digestOf(hash) }])
    }
    const both = [namingAttribute('sha1', certificate.raw), namingAttribute('sha384', other)]
    t.equal(namesIn(encodeAttributes(...both))?.length, 2)
    const issuerSerial = sequence(sequence(), new asn1js.Integer({ value: 1 }))
    const identifier = sequence(octets(digestOf('sha256')), issuerSerial)
    const withPolicy = (...more: Parameters<typeof sequence>) => {
      const policies = sequence(sequence(oid('1.2.3'), ...more))
      return encodeAttributes(attribute(OID.signingCertificateV2, sequence(sequence(identifier), policies)))
    }
    for (const right of [withPolicy(), withPolicy(sequence(sequence(oid('1.2.4'), sequence())))]) {
      t.same(namesIn(right), [{ hash: 'sha256', digest: digestOf('sha256') }])
    }
    for (const wrong of [
      withPolicy(oid('1.2.4')),
      withPolicy(sequence(sequence())),
      withPolicy(sequence(), sequence()),
    ]) {
      t.throws(() => readSignedAttributes(wrong), /^it is no DER of this kind/)
    }
  },
)

t.test('attributes that name no certificate are read all the same', async (t) => {
  t.same(readSignedAttributes(encodeAttributes(...basicAttributes('sha384'))), {
    hasDataContentType: true,
    messageDigest: createHash('sha384').update('a document').digest(),
    certificates: [],
    others: [],
  })
  const nothing = { hasDataContentType: false, messageDigest: undefined, certificates: [], others: [] }
  t.same(readSignedAttributes(encodeAttributes()), nothing)
  const twice = [...basicAttributes(), ...basicAttributes('sha512')]
  t.equal(readSignedAttributes(encodeAttributes(...twice)), undefined, 'attributes that are there twice')
  const type = oid(OID.contentType)
  const values = new asn1js.Set({ value: [oid(OID.data), oid(OID.data)] })
  t.equal(readSignedAttributes(encodeAttributes(sequence(type, values))), undefined, 'two values')
  const none = sequence(type, new asn1js.Set({ value: [] }))
  t.equal(readSignedAttributes(encodeAttributes(none)), undefined, 'no value')
  const wrong = attribute(OID.messageDigest, oid(OID.data))
  t.same(readSignedAttributes(encodeAttributes(wrong)), nothing, 'a digest that is none')
  const timestamp = basicAttributes('sha256', OID.timestampInfo)
  t.match(readSignedAttributes(encodeAttributes(...timestamp)), {
    hasDataContentType: false,
    messageDigest: createHash('sha256').update('a document').digest(),
  })
})

t.test('what is no SET OF Attribute is opaque', async (t) => {
  const attributes = encodeAttributes(...basicAttributes())
  const implicit = Buffer.from(attributes)
  implicit[0] = 0xa0
  for (const bytes of [
    ...[Buffer.alloc(0), Buffer.from('1. a sentence that begins with the tag of a SET'), certificate.raw],
    ...[Buffer.of(0x31, 0x03, 0x02, 0x01, 0x00), Buffer.concat([attributes, Buffer.of(0)]), implicit],
    ...[attributes.subarray(0, -1), attributesNaming(certificate.raw).subarray(2)],
  ]) {
    t.equal(readSignedAttributes(bytes), undefined, bytes.toString('latin1').slice(0, 20))
  }
})

t.test('attributes that no verifier can read are refused, though their certificate is found', async (t) => {
  const addAttribute = (type: string, value: string) => withAttributes([type, value])
  t.equal(namesIn(addAttribute('06032a0304', '0500'))?.length, 1)
  for (const [name, type, value] of [
    ['a message-digest in other octets', '060a2a864886f70d01800904', `0420${'00'.repeat(32)}`],
    ['a type without arcs', '0600', '0500'],
    ['a type whose length has more octets than it needs', '0681032a0304', '0500'],
    ['a type without an end', '06022a80', '0500'],
    ['a value without an end', '06032a0304', '0402'],
  ] as const) {
    const read = () => readSignedAttributes(addAttribute(type, value))
    t.throws(read, /^they are not the DER encoding of a SET OF Attribute/, name)
  }
})

/** A container of openssl with other attributes, signed anew. */
async function containerOf(attributes: Buffer): Promise<Buffer> {
  const signer = { certificateFile, keyFile }
  const cms = await signWithOpenssl({
    ...{ content, signers: [signer], chain: [], hash: 'sha256', cades: true },
  })
  const [type, wrapped] = elementsOf(cms) as [Buffer, Buffer]
  const signedData = elementsOf(new DerReader(wrapped).content(contextTag(0)))
  const signerInfo = elementsOf(new DerReader(signedData.at(-1) as Buffer).content(TAG.set))
  const place = signerInfo.findIndex(([tag]) => tag === contextTag(0))
  signerInfo[place] = encode(contextTag(0), new DerReader(attributes).content(TAG.set))
  signerInfo[place + 2] = encode(TAG.octetString, sign('sha256', attributes, readFileSync(keyFile)))
  signedData[signedData.length - 1] = encode(TAG.set, encode(TAG.sequence, ...signerInfo))
  return encode(TAG.sequence, type, encode(contextTag(0), encode(TAG.sequence, ...signedData)))
}

/** Returns attributes that name the certificate, with further ones in hex, each a type and its values. */
function withAttributes(...more: readonly (readonly [string, string])[]): Buffer {
  const elements = new DerReader(attributesNaming(certificate.raw)).enter(TAG.set).elements()
  const others = more.map(([type, values]) =>
    encode(TAG.sequence, Buffer.from(type, 'hex'), encode(TAG.set, Buffer.from(values, 'hex'))),
  )
  return encode(TAG.set, ...[...elements, ...others].sort(Buffer.compare))
}

const ANY = '06032a0304'
const MESSAGE_DIGEST = '06092a864886f70d010904'
const SIGNING_TIME = '06092a864886f70d010905'
const RECEIPT_REQUEST = '060b2a864886f70d0109100201'
const COUNTERSIGNATURE = '06092a864886f70d010906'
/** adbe-revocationInfoArchival (ISO 32000-2 12.8.3.3.2). */
const REVOCATION_ARCHIVAL = '06092a864886f72f010108'
const TIME = '170d3236303130313030303030305a'

t.test(
  'attributes that openssl refuses are refused, and those with its like that it reads are not',
  async (t) => {
    const notDer = /^they are not the DER encoding/
    const notAllowed =
      /^a countersignature is among them, or content-type, message-digest or signing-time not once/
    for (const [what, refusal, ...more] of [
      ['an integer', undefined, [ANY, '02020080']],
      ['a negative integer', undefined, [ANY, '0202ff7f']],
      ['a padded integer', notDer, [ANY, '02020001']],
      ['a padded negative integer', notDer, [ANY, '0202ff80']],
      ['an integer without octets', notDer, [ANY, '0200']],
      ['an enumerated', undefined, [ANY, '0a0101']],
      ['a padded enumerated', notDer, [ANY, '0a020001']],
      ['a boolean', undefined, [ANY, '0101ff']],
      ['a boolean of two octets', notDer, [ANY, '01020000']],
      ['a null', undefined, [ANY, '0500']],
      ['a null with octets', notDer, [ANY, '050100']],
      ['an identifier', undefined, [ANY, ANY]],
      ['a padded identifier', notDer, [ANY, '0602802a']],
      ['an identifier without an end', notDer, [ANY, '060180']],
      ['bits', undefined, [ANY, '03020780']],
      ['no bits', undefined, [ANY, '030100']],
      ['bits without a count of unused ones', notDer, [ANY, '0300']],
      ['bits with nine unused ones', notDer, [ANY, '03020900']],
      ['unused bits that are set', notDer, [ANY, '030207ff']],
      ['no bits with an unused one', notDer, [ANY, '030101']],
      ['octets in pieces', notDer, [ANY, '24030401aa']],
      ['a primitive sequence', notDer, [ANY, '1000']],
      ['an end of contents', notDer, [ANY, '0000']],
      ['half a character of two octets', notDer, [ANY, '1e0161']],
      ['half a character of four octets', notDer, [ANY, '1c020061']],
      ['text', undefined, [ANY, '0c0161']],
      ['a tag of a context', undefined, [ANY, '80020001']],
      ['revocation data as their issuer has encoded them', undefined, [REVOCATION_ARCHIVAL, '3003010101']],
      ['a signing-time', undefined, [SIGNING_TIME, TIME]],
      [
        'two signing-times',
        notAllowed,
        [SIGNING_TIME, TIME],
        [SIGNING_TIME, '170d3236303130313030303030315a'],
      ],
      ['a signing-time of no value', notAllowed, [SIGNING_TIME, '']],
      ['a receiptRequest of no value', notAllowed, [RECEIPT_REQUEST, '']],
      ['two message-digests', notAllowed, [MESSAGE_DIGEST, '0401aa']],
      ['a countersignature', notAllowed, [COUNTERSIGNATURE, '3000']],
      ['another attribute twice', undefined, [ANY, '0500'], [ANY, '0500']],
      ['two values in order', undefined, [ANY, '020101020109']],
      ['two values out of order', notDer, [ANY, '020109020101']],
    ] as const) {
      const attributes = withAttributes(...more)
      const cms = await containerOf(attributes)
      const { valid, message } = await verifyCms({ cms, content })
      t.equal(valid, refusal === undefined, `${what}: ${message}`)
      if (refusal === undefined) {
        t.equal(namesIn(attributes)?.length, 1, what)
      } else {
        t.throws(() => readSignedAttributes(attributes), refusal, what)
      }
    }
  },
)

t.test('more attributes, values and named certificates than take a moment to read are refused', async (t) => {
  const more = (count: number) => Array.from({ length: count }, () => [ANY, ''] as const)
  t.equal(namesIn(withAttributes(...more(61)))?.length, 1)
  t.throws(
    () => readSignedAttributes(withAttributes(...more(62))),
    /^they are not .* of 64 with 128 values at most$/,
  )
  // Three attributes have a value already
  t.equal(namesIn(withAttributes([ANY, '0500'.repeat(125)]))?.length, 1)
  t.throws(() => readSignedAttributes(withAttributes([ANY, '0500'.repeat(126)])), /^they are not/)
  const naming = (count: number) =>
    encodeAttributes(...basicAttributes(), namingAttribute('sha256', ...Array(count).fill(certificate.raw)))
  t.equal(namesIn(naming(20))?.length, 1)
  t.throws(() => readSignedAttributes(naming(21)), {
    message: 'an attribute that names the certificate has too many values',
  })
})

t.test('a signing-time that is none, which OpenSSL takes, is refused', async (t) => {
  for (const [value, isTime] of [
    ['180f32303236303130313030303030305a', true],
    ['170568656c6c6f', false],
    ['170d3236313330313030303030305a', false],
    ['181132303236303130313030303030302e355a', false],
    ['3000', false],
  ] as const) {
    const attributes = withAttributes([SIGNING_TIME, value])
    if (isTime) {
      t.equal(namesIn(attributes)?.length, 1)
    } else {
      t.throws(() => readSignedAttributes(attributes), /^they are not the DER encoding/, value)
    }
  }
})

/** Returns attributes whose signing-certificate-v2 has a value of these elements. */
function attributesWithNaming(...elements: readonly Buffer[]): Buffer {
  const naming: readonly Buffer[] = [signingCertificateV2, encode(TAG.set, encode(TAG.sequence, ...elements))]
  const others = new DerReader(encodeAttributes(...basicAttributes())).enter(TAG.set).elements()
  return encode(TAG.set, ...[...others, encode(TAG.sequence, ...naming)].toSorted(Buffer.compare))
}

const signingCertificateV2 = encodeObjectIdentifier(OID.signingCertificateV2)

t.test(
  'names of the certificate that `openssl cms -cades` cannot read, or takes for others, are refused',
  async (t) => {
    const none: Buffer = Buffer.of()
    const more = encode(TAG.null)
    const sha512 = encodeObjectIdentifier('2.16.840.1.101.3.4.2.3')
    const digest = (hash = 'sha256') => encode(TAG.octetString, digestOf(hash))
    const id = (...fields: readonly Buffer[]) => encode(TAG.sequence, ...fields)
    const ids = (...all: readonly Buffer[]) => encode(TAG.sequence, ...all)
    const { issuer, serialNumber } = readCertificateFields(certificate)
    const issued = (names: readonly Buffer[], end = none) =>
      id(digest(), id(id(...names), encode(TAG.integer, serialNumber), end))
    const [name, host] = [encode(contextTag(4), issuer), encode(contextTag(2, 'primitive'), Buffer.from('a'))]
    const policy = encodeObjectIdentifier('1.2.3')
    for (const [what, ...value] of [
      ['the certificate', ids(id(digest()))],
      ['its hash', ids(id(id(sha512), digest('sha512')))],
      ['its hash with NULL', ids(id(id(sha512, encode(TAG.null)), digest('sha512')))],
      ['its hash with more', ids(id(id(sha512, encode(TAG.null), more), digest('sha512')))],
      ['issuer and number', ids(issued([name]))],
      ['issuer and number, and more', ids(issued([name], more))],
      ['two names of the issuer', ids(issued([name, host]))],
      ['two names of the issuer, the right one last', ids(issued([host, name]))],
      ['no name of the issuer', ids(issued([]))],
      ['the certificate and another thing', ids(id(digest()), more)],
      ['the certificate and one without a digest', ids(id(digest()), id())],
      ['a policy', ids(id(digest())), id(id(policy))],
      ['another thing as policy', ids(id(digest())), id(more)],
      ['a policy without identifier', ids(id(digest())), id(id())],
    ] as const) {
      const attributes = attributesWithNaming(...value)
      const isNamed = () => {
        try {
          const named = readSignedAttributes(attributes)?.certificates ?? []
          return named.length === 1 && named.every((one) => namesCertificate(one, certificate.raw))
        } catch {
          return false
        }
      }
      const { valid, message } = await verifyCms({
        ...{ cms: await containerOf(attributes), content, trustAnchors: certificateFile, cades: true },
      })
      t.equal(isNamed(), valid, `${what}: ${message}`)
    }
  },
)

t.test('attributes that name a certificate and cannot be read are told as such', async (t) => {
  const valid = attributesNaming(certificate.raw)
  const implicit = Buffer.from(valid)
  implicit[0] = 0xa0
  for (const bytes of [implicit, Buffer.concat([valid, Buffer.of(0)]), valid.subarray(0, -1)]) {
    t.throws(() => readSignedAttributes(bytes), /^they are not the DER encoding of a SET OF Attribute/)
  }
  const digest = octets(digestOf('sha256'))
  const identifier = sequence(digest)
  for (const value of [
    ...[sequence(), sequence(sequence()), sequence(sequence(sequence())), digest],
    ...[sequence(identifier), sequence(sequence(sequence(digest, digest)))],
    ...[sequence(sequence(identifier), digest), sequence(sequence(sequence(sequence(), digest)))],
    sequence(sequence(sequence(sequence(oid('1.2.840.113549.2.5')), digest))),
  ]) {
    for (const type of [OID.signingCertificate, OID.signingCertificateV2]) {
      t.throws(() => readSignedAttributes(encodeAttributes(...basicAttributes(), attribute(type, value))))
    }
  }
  const unknown = sequence(sequence(sequence(sequence(oid('1.2.840.113549.2.5')), digest)))
  t.throws(() => readSignedAttributes(encodeAttributes(attribute(OID.signingCertificateV2, unknown))), {
    message: 'the hash algorithm of the certificate is not supported',
  })
  const named = namingAttribute('sha256', certificate.raw)
  const [type, values] = named.valueBlock.value as [asn1js.ObjectIdentifier, asn1js.Set]
  const value = values.valueBlock.value[0] as asn1js.Sequence
  for (const twice of [
    [named, named],
    [sequence(type, new asn1js.Set({ value: [value, value] }))],
    [sequence(type, new asn1js.Set({ value: [] }))],
  ]) {
    t.throws(() => readSignedAttributes(encodeAttributes(...twice)), /does not occur once, with one value$/)
  }
})

t.test('whatever becomes of the bytes, they are read as they were, opaque, or refused', async () => {
  const valid = attributesNaming(certificate.raw, 'sha512')
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(valid)
      bytes[at] = (bytes[at] as number) ^ change
      try {
        readSignedAttributes(bytes)
      } catch (error) {
        return error instanceof Error && !(error instanceof RangeError) && !(error instanceof TypeError)
      }
      return true
    }),
  )
})
