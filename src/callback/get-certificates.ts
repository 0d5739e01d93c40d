import type { X509Certificate } from 'node:crypto'
import type { CertificatesReply } from '../../schemas/callback.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'

/** Returns the leaf in `certificates` and its issuers, nearest first, in `ca_certificates`, each as base64 of PEM. */
export function describeCertificates({ certificate, issuers }: SignerCertificate): CertificatesReply {
  return { certificates: [encode(certificate)], ca_certificates: issuers.map(encode) }
}

function encode(certificate: X509Certificate): string {
  return Buffer.from(certificate.toString()).toString('base64')
}
