import type { X509Certificate } from 'node:crypto'
import { readCertificateFields } from '../certificate-fields.ts'
import { authoritiesBelow, isSelfIssued } from '../chain.ts'
import { EXTENSION } from '../extensions.ts'
import { findForbiddenName, findNarrowConstraint, type NameConstraints } from '../name-constraints.ts'
import { lacksPolicy } from '../policies.ts'
import { describeSubject, validityPeriod } from '../validity.ts'
import { findUnreadable, GOOD_KEYS, readForReview } from './reviewed-certificate.ts'

/**
 * Finds the first reason not to rely on signatures of a path's leaf. It refuses critical extensions and names too,
 * which the review of a signer leaves to validators.
 *
 * @param path leaf first; the purpose, key and hash of the leaf itself are reviewed elsewhere
 */
export function findPathProblem(path: readonly X509Certificate[]): string | undefined {
  const issuers = path.slice(1).flatMap((_, index) => findIssuerProblems(path, index + 1))
  const unreadable = path.slice(0, 1).flatMap((leaf) => findUnreadable(leaf) ?? [])
  const refusals = path.flatMap((_, index) => findRefusals(path, index))
  return [...unreadable, ...issuers, ...refusals][0]
}

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
  const { version, ca, keyUsage, pathLength, selfSigned, unreadable, weakKey, weakSignature } = reviewed
  if (unreadable !== undefined) {
    return [`${its} ${unreadable}; have it issued anew`]
  }
  const problems: string[] = []
  // A root counts as an authority by being trusted (6.1.4 (k)), where its version is 1 or its key usage says so
  const isPlainRoot = selfSigned && (version === 1 || reviewed.lacksConstraints)
  if (!ca && !isPlainRoot) {
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
  if (weakKey !== undefined) {
    problems.push(`${its} ${weakKey}; needed is ${GOOD_KEYS}`)
  }
  if (weakSignature !== undefined) {
    problems.push(`${its} ${weakSignature}; have it issued anew`)
  }
  return problems
}

/**
 * Extensions that may be critical (RFC 5280 4.2): those that are evaluated here, and those that restrict nothing unless
 * policyConstraints demand a policy (6.1.5 (g)). All others are left to validators.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.nameConstraints,
  EXTENSION.crlDistributionPoints,
  EXTENSION.certificatePolicies,
  EXTENSION.policyMappings,
  EXTENSION.policyConstraints,
  EXTENSION.inhibitAnyPolicy,
  EXTENSION.extendedKeyUsage,
  EXTENSION.ocspNoCheck,
])

const LACKS_POLICY = 'demands a policy (policyConstraints) that the certificates of the path do not have'

/**
 * Finds further reasons for validators to refuse a path because of one of its certificates: critical extensions that they may
 * not know (RFC 5280 4.2), a policy that is missing (4.2.1.11), and names below it that it does not allow (4.2.1.10). One that
 * cannot be read is passed over.
 *
 * @param path leaf first
 * @param index position of the certificate
 */
export function findRefusals(path: readonly X509Certificate[], index: number): string[] {
  const certificate = path[index] as X509Certificate
  const reviewed = readForReview(certificate)
  if (reviewed === undefined) {
    return []
  }
  const { critical, nameConstraints } = reviewed
  const its = `the certificate of ${describeSubject(certificate)}`
  const unknown = critical.find((id) => !UNDERSTOOD.has(id))
  return [
    ...(unknown === undefined ? [] : [`${its} has a critical extension that is not supported, ${unknown}`]),
    ...(lacksPolicy(certificate, path) ? [`${its} ${LACKS_POLICY}`] : []),
    ...findForbiddenNames(path.slice(0, index), nameConstraints, its),
  ]
}

/**
 * Finds the names that an authority's constraints forbid.
 *
 * @param below the certificates below the authority, leaf first
 */
function findForbiddenNames(
  below: readonly X509Certificate[],
  constraints: NameConstraints | 'unreadable' | undefined,
  authority: string,
): string[] {
  if (constraints === undefined) {
    return []
  }
  if (constraints === 'unreadable') {
    return [`${authority} has name constraints that are not those of RFC 5280 4.2.1.10`]
  }
  const known = judged.get(constraints) ?? { leaf: new WeakMap(), issuer: new WeakMap() }
  judged.set(constraints, known)
  return listConstrained(below).flatMap((certificate) => {
    const place = certificate === below[0] ? 'leaf' : 'issuer'
    const found = known[place].get(certificate) ?? judgeNames(certificate, constraints, place, authority)
    known[place].set(certificate, found)
    return found
  })
}

/** Lists those to which the name constraints of an authority apply, of the certificates below it (RFC 5280 6.1.3 (b)). */
function listConstrained(below: readonly X509Certificate[]): X509Certificate[] {
  return below.filter((certificate, index) => index === 0 || !isSelfIssued(certificate))
}

/**
 * Keeps the judgement of name constraints about a certificate at either place: a search that goes around issuers asks again for most
 * pairs.
 */
const judged = new WeakMap<
  NameConstraints,
  Record<'leaf' | 'issuer', WeakMap<X509Certificate, readonly string[]>>
>()

/**
 * Warns of the first name below an authority that only some validators find permitted by its name constraints.
 *
 * @param path leaf first
 * @param index position of the authority
 */
export function findNarrowNameWarning(path: readonly X509Certificate[], index: number): string | undefined {
  const constraints = readForReview(path[index] as X509Certificate)?.nameConstraints
  const its = `the certificate of ${describeSubject(path[index] as X509Certificate)}`
  const below = path.slice(0, index)
  if (
    constraints === undefined ||
    constraints === 'unreadable' ||
    findForbiddenNames(below, constraints, its).length > 0
  ) {
    return undefined
  }
  for (const certificate of listConstrained(below)) {
    const narrow = findNarrowConstraint(readCertificateFields(certificate), constraints)
    if (narrow !== undefined) {
      const [why, refusedBy] = narrow
      return (
        `${its} has name constraints that limit the names of ${describeSubject(certificate)} by ${why}: some validators refuse ` +
        `signatures because of it (${refusedBy}); have either issued anew`
      )
    }
  }
  return undefined
}

function judgeNames(
  certificate: X509Certificate,
  constraints: NameConstraints,
  place: 'leaf' | 'issuer',
  authority: string,
): readonly string[] {
  const its = `the certificate of ${describeSubject(certificate)}`
  try {
    const forbidden = findForbiddenName(readCertificateFields(certificate), constraints, place)
    return forbidden === undefined
      ? []
      : [`${its} has ${forbidden} for a name, which the name constraints of ${authority} forbid`]
  } catch {
    return [`${its} has a name that cannot be compared with the name constraints of ${authority}`]
  }
}
