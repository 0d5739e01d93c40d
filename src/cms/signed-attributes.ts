/** Encodes the signed attributes of containers (RFC 5652 5.3). Each function returns one DER Attribute. */
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

/** `cms` states the signing time. `cades` in PDFs does not, since PAdES forbids it (EN 319 142-1 6.3). */
export type SignatureType = 'cms' | 'cades'

const writeMessageDigest = attributeWriter(ID_MESSAGE_DIGEST)
const writeSigningTime = attributeWriter(ID_SIGNING_TIME)

/** The content-type attribute with id-data (RFC 5652 11.1). */
export const CONTENT_TYPE_ATTRIBUTE = attributeWriter(ID_CONTENT_TYPE)(encodeObjectIdentifier(ID_DATA))

/**
 * Encodes the message-digest attribute (RFC 5652 11.2).
 *
 * @param digest the digest of the detached content
 */
export function messageDigestAttribute(digest: Uint8Array): Buffer {
  return writeMessageDigest(encode(TAG.octetString, digest))
}

/** Encodes signing-time in whole seconds: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5652 11.3). */
export function signingTimeAttribute(time: Date): Buffer {
  const text = `${time.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return writeSigningTime(
    time.getUTCFullYear() < 2050
      ? encode(TAG.utcTime, Buffer.from(text.slice(2)))
      : encode(TAG.generalizedTime, Buffer.from(text)),
  )
}

/**
 * Encodes `SigningCertificateV2 { certs SEQUENCE OF ESSCertIDv2 }` (RFC 5035 3) with the one certificate that signs.
 * The hash is SHA-256, the default, so DER leaves it out. There is no issuerSerial: the SignerInfo's sid says the
 * same.
 *
 * @param certificate DER
 */
export function signingCertificateAttribute(certificate: Uint8Array): Buffer {
  const hash = encode(TAG.octetString, digest(SHA_256, certificate))
  const certificates = encode(TAG.sequence, encode(TAG.sequence, hash))
  return attributeWriter(ID_SIGNING_CERTIFICATE_V2)(encode(TAG.sequence, certificates))
}

/**
 * Encodes `CMSAlgorithmProtection { digestAlgorithm, signatureAlgorithm [1] }` (RFC 6211 2), so that nobody can pass
 * the signature off as one of another algorithm.
 *
 * @param digestAlgorithm DER AlgorithmIdentifier of the SignerInfo
 * @param signatureAlgorithm DER AlgorithmIdentifier of the SignerInfo
 */
export function algorithmProtectionAttribute(
  digestAlgorithm: Uint8Array,
  signatureAlgorithm: Uint8Array,
): Buffer {
  // The field is IMPLICIT, so its tag replaces that of the SEQUENCE
  const implicit = Buffer.from(signatureAlgorithm)
  implicit[0] = contextTag(1)
  return attributeWriter(ID_CMS_ALGORITHM_PROTECTION)(encode(TAG.sequence, digestAlgorithm, implicit))
}
