import type { X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { buildChain } from '../signers/chain.ts'
import { describeInvalidity, describeIssuer, describeSubject, validityPeriod } from '../signers/validity.ts'
import { hasIssuerName } from '../x509/issuer-match.ts'
import { describeIssuerProblems } from '../x509/review/issuer-problems.ts'
import { type ReviewedCertificate, readForReview } from '../x509/review/reviewed-certificate.ts'
import { traceToAnchor } from '../x509/trust.ts'

/** id-kp-timeStamping. */
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
/** Validators that build on OpenSSL refuse all others. */
const USAGES: readonly string[] = ['digitalSignature', 'nonRepudiation']

/**
 * Whether a certificate is that of a timestamp authority (RFC 3161 2.3) that is trusted at a moment.
 *
 * @param embedded certificates from the token, which prove nothing by themselves
 * @param anchors in one of which the chain has to end, if there are any
 * @returns the chain's certificates from the authority's upwards, or what is wrong, in words
 */
export function traceAuthority(
  certificate: X509Certificate,
  embedded: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] | string {
  const reviewed = readForReview(certificate)
  if (reviewed === undefined) {
    return 'its certificate is not encoded as RFC 5280 says'
  }
  const problem = describeWrongPurpose(reviewed) ?? describeInvalidity([validityPeriod(certificate)], at)
  if (problem !== undefined) {
    return problem
  }
  return anchors.length > 0
    ? traceToAnchor(certificate, embedded, anchors, at)
    : traceAsFarAsPossible(certificate, embedded, at)
}

function describeWrongPurpose(reviewed: ReviewedCertificate): string | undefined {
  const { subject, critical, keyUsage, extendedKeyUsage, weakKey, weakHash, selfSigned } = reviewed
  const its = `the certificate of ${subject}`
  if (extendedKeyUsage?.join() !== TIME_STAMPING || !critical.includes(pkijs.id_ExtKeyUsage)) {
    return `${its} is not for timestamps alone (a critical extended key usage with only timeStamping)`
  }
  if (keyUsage !== undefined && (keyUsage.length === 0 || !keyUsage.every((one) => USAGES.includes(one)))) {
    return `${its} is not for signatures alone, by its key usage (${keyUsage.join(', ') || 'none'})`
  }
  if (weakKey !== undefined) {
    return `${its} has a key that is not secure, ${weakKey}`
  }
  return weakHash !== undefined && !selfSigned
    ? `${its} is signed with ${weakHash}, which can be forged`
    : undefined
}

function traceAsFarAsPossible(
  certificate: X509Certificate,
  embedded: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] | string {
  const { issuers, complete } = buildChain(certificate, embedded, at)
  const path = [certificate, ...issuers]
  const last = path.at(-1) as X509Certificate
  if (!complete && embedded.some((one) => hasIssuerName(last, one))) {
    return `the certificate of ${describeIssuer(last)} in it has not issued that of ${describeSubject(last)}`
  }
  return (
    describeInvalidity(path.map(validityPeriod), at) ??
    issuers.flatMap((_, index) => describeIssuerProblems(path, index + 1))[0] ??
    path
  )
}
