import type { X509Certificate } from 'node:crypto'
import { type CertificateFields, readCertificateFields } from '../x509/certificate-fields.ts'
import { type RevocationAddresses, readAddresses } from '../x509/revocation-addresses.ts'
import { describeSubject } from '../x509/validity.ts'

/** A certificate, and the issuer that may revoke it. */
export interface IssuedCertificate {
  readonly certificate: X509Certificate
  readonly issuer: X509Certificate
  /** The subject in one line. */
  readonly subject: string
  readonly fields: CertificateFields
  readonly issuerFields: CertificateFields
  /** Content of the INTEGER in hex. */
  readonly serialNumber: string
  readonly addresses: RevocationAddresses
}

/**
 * Reads the fields of both certificates.
 *
 * @throws Error when one of them is not DER, even if OpenSSL could read it
 */
export function readIssuedCertificate(
  certificate: X509Certificate,
  issuer: X509Certificate,
): IssuedCertificate {
  const fields = readCertificateFields(certificate)
  return {
    certificate,
    issuer,
    subject: describeSubject(certificate),
    fields,
    issuerFields: readCertificateFields(issuer),
    serialNumber: fields.serialNumber.toString('hex'),
    addresses: readAddresses(fields),
  }
}
