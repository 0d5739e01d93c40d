/** Extensions of certificates by their identifiers (RFC 5280 4.2, RFC 6960 4.2.2.2.1). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  policyMappings: '2.5.29.33',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  inhibitAnyPolicy: '2.5.29.54',
  authorityInfoAccess: '1.3.6.1.5.5.7.1.1',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

/**
 * The one list of extensions that may be critical (RFC 5280 4.2): those that are evaluated here, and those that restrict
 * nothing that is asked here: without policyConstraints, no policy is demanded of a path (6.1.5 (g)). All others,
 * policyConstraints among them, are left to validators.
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

/** Returns the first of the critical extensions that is not understood here. */
export function findNotUnderstood(critical: readonly string[]): string | undefined {
  return critical.find((id) => !UNDERSTOOD.has(id))
}
