import type { X509Certificate } from 'node:crypto'
import { isIssuedBy } from '../chain.ts'
import { describeSubject, findInvalidity, validityPeriod } from '../validity.ts'
import { type ReviewedCertificate, readForReview } from './reviewed-certificate.ts'
import { findWeakness } from './weakness.ts'

/** Finds the reasons not to sign documents with a certificate. */
export function findLeafProblems(reviewed: ReviewedCertificate): string[] {
  const { keyUsage } = reviewed
  const weakness = findWeakness(reviewed)
  const problems: string[] = []
  // Validators accept either; X.509 has renamed nonRepudiation to contentCommitment (RFC 5280 4.2.1.3)
  if (
    keyUsage !== undefined &&
    !keyUsage.includes('digitalSignature') &&
    !keyUsage.includes('nonRepudiation')
  ) {
    problems.push(
      `is not for signing documents, by its key usage (${keyUsage.join(', ') || 'none'}); ` +
        'have it issued with digitalSignature or nonRepudiation',
    )
  }
  if (weakness.key !== undefined) {
    problems.push(`${weakness.key}; make a new one, and have a certificate issued for it`)
  }
  if (weakness.signature !== undefined) {
    problems.push(`${weakness.signature}; have it issued anew`)
  }
  return problems
}

/**
 * Describes a leaf that is the certificate of an authority (RFC 5280 4.2.1.9), often because the file begins with the
 * root. It suggests a signer's certificate below it, and prefers a valid one.
 *
 * @param following the other certificates in the leaf's file
 */
export function describeAuthorityAsLeaf(
  leaf: X509Certificate,
  following: readonly X509Certificate[],
  caCertificates: readonly X509Certificate[],
  at: Date,
): string {
  const is = `is the certificate of a certificate authority (${describeSubject(leaf)}), not of a signer`
  const signers = descendants(leaf, [...following, ...caCertificates]).filter(
    (certificate) => readForReview(certificate)?.ca === false,
  )
  const valid = signers.find((certificate) => findInvalidity([validityPeriod(certificate)], at) === undefined)
  const signer = valid ?? signers[0]
  if (signer === undefined) {
    return `${is}; put the signer certificate first`
  }
  const subject = describeSubject(signer)
  return following.includes(signer)
    ? `${is}; the file is in the wrong order: put the certificate of ${subject} first`
    : `${is}; put the certificate of ${subject} first, which is among the CA certificates`
}

/** Returns all certificates below `ancestor`, in the order of `candidates`. */
function descendants(ancestor: X509Certificate, candidates: readonly X509Certificate[]): X509Certificate[] {
  const issuers = new Set([ancestor])
  for (const issuer of issuers) {
    for (const candidate of candidates) {
      if (isIssuedBy(candidate, issuer)) {
        issuers.add(candidate)
      }
    }
  }
  return candidates.filter((candidate) => issuers.has(candidate))
}
