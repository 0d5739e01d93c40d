import { findHashAlgorithm, HASH_ALGORITHMS, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'

/** The digest by which signed attributes name the certificate of their signer. */
export interface CertificateDigest {
  readonly hashAlgorithm: HashAlgorithm
  /** certHash: the digest of the whole DER certificate. */
  readonly digest: Buffer
}

const ALGORITHMS = HASH_ALGORITHMS.map((algorithm) => ({
  algorithm,
  oid: encodeObjectIdentifier(algorithm.oid),
}))
const SHA_1 = findHashAlgorithm('sha160') as HashAlgorithm
const SHA_256 = findHashAlgorithm('sha256') as HashAlgorithm

/**
 * Reads which certificate a SigningCertificate (RFC 2634 5.4) names as the signer's.
 *
 * @param value DER of the attribute's value
 * @throws Error when it is malformed
 */
export function readSigningCertificate(value: Buffer): CertificateDigest {
  return { hashAlgorithm: SHA_1, digest: readCertHash(enterSignerIdentifier(value)) }
}

/**
 * Reads the same from a SigningCertificateV2 (RFC 5035 3), whose hash algorithm is SHA-256 where it is left out.
 *
 * @param value DER of the attribute's value
 * @throws Error when it is malformed, or the hash algorithm is not supported
 */
export function readSigningCertificateV2(value: Buffer): CertificateDigest {
  const identifier = enterSignerIdentifier(value)
  const algorithm = identifier.enterOptional(TAG.sequence)
  const hashAlgorithm = algorithm === undefined ? SHA_256 : readHashAlgorithm(algorithm)
  return { hashAlgorithm, digest: readCertHash(identifier) }
}

/** Enters the first ESSCertID or ESSCertIDv2, which is that of the signer's certificate (RFC 5035 3). */
function enterSignerIdentifier(value: Buffer): DerReader {
  const reader = new DerReader(value)
  const signingCertificate = reader.enter(TAG.sequence)
  reader.finish()
  const certificates = signingCertificate.enter(TAG.sequence)
  signingCertificate.enterOptional(TAG.sequence) // policies
  signingCertificate.finish()
  return certificates.enter(TAG.sequence)
}

function readCertHash(identifier: DerReader): Buffer {
  const digest = identifier.content(TAG.octetString)
  identifier.enterOptional(TAG.sequence) // issuerSerial
  identifier.finish()
  return digest
}

function readHashAlgorithm(identifier: DerReader): HashAlgorithm {
  const oid = identifier.element(TAG.objectIdentifier)
  const found = ALGORITHMS.find((one) => one.oid.equals(oid))
  if (found === undefined) {
    throw new Error('the hash algorithm of the certificate is not supported')
  }
  return found.algorithm
}
