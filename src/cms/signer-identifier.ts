/** Names the signer of a SignerInfo, by issuer and serial number, and reads how others name theirs (RFC 5652 5.3). */
import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { EXTENSION } from '../x509/extensions.ts'
import { sameName } from '../x509/names.ts'

/**
 * Encodes the IssuerAndSerialNumber of a certificate (RFC 5652 10.2.4) with the octets of its issuer, since many verifiers
 * compare these.
 *
 * @throws Error when the certificate is not DER
 */
export function encodeSignerIdentifier(certificate: { readonly raw: Buffer }): Buffer {
  const { issuer, serialNumber } = readCertificateFields(certificate)
  return encode(TAG.sequence, issuer, encode(TAG.integer, serialNumber))
}

/** The tag of a SignerIdentifier that is the certificate's subjectKeyIdentifier. */
const SUBJECT_KEY_IDENTIFIER = contextTag(0, 'primitive')

/**
 * Returns whether a SignerIdentifier names a certificate, by issuer and serial number or by its subjectKeyIdentifier.
 *
 * @param sid DER
 */
export function isSigner(certificate: X509Certificate, sid: Buffer): boolean {
  const { issuer, serialNumber, extensions } = readCertificateFields(certificate)
  const reader = new DerReader(sid)
  if (reader.tag === SUBJECT_KEY_IDENTIFIER) {
    const identifier = encode(TAG.octetString, reader.content(SUBJECT_KEY_IDENTIFIER))
    return extensions.get(EXTENSION.subjectKeyIdentifier)?.value.equals(identifier) === true
  }
  const named = reader.enterOptional(TAG.sequence)
  return (
    named !== undefined &&
    sameName(named.element(TAG.sequence), issuer) &&
    named.content(TAG.integer).equals(serialNumber)
  )
}
