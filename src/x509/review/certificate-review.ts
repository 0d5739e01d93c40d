import type { X509Certificate } from 'node:crypto'
import { readCertificateFields } from '../certificate-fields.ts'
import type { Chain } from '../chain.ts'
import { validityPeriod } from '../validity.ts'
import { describeMissingIssuer } from './chain-warnings.ts'
import { findForbiddenIssuer } from './forbidden-issuer.ts'
import { findIssuerProblems } from './issuer-problems.ts'
import { describeAuthorityAsLeaf, findLeafProblems } from './leaf-problems.ts'
import { findRefusals } from './refusals.ts'
import { type ReviewedCertificate, readForReview } from './reviewed-certificate.ts'
import { findRevocationWarnings } from './revocation-warnings.ts'
import { findIssuerPurposeWarning, findPurposeWarning, findSelfSignedWarning } from './usage-warnings.ts'

/** The certificates in a signer's files. */
export interface CertificatesForReview {
  readonly leaf: X509Certificate
  /** The other certificates in the leaf's file, in its order. */
  readonly following: readonly X509Certificate[]
  /** The certificates of the CA file, in any order. */
  readonly caCertificates: readonly X509Certificate[]
  /** The chain that `buildChain` made of these. */
  readonly chain: Chain
  readonly at: Date
}

export interface CertificateReview {
  /** Reasons not to use them. */
  readonly problems: readonly CertificateProblem[]
  /** Advice for the operator, each a sentence without its capital. */
  readonly warnings: readonly string[]
}

export interface CertificateProblem {
  /** The file that the certificate comes from. */
  readonly of: 'leaf' | 'following' | 'caCertificates'
  /** Follows the name of a setting. For the leaf it has no subject, such as `is signed with SHA-1`. */
  readonly message: string
}

/**
 * Reviews a signer's certificate and its chain as validators will. The leaf must be for signing documents, the others
 * for issuing certificates (RFC 5280 4.2.1 and 6.1.4), all with keys and hashes that are not broken.
 *
 * `findInvalidity` checks the periods of validity. Certificates that are not in the chain do not matter.
 */
export function reviewCertificates(certificates: CertificatesForReview): CertificateReview {
  const { leaf, following, caCertificates, chain, at } = certificates
  const files = [...following, ...caCertificates]
  const path = [leaf, ...chain.issuers]
  const forbidden = chain.complete ? undefined : findForbiddenIssuer(path.at(-1) as X509Certificate, files)
  const issuers = forbidden === undefined ? chain.issuers : [...chain.issuers, forbidden]
  const issuerProblems = issuers.flatMap((issuer, index) => {
    const of = following.includes(issuer) ? 'following' : 'caCertificates'
    return findIssuerProblems([leaf, ...issuers], index + 1).map((message) => ({ of, message }) as const)
  })
  const { flaw } = validityPeriod(leaf)
  const reviewed = isDer(leaf) ? readForReview(leaf) : undefined
  const judge = (ofLeaf: readonly string[], warnings: readonly string[]): CertificateReview => ({
    problems: [...ofLeaf.map((message) => ({ of: 'leaf', message }) as const), ...issuerProblems],
    warnings,
  })
  if (flaw !== undefined && isDer(leaf)) {
    return judge([`is never valid: ${flaw}; have it issued anew`], [])
  }
  if (reviewed === undefined) {
    return judge(['is not encoded as RFC 5280 says; have it issued anew'], [])
  }
  if (reviewed.ca) {
    // All other advice would be about the wrong certificate
    return judge([describeAuthorityAsLeaf(leaf, following, caCertificates, at)], [])
  }
  const missing = chain.complete || forbidden !== undefined ? [] : [describeMissingIssuer(path, files)]
  return judge(findLeafProblems(reviewed), [...missing, ...findWarnings(reviewed, [leaf, ...issuers])])
}

/** Returns whether the leaf is DER: containers repeat its issuer and serial number, octet by octet. */
function isDer(leaf: X509Certificate): boolean {
  try {
    readCertificateFields(leaf)
    return true
  } catch {
    return false
  }
}

function findWarnings(signer: ReviewedCertificate, path: readonly X509Certificate[]): string[] {
  const chain = path.map(readForReview).filter((certificate) => certificate !== undefined)
  return [
    findSelfSignedWarning(signer),
    findPurposeWarning(signer),
    ...chain.slice(1).map(findIssuerPurposeWarning),
    ...chain.flatMap(findRevocationWarnings),
    ...findRefusals(path).map((refusal) => `${refusal}: validators may refuse signatures because of it`),
  ].filter((warning) => warning !== undefined)
}
