import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { type Extensions, readExtensions } from './extensions.ts'

/** Fields of a certificate, octet by octet, since others refer to it by them. */
export interface CertificateFields {
  /** 1 to 3 (RFC 5280 4.1.2.1). */
  readonly version: number
  /** Content of the INTEGER. */
  readonly serialNumber: Buffer
  /** DER AlgorithmIdentifier in what is signed. */
  readonly signature: Buffer
  /** DER AlgorithmIdentifier outside of it, which must be the same (RFC 5280 4.1.1.2). */
  readonly signatureAlgorithm: Buffer
  /** DER Name. */
  readonly issuer: Buffer
  /** DER Validity. */
  readonly validity: Buffer
  /** DER Name. */
  readonly subject: Buffer
  /** DER SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer
  /** Content of subjectPublicKey without the count of unused bits, which OCSP hashes (RFC 6960 4.1.1). */
  readonly publicKeyBits: Buffer
  readonly extensions: Extensions
}

/**
 * Reads the fields of a certificate.
 *
 * @param raw DER
 * @throws Error when it is not DER, even if OpenSSL could read it
 */
export function readCertificateFields({ raw }: { readonly raw: Buffer }): CertificateFields {
  const signed = new DerReader(raw).enter(TAG.sequence)
  const certificate = signed.enter(TAG.sequence)
  const signatureAlgorithm = signed.element(TAG.sequence)
  const version = certificate.enterOptional(contextTag(0))?.content(TAG.integer)[0] ?? 0
  const serialNumber = certificate.content(TAG.integer)
  const signature = certificate.element(TAG.sequence)
  const issuer = certificate.element(TAG.sequence)
  const validity = certificate.element(TAG.sequence)
  const subject = certificate.element(TAG.sequence)
  const publicKeyInfo = certificate.element(TAG.sequence)
  const publicKey = new DerReader(publicKeyInfo).enter(TAG.sequence)
  publicKey.enter(TAG.sequence) // algorithm
  const publicKeyBits = publicKey.bits()
  certificate.enterOptional(contextTag(1, 'primitive')) // issuerUniqueID
  certificate.enterOptional(contextTag(2, 'primitive')) // subjectUniqueID
  const extensions = readExtensions(certificate.enterOptional(contextTag(3)))
  return {
    version: version + 1,
    serialNumber,
    signature,
    signatureAlgorithm,
    issuer,
    validity,
    subject,
    publicKeyInfo,
    publicKeyBits,
    extensions,
  }
}
