import type { X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { authoritiesBelow, buildChain } from '../signers/chain.ts'
import { describeInvalidity, validityPeriod } from '../signers/validity.ts'
import { readExtensions } from './certificate-extensions.ts'
import { isSelfIssued } from './issuer-match.ts'

/** Extensions that are looked at here, or that restrict nothing a signature over a file is about. */
const UNDERSTOOD = new Set([
  pkijs.id_BasicConstraints,
  pkijs.id_KeyUsage,
  pkijs.id_ExtKeyUsage,
  pkijs.id_SubjectAltName,
  pkijs.id_CertificatePolicies,
])

/** Whose word counts: a chain has to end in a self-signed certificate of these; others of them are candidates for it. */
export type TrustAnchors = readonly X509Certificate[]

/**
 * Whether a signer certificate can be traced to a trust anchor at a moment (RFC 5280 6.1, of which name constraints and
 * policy mappings are not supported: where they are critical, the answer is no). Nobody is asked about revocation.
 *
 * @param embedded certificates from the signature, which prove nothing by themselves
 * @returns the chain's certificates from the leaf to the anchor, or what is wrong, in words
 */
export function traceToAnchor(
  leaf: X509Certificate,
  embedded: readonly X509Certificate[],
  anchors: TrustAnchors,
  at: Date,
): readonly X509Certificate[] | string {
  // Without the roots that the signature brings along, a chain is complete only where it ends in an anchor
  const candidates = [...anchors, ...embedded.filter((certificate) => !isSelfIssued(certificate))]
  const { issuers, complete } = buildChain(leaf, candidates, at)
  const path = [leaf, ...issuers]
  const root = path.at(-1) as X509Certificate
  if (!complete || !anchors.some(({ raw }) => raw.equals(root.raw))) {
    return `no path to a self-signed certificate of the CA file: it ends at ${validityPeriod(root).subject}`
  }
  return describeInvalidity(path.map(validityPeriod), at) ?? describeMisuse(path) ?? path
}

function describeMisuse(path: readonly X509Certificate[]): string | undefined {
  for (const [index, certificate] of path.entries()) {
    const { critical, ca, pathLength } = readExtensions(certificate)
    const { subject } = validityPeriod(certificate)
    const unknown = critical.find((id) => !UNDERSTOOD.has(id))
    if (unknown !== undefined) {
      return `the certificate of ${subject} has a critical extension that is not supported, ${unknown}`
    }
    if (index > 0 && !ca) {
      return `the certificate of ${subject} is not that of a certificate authority`
    }
    if (authoritiesBelow(path, index) > pathLength) {
      return `the certificate of ${subject} does not allow so many certificates below it`
    }
  }
  return undefined
}
