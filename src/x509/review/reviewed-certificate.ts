import type { X509Certificate } from 'node:crypto'
import { type CertificateExtensions, readCertificateExtensions } from '../certificate-extensions.ts'
import { isSelfSigned } from '../chain.ts'
import { describeSubject } from '../validity.ts'
import { findWeakKey } from './weak-key.ts'
import { findWeakSignatureHash } from './weak-signature.ts'

/** The facts about a certificate that a review needs. */
export interface ReviewedCertificate extends CertificateExtensions {
  /** The subject in one line. */
  readonly subject: string
  readonly selfSigned: boolean
  /** Describes the key if it is weak. */
  readonly weakKey: string | undefined
  /** Names the hash function that its issuer used, if it is weak. */
  readonly weakHash: string | undefined
}

/**
 * Reads a certificate for a review.
 *
 * @returns undefined if the certificate is not DER, or an algorithm's parameters cannot be read
 */
export function readForReview(certificate: X509Certificate): ReviewedCertificate | undefined {
  if (!read.has(certificate)) {
    read.set(certificate, tryRead(certificate))
  }
  return read.get(certificate)
}

/** Certificates that were read already: signers share their issuers, and reading one takes milliseconds. */
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
