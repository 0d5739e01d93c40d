import type { X509Certificate } from 'node:crypto'
import { buildChain } from '../x509/chain.ts'
import { hasIssuerName } from '../x509/issuer-match.ts'
import { findPathProblem } from '../x509/review/path-problem.ts'
import { findAuthorityProblem } from '../x509/review/service-certificate.ts'
import { traceToAnchor } from '../x509/trust.ts'
import { describeIssuer, describeSubject, findInvalidity, validityPeriod } from '../x509/validity.ts'

/**
 * Traces the certificate of a timestamp authority (RFC 3161 2.3) to a trust anchor at a moment.
 *
 * @param embedded certificates from the token, which prove nothing by themselves
 * @param anchors if there are any, the chain must end in one of them
 * @returns the certificates from the authority's upwards, or a message that says what is wrong
 */
export function traceAuthority(
  certificate: X509Certificate,
  embedded: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  at: Date,
): readonly X509Certificate[] | string {
  const problem = findAuthorityProblem(certificate) ?? findInvalidity([validityPeriod(certificate)], at)
  if (problem !== undefined) {
    return problem
  }
  return anchors.length > 0
    ? traceToAnchor(certificate, embedded, anchors, at)
    : traceAsFarAsPossible(certificate, embedded, at)
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
  return findInvalidity(path.map(validityPeriod), at) ?? findPathProblem(path) ?? path
}
