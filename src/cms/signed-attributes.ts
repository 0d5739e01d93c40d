/** The signed attributes that containers have (RFC 5652 5.3). Each function returns one DER Attribute. */
import { digest } from '../algorithms/digest.ts'
import { SHA_256 } from '../algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { attributeWriter } from './attribute.ts'
import {
  ID_CMS_ALGORITHM_PROTECTION,
  ID_CONTENT_TYPE,
  ID_DATA,
  ID_MESSAGE_DIGEST,
  ID_SIGNING_CERTIFICATE_V2,
  ID_SIGNING_TIME,
} from './object-identifiers.ts'

/** `cms` carries the time that the signer claims. In PDFs `cades` does not: PAdES forbids it (EN 319 142-1 6.3). */
export type SignatureType = 'cms' | 'cades'

const writeMessageDigest = attributeWriter(ID_MESSAGE_DIGEST)
const writeSigningTime = attributeWriter(ID_SIGNING_TIME)

/** RFC 5652 11.1. */
export const CONTENT_TYPE_ATTRIBUTE = attributeWriter(ID_CONTENT_TYPE)(encodeObjectIdentifier(ID_DATA))

/**
 * RFC 5652 11.2.
 *
 * @param digest of the detached content
 */
export function messageDigestAttribute(digest: Uint8Array): Buffer {
  return writeMessageDigest(encode(TAG.octetString, digest))
}

/** RFC 5652 11.3: UTCTime through 2049, GeneralizedTime from 2050, whole seconds. */
export function signingTimeAttribute(time: Date): Buffer {
  const text = `${time.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return writeSigningTime(
    time.getUTCFullYear() < 2050
      ? encode(TAG.utcTime, Buffer.from(text.slice(2)))
      : encode(TAG.generalizedTime, Buffer.from(text)),
  )
}

/**
 * `SigningCertificateV2 { certs SEQUENCE OF ESSCertIDv2 }` (RFC 5035 3) with the one certificate that signs, hashed
 * with the default, SHA-256, which is therefore left out. So is issuerSerial: the SignerInfo's sid says the same.
 *
 * @param certificate DER
 */
export function signingCertificateAttribute(certificate: Uint8Array): Buffer {
  const hash = encode(TAG.octetString, digest(SHA_256, certificate))
  const certificates = encode(TAG.sequence, encode(TAG.sequence, hash))
  return attributeWriter(ID_SIGNING_CERTIFICATE_V2)(encode(TAG.sequence, certificates))
}

/**
 * `CMSAlgorithmProtection { digestAlgorithm, signatureAlgorithm [1] }` (RFC 6211 2): nobody can have the signature read
 * as one of another algorithm.
 *
 * @param digestAlgorithm DER AlgorithmIdentifier of the SignerInfo
 * @param signatureAlgorithm the same
 */
export function algorithmProtectionAttribute(
  digestAlgorithm: Uint8Array,
  signatureAlgorithm: Uint8Array,
): Buffer {
  // IMPLICIT: the tag takes the place of that of the SEQUENCE
  const implicit = Buffer.from(signatureAlgorithm)
  implicit[0] = contextTag(1)
  return attributeWriter(ID_CMS_ALGORITHM_PROTECTION)(encode(TAG.sequence, digestAlgorithm, implicit))
}
