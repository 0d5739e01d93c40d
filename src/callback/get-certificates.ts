import type { X509Certificate } from 'node:crypto'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'

/** Returns the leaf in `certificates` and its issuers, nearest first, in `ca_certificates`, each as base64 of PEM. */
export function describeCertificates({ certificate, issuers }: SignerCertificate) {
  return { certificates: [encode(certificate)], ca_certificates: issuers.map(encode) }
}

function encode(certificate: X509Certificate): string {
  return Buffer.from(certificate.toString()).toString('base64')
}
