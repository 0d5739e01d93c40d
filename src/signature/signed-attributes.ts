import { createHash } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

const ID_DATA = '1.2.840.113549.1.7.1'
const ID_CONTENT_TYPE = '1.2.840.113549.1.9.3'
export const ID_MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
export const ID_SIGNING_TIME = '1.2.840.113549.1.9.5'
const ID_SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'

/** `cms` carries the time that the signer claims; PAdES forbids it (EN 319 142-1 6.3) and keeps it in the PDF. */
export type SignatureType = 'cms' | 'cades'

export interface SignedAttributes {
  readonly type: SignatureType
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
  /** DER of the signer certificate. */
  readonly certificate: Uint8Array
  readonly signingTime: Date
}

/**
 * The signed attributes of a container (RFC 5652 5.3): content-type, message-digest, signing-certificate-v2, and for
 * `cms` signing-time; as a DER SET OF, whose elements are in the order of their encodings (X.690 11.6). pkijs keeps
 * the order it is given, and validators that encode anew before they verify refuse any other.
 */
export function createSignedAttributes(attributes: SignedAttributes): pkijs.SignedAndUnsignedAttributes {
  const list = [
    attribute(ID_CONTENT_TYPE, new asn1js.ObjectIdentifier({ value: ID_DATA })),
    attribute(ID_MESSAGE_DIGEST, new asn1js.OctetString({ valueHex: attributes.messageDigest })),
    attribute(ID_SIGNING_CERTIFICATE_V2, signingCertificateV2(attributes.certificate)),
  ]
  if (attributes.type === 'cms') {
    list.push(attribute(ID_SIGNING_TIME, encodeTime(attributes.signingTime)))
  }
  const encoded = list.map((one) => ({ one, der: Buffer.from(one.toSchema().toBER()) }))
  encoded.sort((a, b) => Buffer.compare(a.der, b.der))
  return new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes: encoded.map(({ one }) => one) })
}

function attribute(type: string, value: asn1js.AsnType): pkijs.Attribute {
  return new pkijs.Attribute({ type, values: [value] })
}

/**
 * `SigningCertificateV2 { certs SEQUENCE OF ESSCertIDv2 }` (RFC 5035 3) with the one certificate that signs, hashed
 * with the default, SHA-256, which is therefore left out. So is issuerSerial: the SignerInfo's sid says the same.
 */
function signingCertificateV2(certificate: Uint8Array): asn1js.Sequence {
  const certHash = createHash('sha256').update(certificate).digest()
  const essCertIdV2 = new asn1js.Sequence({ value: [new asn1js.OctetString({ valueHex: certHash })] })
  return new asn1js.Sequence({ value: [new asn1js.Sequence({ value: [essCertIdV2] })] })
}

/** RFC 5652 11.3: UTCTime through 2049, GeneralizedTime from 2050, whole seconds. */
function encodeTime(time: Date): asn1js.UTCTime | asn1js.GeneralizedTime {
  const seconds = new Date(Math.floor(time.getTime() / 1000) * 1000)
  return seconds.getUTCFullYear() < 2050
    ? new asn1js.UTCTime({ valueDate: seconds })
    : new asn1js.GeneralizedTime({ valueDate: seconds })
}
