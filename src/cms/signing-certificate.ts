/** Reads and compares the attributes that name a signature's certificate (RFC 2634 5.4, RFC 5035 3). */
import { digest } from '../algorithms/digest.ts'
import { findHashByOid, type HashAlgorithm, SHA_1, SHA_256 } from '../algorithms/hash-algorithms.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { includesName } from '../x509/general-names.ts'

/** The ESSCertID or ESSCertIDv2 by which signed attributes name the certificate of their signer. */
export interface CertificateDigest {
  readonly hashAlgorithm: HashAlgorithm
  /** certHash: the digest of the whole DER certificate. */
  readonly digest: Buffer
  /** Content of issuerSerial, not parsed yet; undefined where the field is absent. */
  readonly issuerSerial?: Buffer
}

/**
 * Reads which certificate a SigningCertificate (RFC 2634 5.4) names as the signer's.
 *
 * @param value DER of the attribute's value
 * @throws Error when it is malformed
 */
export function readSigningCertificate(value: Buffer): CertificateDigest {
  return readCertHash(SHA_1, enterSignerIdentifier(value))
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
  return readCertHash(algorithm === undefined ? SHA_256 : readHashAlgorithm(algorithm), identifier)
}

/**
 * Returns whether such an attribute names a certificate, by its digest and by issuerSerial where that is present.
 *
 * @param certificate DER
 * @throws Error when issuerSerial is malformed
 */
export function namesCertificate(
  { hashAlgorithm, digest: named, issuerSerial }: CertificateDigest,
  certificate: Buffer,
): boolean {
  return (
    digest(hashAlgorithm, certificate).equals(named) &&
    (issuerSerial === undefined || matchesIssuerSerial(issuerSerial, certificate))
  )
}

/** Enters the first ESSCertID or ESSCertIDv2, which is that of the signer's certificate (RFC 5035 3). */
function enterSignerIdentifier(value: Buffer): DerReader {
  const signingCertificate = DerReader.enterOnly(value, TAG.sequence)
  const certificates = signingCertificate.enter(TAG.sequence)
  signingCertificate.enterOptional(TAG.sequence) // policies
  signingCertificate.finish()
  return certificates.enter(TAG.sequence)
}

function readCertHash(hashAlgorithm: HashAlgorithm, identifier: DerReader): CertificateDigest {
  const digest = identifier.content(TAG.octetString)
  const issuerSerial = identifier.optionalContent(TAG.sequence)
  identifier.finish()
  return { hashAlgorithm, digest, ...(issuerSerial && { issuerSerial }) }
}

function readHashAlgorithm(identifier: DerReader): HashAlgorithm {
  const found = findHashByOid(identifier.objectIdentifier())
  if (found === undefined) {
    throw new Error('the hash algorithm of the certificate is not supported')
  }
  return found
}

/** Compares `IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber INTEGER }` (RFC 5035 4). */
function matchesIssuerSerial(content: Buffer, certificate: Buffer): boolean {
  const issuerSerial = new DerReader(content)
  const { issuer, serialNumber } = readCertificateFields({ raw: certificate })
  return (
    includesName(issuerSerial.enter(TAG.sequence), issuer) &&
    issuerSerial.content(TAG.integer).equals(serialNumber)
  )
}
