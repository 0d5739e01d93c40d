import type { X509Certificate } from 'node:crypto'
import { type CertificateExtensions, readExtensions } from '../certificate-extensions.ts'
import { isSelfSigned } from '../chain.ts'
import { describeSubject } from '../validity.ts'
import { describeWeakKey } from './weak-key.ts'
import { weakSignatureHash } from './weak-signature.ts'

/** What a review asks about a certificate. */
export interface ReviewedCertificate extends CertificateExtensions {
  readonly subject: string
  readonly selfSigned: boolean
  /** In words; undefined where the key is good. */
  readonly weakKey: string | undefined
  /** The hash function that its issuer used, by name; undefined where it is good. */
  readonly weakHash: string | undefined
}

/** Of certificates, which do not change: to read one takes milliseconds, and signers share their issuers. */
const reviewed = new WeakMap<X509Certificate, { readonly read: ReviewedCertificate | undefined }>()

/** @returns undefined where asn1js cannot read the certificate, as OpenSSL could, or not an algorithm's parameters */
export function readForReview(certificate: X509Certificate): ReviewedCertificate | undefined {
  const { read } = reviewed.get(certificate) ?? { read: readAll(certificate) }
  reviewed.set(certificate, { read })
  return read
}

function readAll(certificate: X509Certificate): ReviewedCertificate | undefined {
  try {
    return {
      ...readExtensions(certificate),
      subject: describeSubject(certificate),
      selfSigned: isSelfSigned(certificate),
      weakKey: describeWeakKey(certificate),
      weakHash: weakSignatureHash(certificate),
    }
  } catch {
    return undefined
  }
}
