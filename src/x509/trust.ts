import type { X509Certificate } from 'node:crypto'
import { buildChain, isSelfSigned } from './chain.ts'
import { findPathProblem } from './review/path-problem.ts'
import { describeIssuer, describeSubject, findInvalidity, validityPeriod } from './validity.ts'

/** Trusted certificates. A chain must end in a self-signed one of them, and may go through the others. */
export type TrustAnchors = readonly X509Certificate[]

/**
 * Traces a signer certificate to a trust anchor at a moment (RFC 5280 6.1). It does not check revocation, and refuses
 * critical policy constraints, since it does not support them.
 *
 * @param embedded certificates from the signature, which prove nothing by themselves
 * @returns the certificates from the leaf to the anchor, or a message that says what is wrong
 */
export function traceToAnchor(
  leaf: X509Certificate,
  embedded: readonly X509Certificate[],
  anchors: TrustAnchors,
  at: Date,
): readonly X509Certificate[] | string {
  // The roots in the signature are left out, so that a complete chain ends in an anchor
  const candidates = [...anchors, ...embedded.filter((certificate) => !isSelfSigned(certificate))]
  const { issuers, complete } = buildChain(leaf, candidates, at)
  const path = [leaf, ...issuers]
  const root = path.at(-1) as X509Certificate
  if (!complete || !anchors.some(({ raw }) => raw.equals(root.raw))) {
    const missing = complete ? '' : `, and the certificate of ${describeIssuer(root)} is missing`
    return `no path to a self-signed certificate of the CA file: it ends at ${describeSubject(root)}${missing}`
  }
  return findInvalidity(path.map(validityPeriod), at) ?? findPathProblem(path) ?? path
}
