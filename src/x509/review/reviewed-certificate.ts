import type { X509Certificate } from 'node:crypto'
import { type CertificateExtensions, readCertificateExtensions } from '../certificate-extensions.ts'
import { isSelfSigned } from '../chain.ts'
import { describeSubject } from '../validity.ts'
import { findWeakKey } from './weak-key.ts'
import { findWeakSignatureHash } from './weak-signature.ts'

/** What a review asks about a certificate. */
export interface ReviewedCertificate extends CertificateExtensions {
  readonly subject: string
  readonly selfSigned: boolean
  /** In words; undefined where the key is good. */
  readonly weakKey: string | undefined
  /** The hash function that its issuer used, by name; undefined where it is good. */
  readonly weakHash: string | undefined
}

/** @returns undefined where asn1js cannot read the certificate, as OpenSSL could, or not an algorithm's parameters */
export function readForReview(certificate: X509Certificate): ReviewedCertificate | undefined {
  if (!read.has(certificate)) {
    read.set(certificate, tryRead(certificate))
  }
  return read.get(certificate)
}

/** Signers share their issuers, and to read one takes milliseconds. */
const read = new WeakMap<X509Certificate, ReviewedCertificate | undefined>()

function tryRead(certificate: X509Certificate): ReviewedCertificate | undefined {
  try {
    return {
      ...readCertificateExtensions(certificate),
      subject: describeSubject(certificate),
      selfSigned: isSelfSigned(certificate),
      weakKey: findWeakKey(certificate),
      weakHash: findWeakSignatureHash(certificate),
    }
  } catch {
    return undefined
  }
}
