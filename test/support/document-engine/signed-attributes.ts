import * as asn1js from 'asn1js'
import { sortedSetOf, toDer } from './der.ts'
import type { SignatureType } from './signature-options.ts'

const OID = {
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47',
  data: '1.2.840.113549.1.7.1',
}

function attribute(type: string, value: asn1js.BaseBlock): asn1js.BaseBlock {
  return new asn1js.Sequence({
    value: [new asn1js.ObjectIdentifier({ value: type }), new asn1js.Set({ value: [value] })],
  })
}

/**
 * SigningCertificateV2 with one ESSCertIDv2 of the leaf. Its hashAlgorithm is left out because SHA-256 is the
 * DEFAULT and DER does not encode defaults (RFC 5035 4, X.690 11.5).
 */
function signingCertificateV2(leafDigest: Uint8Array): asn1js.BaseBlock {
  const essCertId = new asn1js.Sequence({
    value: [new asn1js.OctetString({ valueHex: leafDigest })],
  })
  return new asn1js.Sequence({ value: [new asn1js.Sequence({ value: [essCertId] })] })
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5652 11.3). */
function time(date: Date): asn1js.BaseBlock {
  return date.getUTCFullYear() < 2050
    ? new asn1js.UTCTime({ valueDate: date })
    : new asn1js.GeneralizedTime({ valueDate: date })
}

export interface SignedAttributesInput {
  type: SignatureType
  /** Digest of the bytes of the PDF that the ByteRange covers. */
  contentDigest: Uint8Array
  /** SHA-256 of the DER of the signer's certificate. */
  leafDigest: Uint8Array
  signingTime: Date
}

/**
 * The attributes in DER order, ready for `signedAttrs`. PAdES asks for signing-certificate-v2 and forbids
 * signing-time; plain CMS carries signing-time (ETSI EN 319 142-1 6.3, RFC 5652 11).
 */
export function signedAttributes(input: SignedAttributesInput): asn1js.BaseBlock[] {
  const { type, contentDigest, leafDigest, signingTime } = input
  return sortedSetOf([
    attribute(OID.contentType, new asn1js.ObjectIdentifier({ value: OID.data })),
    attribute(OID.messageDigest, new asn1js.OctetString({ valueHex: contentDigest })),
    type === 'cades'
      ? attribute(OID.signingCertificateV2, signingCertificateV2(leafDigest))
      : attribute(OID.signingTime, time(signingTime)),
  ])
}

/** `data_to_be_signed`: DER of the attributes under the SET tag, not under the [0] of signedAttrs (RFC 5652 5.4). */
export function dataToBeSigned(attributes: asn1js.BaseBlock[]): Buffer {
  return toDer(new asn1js.Set({ value: attributes }))
}
