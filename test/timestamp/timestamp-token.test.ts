import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import t from 'tap'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { ID_SIGNING_CERTIFICATE, ID_SIGNING_CERTIFICATE_V2 } from '../../src/cms/object-identifiers.ts'
import { createNonce, encodeTimestampRequest } from '../../src/timestamp/timestamp-request.ts'
import { findTokenProblem, namesIssuer, readTimestampToken } from '../../src/timestamp/timestamp-token.ts'
import { readTimestampResponse } from '../../src/timestamp/verify-response.ts'
import { issue } from '../support/certificates.ts'
import { withUnsigned } from '../support/container-parts.ts'
import { createIssuers, createResponder, FOR_TIMESTAMPS } from '../support/timestamp-authority.ts'

const directory = t.testdir()
const { issuing } = createIssuers(directory)
const subject = '/CN=Timestamp authority'
const signer = issue(directory, { subject, issuer: issuing, extensions: FOR_TIMESTAMPS })
const hashAlgorithm = findHashAlgorithm('sha256') as HashAlgorithm
const query = encodeTimestampRequest({ hashAlgorithm, digest: Buffer.alloc(32), nonce: createNonce() })
const token = readTimestampResponse(await createResponder(directory, { signer, chain: [issuing] })(query))

const NOT_SIGNED =
  'its signature does not count: it is not that of the signer certificate over these signed attributes'

/** What is said of the token once its attributes are changed; if nothing is wrong with them, their signature is. */
function describeWith(change: (attributes: pkijs.Attribute[]) => void): string | undefined {
  const read = readTimestampToken(token)
  const set = asn1js.fromBER(read.signedAttributes).result as asn1js.Set
  const attributes = set.valueBlock.value.map((schema) => new pkijs.Attribute({ schema }))
  change(attributes)
  const value = attributes.map((attribute) => Buffer.from(attribute.toSchema().toBER()))
  return findTokenProblem({ ...read, signedAttributes: encode(TAG.set, ...value.toSorted(Buffer.compare)) })
}

function find(attributes: pkijs.Attribute[], type: string): pkijs.Attribute {
  return attributes.find((one) => one.type === type) as pkijs.Attribute
}

t.test('what is signed is right as it came', async (t) => {
  t.equal(
    describeWith(() => {}),
    undefined,
  )
})

t.test('of each attribute there has to be one, with one value', async (t) => {
  for (const [type, problem] of [
    ['1.2.840.113549.1.9.3', 'its signed content-type is not that of a timestamp'],
    ['1.2.840.113549.1.9.4', 'its signed message-digest is not that of the timestamp'],
    [ID_SIGNING_CERTIFICATE_V2, 'its signed signing-certificate is not the certificate of the signer'],
  ] as const) {
    t.equal(
      describeWith((all) => all.push(find(all, type))),
      problem,
    )
    t.equal(
      describeWith((all) => find(all, type).values.push(...find(all, type).values)),
      problem,
    )
    t.equal(
      describeWith((all) => all.splice(all.indexOf(find(all, type)), 1)),
      problem,
    )
    t.equal(
      describeWith((all) => find(all, type).values.splice(0, 1, new asn1js.Null())),
      problem,
    )
  }
})

t.test('signing certificates', async (t) => {
  const wrong = 'its signed signing-certificate is not the certificate of the signer'
  const { raw } = signer.certificate
  const { issuer, serialNumber } = pkijs.Certificate.fromBER(raw)
  const sequence = (...value: asn1js.AsnType[]) => new asn1js.Sequence({ value })
  const hashed = (hash: string) => new asn1js.OctetString({ valueHex: createHash(hash).update(raw).digest() })
  const algorithm = (value: string) => sequence(new asn1js.ObjectIdentifier({ value }))
  const nameOf = (name: pkijs.RelativeDistinguishedNames) =>
    sequence(new pkijs.GeneralName({ type: 4, value: name }).toSchema() as asn1js.Constructed)
  const other = pkijs.Certificate.fromBER(raw).subject
  const dns = sequence(new pkijs.GeneralName({ type: 2, value: 'a' }).toSchema() as asn1js.Constructed)
  const describe = (type: string, ...identifiers: asn1js.AsnType[]) =>
    describeWith((all) => {
      const values = [sequence(sequence(...identifiers))]
      all.splice(all.indexOf(find(all, ID_SIGNING_CERTIFICATE_V2)), 1, new pkijs.Attribute({ type, values }))
    })

  t.equal(describe(ID_SIGNING_CERTIFICATE, sequence(hashed('sha1'))), NOT_SIGNED)
  t.equal(describe(ID_SIGNING_CERTIFICATE, sequence(hashed('sha256'))), wrong)
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2, sequence(hashed('sha1'))), wrong)
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2), wrong)
  const sha512 = algorithm('2.16.840.1.101.3.4.2.3')
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2, sequence(sha512, hashed('sha512'))), NOT_SIGNED)
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2, sequence(sha512, hashed('sha256'))), wrong)
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2, sequence(algorithm('1.2.3'), hashed('sha256'))), wrong)
  t.equal(describe(ID_SIGNING_CERTIFICATE_V2, sequence(sequence(), hashed('sha256'))), wrong)
  const identifier = (...issuerSerial: asn1js.AsnType[]) =>
    describe(ID_SIGNING_CERTIFICATE_V2, sequence(hashed('sha256'), sequence(...issuerSerial)))
  t.equal(identifier(nameOf(issuer), serialNumber), NOT_SIGNED)
  const printable = Buffer.from(issuer.toSchema().toBER())
  const text = printable.indexOf(Buffer.from('Timestamp CA'))
  printable.writeUInt8(TAG.printableString, text - 2)
  const otherType = new pkijs.RelativeDistinguishedNames({ schema: asn1js.fromBER(printable).result })
  t.equal(identifier(nameOf(otherType), serialNumber), NOT_SIGNED, 'in another type of string')
  t.equal(identifier(nameOf(other), serialNumber), wrong)
  t.equal(identifier(dns, serialNumber), wrong)
  t.equal(identifier(nameOf(issuer), new asn1js.Integer({ value: 1 })), wrong)
  t.equal(identifier(nameOf(issuer)), wrong)
  t.equal(identifier(), wrong)
  t.equal(
    describe(ID_SIGNING_CERTIFICATE_V2, sequence(hashed('sha256')), sequence(hashed('sha1'))),
    NOT_SIGNED,
    'others than the first are of the chain',
  )
})

/** Returns DER with an element behind the last one inside the element at a path of positions. */
function insert(der: Buffer, path: readonly number[], element: Buffer): Buffer {
  const { result } = asn1js.fromBER(der)
  const addTo = (node: asn1js.Constructed, rest: readonly number[]): void => {
    const [next, ...further] = rest
    if (next === undefined) {
      node.valueBlock.value.push(asn1js.fromBER(element).result)
    } else {
      addTo(node.valueBlock.value[next] as asn1js.Constructed, further)
    }
  }
  addTo(result as asn1js.Constructed, path)
  return Buffer.from(result.toBER())
}

t.test('an element that does not belong there makes a token malformed, wherever it stands', async (t) => {
  const nothing = Buffer.of(TAG.null, 0)
  readTimestampToken(insert(token, [1, 0, 3], Buffer.of(0xa1, 0)))
  for (const [where, path] of Object.entries({
    'behind content in ContentInfo': [],
    'behind SignedData': [1],
    'behind eContent': [1, 0, 2],
    'behind the OCTET STRING in eContent': [1, 0, 2, 1],
    'among the certificates': [1, 0, 3],
    'behind the SignerInfos': [1, 0],
  })) {
    t.throws(() => readTimestampToken(insert(token, path, nothing)), where)
  }
})

t.test('unsigned attributes have to be attributes, since others are added to them', async (t) => {
  const type = new asn1js.ObjectIdentifier({ value: '1.2.3' })
  const attribute = new asn1js.Sequence({ value: [type, new asn1js.Set({ value: [new asn1js.Null()] })] })
  t.same(readTimestampToken(withUnsigned(token, attribute)).signature, readTimestampToken(token).signature)
  t.throws(() => readTimestampToken(withUnsigned(token, new asn1js.Sequence({ value: [type] }))))
  t.throws(() => readTimestampToken(withUnsigned(token, new asn1js.Null())))
})

t.test('signed attributes that cannot be read name no issuer', async (t) => {
  const read = readTimestampToken(token)
  t.notOk(namesIssuer({ ...read, signedAttributes: Buffer.from('3000', 'hex') }, issuing.certificate))
})
