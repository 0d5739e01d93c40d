import type { X509Certificate } from 'node:crypto'
import { authoritiesBelow } from '../chain.ts'
import { describeSubject, validityPeriod } from '../validity.ts'
import { readForReview } from './reviewed-certificate.ts'
import { GOOD_KEYS } from './weak-key.ts'
import { findWeakness } from './weakness.ts'

/**
 * Finds the reasons for validators to refuse a path because of one of its issuers (RFC 5280 6.1.4 (k) to (n)).
 *
 * @param path leaf first
 * @param index position of the issuer
 */
export function findIssuerProblems(path: readonly X509Certificate[], index: number): string[] {
  const issuer = path[index] as X509Certificate
  const its = `the certificate of ${describeSubject(issuer)}`
  const { flaw } = validityPeriod(issuer)
  if (flaw !== undefined) {
    return [`${its} is never valid: ${flaw}; have it issued anew`]
  }
  const reviewed = readForReview(issuer)
  if (reviewed === undefined) {
    return [`${its} is not encoded as RFC 5280 says; have it issued anew`]
  }
  const { version, ca, keyUsage, pathLength, selfSigned } = reviewed
  const weakness = findWeakness(reviewed)
  const problems: string[] = []
  // A root of version 1 has no extensions, so it counts as an authority by being trusted (6.1.4 (k))
  if (!ca && !(selfSigned && version === 1)) {
    problems.push(
      `${its} is not that of a certificate authority (no cA in its basicConstraints), but has issued ` +
        `that of ${describeSubject(path[index - 1] as X509Certificate)}`,
    )
  }
  // The key usage must allow it to issue certificates (4.2.1.3, 6.1.4 (n))
  if (keyUsage !== undefined && !keyUsage.includes('keyCertSign')) {
    problems.push(
      `${its} is not for issuing certificates, by its key usage (${keyUsage.join(', ') || 'none'}), but has ` +
        `issued that of ${describeSubject(path[index - 1] as X509Certificate)}`,
    )
  }
  // The path must not be longer than pathLenConstraint (4.2.1.9, 6.1.4 (l) and (m))
  const below = authoritiesBelow(path, index)
  if (below > pathLength) {
    problems.push(
      `${its} allows ${pathLength} certificate authorities between it and a signer (pathLenConstraint), but there ` +
        `${below === 1 ? 'is 1' : `are ${below}`}`,
    )
  }
  if (weakness.key !== undefined) {
    problems.push(`${its} ${weakness.key}; needed is ${GOOD_KEYS}`)
  }
  if (weakness.signature !== undefined) {
    problems.push(`${its} ${weakness.signature}; have it issued anew`)
  }
  return problems
}
