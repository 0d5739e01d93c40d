import type { X509Certificate } from 'node:crypto'
import { readCertificateFields } from '../certificate-fields.ts'
import { isSelfIssued } from '../issuer-match.ts'
import { findForbiddenName, type NameConstraints } from '../name-constraints.ts'
import { EXTENSION } from '../object-identifiers.ts'
import { describeSubject } from '../validity.ts'
import { readForReview } from './reviewed-certificate.ts'

/**
 * Extensions that may be critical (RFC 5280 4.2): those that are evaluated here, and those that restrict nothing, since
 * no policy is demanded of a path (6.1.5 (g)). All others, policyConstraints among them, are left to validators.
 */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.nameConstraints,
  EXTENSION.crlDistributionPoints,
  EXTENSION.certificatePolicies,
  EXTENSION.policyMappings,
  EXTENSION.inhibitAnyPolicy,
  EXTENSION.extendedKeyUsage,
  EXTENSION.ocspNoCheck,
])

/**
 * Finds further reasons for validators to refuse a path: critical extensions that they may not know (RFC 5280 4.2), and
 * names that an authority above does not allow (4.2.1.10). Certificates that cannot be read are passed over.
 *
 * @param path leaf first
 */
export function findRefusals(path: readonly X509Certificate[]): string[] {
  return path.flatMap((certificate, index) => {
    const { critical = [], nameConstraints } = readForReview(certificate) ?? {}
    const its = `the certificate of ${describeSubject(certificate)}`
    const unknown = critical.find((id) => !UNDERSTOOD.has(id))
    return [
      ...(unknown === undefined ? [] : [`${its} has a critical extension that is not supported, ${unknown}`]),
      ...findForbiddenNames(path.slice(0, index), nameConstraints, its),
    ]
  })
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
  return below
    .filter((certificate, index) => index === 0 || !isSelfIssued(certificate))
    .flatMap((certificate) => {
      const its = `the certificate of ${describeSubject(certificate)}`
      try {
        const forbidden = findForbiddenName(readCertificateFields(certificate), constraints)
        return forbidden === undefined
          ? []
          : [`${its} has ${forbidden} for a name, which the name constraints of ${authority} forbid`]
      } catch {
        return [`${its} has a name that cannot be compared with the name constraints of ${authority}`]
      }
    })
}
