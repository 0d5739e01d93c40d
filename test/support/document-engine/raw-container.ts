import * as asn1js from 'asn1js'
import { parseDer, sortedSetOf, toDer } from './der.ts'
import { SignPdfError } from './errors.ts'
import { HASH_OIDS, type HashAlgorithm } from './signature-options.ts'
import { childrenOf } from './signed-data.ts'

const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  rsaEncryption: '1.2.840.113549.1.1.1',
  ecPublicKey: '1.2.840.10045.2.1',
  signatureTimestamp: '1.2.840.113549.1.9.16.2.14',
}

/** ecdsa-with-SHA1 (RFC 3279 2.2.3), and the others (RFC 5758 3.2). */
const ECDSA_OIDS: Readonly<Record<HashAlgorithm, string>> = {
  sha160: '1.2.840.10045.4.1',
  sha224: '1.2.840.10045.4.3.1',
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}

const oid = (value: string): asn1js.BaseBlock => new asn1js.ObjectIdentifier({ value })
const sequence = (...value: asn1js.BaseBlock[]): asn1js.BaseBlock => new asn1js.Sequence({ value })
const context = (tagNumber: number, value: asn1js.BaseBlock[]): asn1js.BaseBlock =>
  new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value })

function parseCertificate(der: Uint8Array): asn1js.Sequence {
  const certificate = parseDer(der)
  if (!(certificate instanceof asn1js.Sequence)) {
    throw new SignPdfError('INVALID_ANSWER', 'A certificate of the get_certificates answer is not DER')
  }
  return certificate
}

/** Returns the fields of a certificate from its serial number on (RFC 5280 4.1). */
function fieldsOf(certificate: asn1js.Sequence): asn1js.BaseBlock[] {
  const [tbs] = certificate.valueBlock.value
  const fields = tbs instanceof asn1js.Sequence ? tbs.valueBlock.value : []
  // Version 1 certificates have no [0] version in front of the serial number.
  return fields[0]?.idBlock.tagClass === 3 ? fields.slice(1) : fields
}

/** Returns what a SignerInfo calls the algorithm of a signature: that of the key, RSA with the padding of PKCS#1 v1.5. */
function signatureAlgorithm(certificate: asn1js.Sequence, hash: HashAlgorithm): asn1js.BaseBlock {
  const keyAlgorithm = childrenOf(childrenOf(fieldsOf(certificate)[5])[0])[0]
  const isEc = keyAlgorithm instanceof asn1js.ObjectIdentifier && keyAlgorithm.getValue() === OID.ecPublicKey
  return isEc ? sequence(oid(ECDSA_OIDS[hash])) : sequence(oid(OID.rsaEncryption), new asn1js.Null())
}

/** IssuerAndSerialNumber (RFC 5652 10.2.4), taken over from the certificate and not encoded anew. */
function issuerAndSerialNumber(certificate: asn1js.Sequence): asn1js.BaseBlock {
  const [serialNumber, , issuer] = fieldsOf(certificate)
  if (!serialNumber || !issuer) {
    throw new SignPdfError('INVALID_ANSWER', 'The signer certificate has no issuer and serial number')
  }
  return sequence(issuer, serialNumber)
}

function unsignedAttributes(timestamp: Uint8Array): asn1js.BaseBlock {
  const values = new asn1js.Set({ value: [parseDer(timestamp) as asn1js.AsnType] })
  return context(1, [sequence(oid(OID.signatureTimestamp), values)])
}

export interface RawContainerInput {
  hash: HashAlgorithm
  /** In DER order, as `signedAttributes` returns them. */
  attributes: asn1js.BaseBlock[]
  /** DER, the signer's first. */
  certificates: [Uint8Array, ...Uint8Array[]]
  /** The `sign` answer: bare RSASSA-PKCS1-v1_5 octets, or DER of an Ecdsa-Sig-Value (RFC 3279 2.2.3). */
  signature: Uint8Array
  /** DER of a TimeStampToken over `signature`, for a signature timestamp (EN 319 122-1 5.3). */
  timestamp?: Uint8Array | undefined
}

/**
 * DER of the detached SignedData that Document Engine builds around a raw signature: ContentInfo, version 1,
 * no eContent, all certificates, one SignerInfo (RFC 5652 5). Made with asn1js alone, so that a mistake in the
 * service's own containers cannot repeat itself here.
 */
export function rawContainer(input: RawContainerInput): Buffer {
  const [leaf, ...chain] = input.certificates
  const signer = parseCertificate(leaf)
  const digestAlgorithm = (): asn1js.BaseBlock => sequence(oid(HASH_OIDS[input.hash]), new asn1js.Null())

  const signerInfo = sequence(
    new asn1js.Integer({ value: 1 }),
    issuerAndSerialNumber(signer),
    digestAlgorithm(),
    context(0, input.attributes),
    signatureAlgorithm(signer, input.hash),
    new asn1js.OctetString({ valueHex: input.signature }),
    ...(input.timestamp === undefined ? [] : [unsignedAttributes(input.timestamp)]),
  )
  const signedData = sequence(
    new asn1js.Integer({ value: 1 }),
    new asn1js.Set({ value: [digestAlgorithm()] }),
    sequence(oid(OID.data)),
    context(0, sortedSetOf([signer, ...chain.map(parseCertificate)])),
    new asn1js.Set({ value: [signerInfo] }),
  )
  return toDer(sequence(oid(OID.signedData), context(0, [signedData])))
}
