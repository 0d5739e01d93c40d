import { randomBytes } from 'node:crypto'
import { digest, type HashAlgorithm, SHA_1 } from '../../algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier } from '../../asn1/der-writer.ts'
import { contextTag, TAG } from '../../asn1/tag.ts'
import type { CertificateFields } from '../../x509/certificate-fields.ts'

/** id-pkix-ocsp-nonce (RFC 6960 4.4.1). */
export const ID_OCSP_NONCE = '1.3.6.1.5.5.7.48.1.2'

/**
 * Octets of a nonce: as many as all responders must take (RFC 8954 2.1, RFC 9654 2.1), and as OpenSSL sends. Some older responders
 * refuse the 32 that RFC 8954 wants of clients as a malformed request, or leave them out of their answers.
 */
const NONCE_LENGTH = 16

/** The fields by which OCSP identifies a certificate (RFC 6960 4.1.1). */
export interface CertificateId {
  /** Digest of the issuer's name, DER. */
  readonly issuerNameHash: Buffer
  /** Digest of the issuer's key: the octets of its BIT STRING. */
  readonly issuerKeyHash: Buffer
  /** Content of the INTEGER. */
  readonly serialNumber: Buffer
}

export interface OcspRequest {
  /** DER OCSPRequest (RFC 6960 4.1.1). */
  readonly der: Buffer
  /** Content of the OCTET STRING in the nonce extension. */
  readonly nonce: Buffer
}

type Asked = Pick<CertificateFields, 'serialNumber' | 'issuer'>
type Issuer = Pick<CertificateFields, 'publicKeyBits'>

/** Builds the CertID of a certificate (RFC 6960 4.1.1). */
export function certificateId(
  hashAlgorithm: HashAlgorithm,
  { serialNumber, issuer }: Asked,
  { publicKeyBits }: Issuer,
): CertificateId {
  return {
    issuerNameHash: digest(hashAlgorithm, issuer),
    issuerKeyHash: digest(hashAlgorithm, publicKeyBits),
    serialNumber,
  }
}

/** Encodes an unsigned request about one certificate, with a nonce. */
export function createOcspRequest(certificate: Asked, issuer: Issuer): OcspRequest {
  // Every responder knows its certificates by their SHA-1 digests (RFC 5019 2.1.1), which protect nothing
  const { issuerNameHash, issuerKeyHash, serialNumber } = certificateId(SHA_1, certificate, issuer)
  const certId = encode(
    TAG.sequence,
    encode(TAG.sequence, encodeObjectIdentifier(SHA_1.oid), encode(TAG.null)),
    encode(TAG.octetString, issuerNameHash),
    encode(TAG.octetString, issuerKeyHash),
    encode(TAG.integer, serialNumber),
  )
  const requestList = encode(TAG.sequence, encode(TAG.sequence, certId))
  const nonce = randomBytes(NONCE_LENGTH)
  // The extension's value is an OCTET STRING in an OCTET STRING
  const value = encode(TAG.octetString, encode(TAG.octetString, nonce))
  const extension = encode(TAG.sequence, encodeObjectIdentifier(ID_OCSP_NONCE), value)
  const requestExtensions = encode(contextTag(2), encode(TAG.sequence, extension))
  return { der: encode(TAG.sequence, encode(TAG.sequence, requestList, requestExtensions)), nonce }
}
