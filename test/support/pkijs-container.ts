/** Containers as pkijs and asn1js encode them. */

import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import type {
  AttributesRequest,
  ContainerSigner,
  RevocationValues,
  SignedDataRequest,
} from '../../src/cms/container-template.ts'
import type { SignerStatements } from '../../src/cms/signed-attributes.ts'

type Value = asn1js.AsnType

function toBuffer(value: Value): Buffer {
  return Buffer.from(value.toBER())
}

function fromDer(der: Uint8Array): Value {
  return asn1js.fromBER(der).result
}

function oid(value: string): Value {
  return new asn1js.ObjectIdentifier({ value })
}

function sequence(...value: Value[]): Value {
  return new asn1js.Sequence({ value })
}

function octets(bytes: Uint8Array): Value {
  return new asn1js.OctetString({ valueHex: bytes })
}

function tagged(tagNumber: number, ...value: Value[]): Value {
  return new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value })
}

function text(value: string): Value {
  return new asn1js.Utf8String({ value })
}

function attribute(type: string, value: Value): pkijs.Attribute {
  return new pkijs.Attribute({ type, values: [value] })
}

/** In the order that DER has for the elements of a SET OF. */
function sorted<T extends { toSchema(): Value }>(elements: readonly T[]): T[] {
  return elements.toSorted((a, b) => Buffer.compare(toBuffer(a.toSchema()), toBuffer(b.toSchema())))
}

function digestIdentifier({ oid: algorithmId }: HashAlgorithm): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({ algorithmId })
}

function signatureIdentifier({ algorithm, rsaSignatureIdentifier }: ContainerSigner, hash: HashAlgorithm) {
  return rsaSignatureIdentifier === 'rsaEncryption'
    ? algorithm.signerInfoIdentifier(hash)
    : algorithm.certificateIdentifier(hash)
}

function protection(signer: ContainerSigner, hash: HashAlgorithm): Value {
  const { valueBlock } = signatureIdentifier(signer, hash).toSchema()
  return sequence(digestIdentifier(hash).toSchema(), tagged(1, ...valueBlock.value))
}

function statements({ policy, commitmentType, location }: SignerStatements): pkijs.Attribute[] {
  const attributes: pkijs.Attribute[] = []
  if (policy !== undefined) {
    const { id, hashAlgorithm, hash, uri } = policy
    const policyHash = sequence(digestIdentifier(hashAlgorithm).toSchema(), octets(hash))
    const qualifiers =
      uri === undefined
        ? []
        : [sequence(sequence(oid('1.2.840.113549.1.9.16.5.1'), new asn1js.IA5String({ value: uri })))]
    attributes.push(attribute('1.2.840.113549.1.9.16.2.15', sequence(oid(id), policyHash, ...qualifiers)))
  }
  if (commitmentType !== undefined) {
    attributes.push(attribute('1.2.840.113549.1.9.16.2.16', sequence(oid(commitmentType))))
  }
  if (location !== undefined) {
    const { country, locality, postalAddress } = location
    const fields = [
      ...(country === undefined ? [] : [tagged(0, text(country))]),
      ...(locality === undefined ? [] : [tagged(1, text(locality))]),
      ...(postalAddress === undefined ? [] : [tagged(2, sequence(...postalAddress.map(text)))]),
    ]
    attributes.push(attribute('1.2.840.113549.1.9.16.2.17', sequence(...fields)))
  }
  return attributes
}

function archival({ crls, ocspResponses }: RevocationValues): Value {
  const fields = [crls, ocspResponses].flatMap((values, number) =>
    values.length === 0 ? [] : [tagged(number, sequence(...values.map(fromDer)))],
  )
  return sequence(...fields)
}

function revocationInfoChoices({ crls, ocspResponses }: RevocationValues) {
  const lists = crls.map((crl) => pkijs.CertificateRevocationList.fromBER(crl))
  const others = ocspResponses.map(
    (response) =>
      new pkijs.OtherRevocationInfoFormat({
        otherRevInfoFormat: '1.3.6.1.5.5.7.16.2',
        otherRevInfo: fromDer(response),
      }),
  )
  return [...sorted(lists), ...sorted(others)]
}

/** DER SET OF the signed attributes, as `ContainerTemplate.signedAttributes` has it. */
export function signedAttributesByPkijs(signer: ContainerSigner, request: AttributesRequest): Buffer {
  const { type, hashAlgorithm, messageDigest, signingTime, overFile, revocationValues } = request
  const certHash = octets(createHash('sha256').update(signer.certificates[0]).digest())
  const list = [
    attribute('1.2.840.113549.1.9.3', oid('1.2.840.113549.1.7.1')),
    attribute('1.2.840.113549.1.9.4', octets(messageDigest)),
    attribute('1.2.840.113549.1.9.16.2.47', sequence(sequence(sequence(certHash)))),
    attribute('1.2.840.113549.1.9.52', protection(signer, hashAlgorithm)),
    ...(type === 'cades' ? statements(signer.statements) : []),
  ]
  if (type === 'cms' || overFile) {
    const valueDate = new Date(Math.floor(signingTime.getTime() / 1000) * 1000)
    const time =
      valueDate.getUTCFullYear() < 2050
        ? new asn1js.UTCTime({ valueDate })
        : new asn1js.GeneralizedTime({ valueDate })
    list.push(attribute('1.2.840.113549.1.9.5', time))
  }
  if (revocationValues !== undefined) {
    list.push(attribute('1.2.840.113583.1.1.8', archival(revocationValues)))
  }
  const schema = new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes: sorted(list) }).toSchema()
  const set = toBuffer(schema)
  // As it is signed (RFC 5652 5.4)
  set[0] = 0x31
  return set
}

/** DER ContentInfo, as `ContainerTemplate.signedData` has it. */
export function signedDataByPkijs(signer: ContainerSigner, request: SignedDataRequest): Buffer {
  const { hashAlgorithm, signedAttributes, signature, timestamp, revocationValues } = request
  const [leaf] = signer.certificates
  const { issuer, serialNumber } = pkijs.Certificate.fromBER(leaf)
  const schema = asn1js.fromBER(signedAttributes).result as asn1js.Set
  const signedAttrs = new pkijs.SignedAndUnsignedAttributes({
    type: 0,
    attributes: schema.valueBlock.value.map((one) => new pkijs.Attribute({ schema: one })),
  })
  const unsigned =
    timestamp === undefined ? [] : [attribute('1.2.840.113549.1.9.16.2.14', fromDer(timestamp))]
  const unsignedAttrs = new pkijs.SignedAndUnsignedAttributes({ type: 1, attributes: unsigned })
  const signerInfo = new pkijs.SignerInfo({
    version: 1,
    sid: new pkijs.IssuerAndSerialNumber({ issuer, serialNumber }),
    digestAlgorithm: digestIdentifier(hashAlgorithm),
    signedAttrs,
    signatureAlgorithm: signatureIdentifier(signer, hashAlgorithm),
    signature: octets(signature) as asn1js.OctetString,
    ...(unsigned.length > 0 && { unsignedAttrs }),
  })
  const signedData = new pkijs.SignedData({
    version: revocationValues === undefined || revocationValues.ocspResponses.length === 0 ? 1 : 5,
    digestAlgorithms: [digestIdentifier(hashAlgorithm)],
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: pkijs.id_ContentType_Data }),
    certificates: sorted(signer.certificates.map((der) => pkijs.Certificate.fromBER(der))),
    ...(revocationValues && { crls: revocationInfoChoices(revocationValues) }),
    signerInfos: [signerInfo],
  })
  const contentInfo = new pkijs.ContentInfo({
    contentType: pkijs.ContentInfo.SIGNED_DATA,
    content: signedData.toSchema(true),
  })
  return toBuffer(contentInfo.toSchema())
}
