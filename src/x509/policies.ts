import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateFields } from './certificate-fields.ts'
import { isSelfIssued, isSelfSigned } from './chain.ts'
import { ANY_POLICY, EXTENSION, type Extensions, listElements, toCount } from './extensions.ts'

const NEVER = Number.POSITIVE_INFINITY

/**
 * Numbers of further certificates in a path (RFC 5280 4.2.1.11, 4.2.1.14), those that are self-issued not counted. `NEVER` stands for
 * no limit.
 */
interface PolicyLimits {
  /** Those that need no policy. */
  readonly explicitPolicy: number
  /** Those whose mappings count. */
  readonly mapping: number
  /** Those whose anyPolicy counts. */
  readonly anyPolicy: number
}

/**
 * Returns whether the policyConstraints of a certificate demand a policy that its path does not have. One that cannot be read
 * is taken to demand it, and not to have it.
 *
 * @param path leaf first
 */
export function lacksPolicy(certificate: X509Certificate, path: readonly X509Certificate[]): boolean {
  const { extensions } = readCertificateFields(certificate)
  if (!extensions.has(EXTENSION.policyConstraints)) {
    return false
  }
  try {
    return readLimits(extensions).explicitPolicy !== NEVER && !hasDemanded(certificate, path)
  } catch {
    return true
  }
}

/**
 * Processes the policies of a path (RFC 5280 6.1.3 (d) to (f), 6.1.4 (a) to (j), 6.1.5) whose initial policy is anyPolicy, and in
 * which one certificate alone demands a policy. In place of the tree it keeps the policies of its lowest level, with those that are
 * expected of the next certificate, since a tree has a leaf there or is empty.
 *
 * @param path leaf first
 * @returns whether there is a policy wherever it is demanded
 */
function hasDemanded(demanding: X509Certificate, path: readonly X509Certificate[]): boolean {
  const top = path.at(-1)
  const below = (top !== undefined && isSelfSigned(top) ? path.slice(0, -1) : path).toReversed()
  let policies: ReadonlyMap<string, ReadonlySet<string>> = new Map([[ANY_POLICY, new Set([ANY_POLICY])]])
  let left: PolicyLimits = { explicitPolicy: NEVER, mapping: NEVER, anyPolicy: NEVER }
  /** The explicit policy that the latest certificate itself demands. */
  let own = NEVER
  for (const [index, certificate] of below.entries()) {
    const { extensions } = readCertificateFields(certificate)
    const isLeaf = index === below.length - 1
    const selfIssued = isSelfIssued(certificate)
    policies = policiesBelow(
      policies,
      readPolicies(extensions),
      left.anyPolicy > 0 || (selfIssued && !isLeaf),
    )
    if (left.explicitPolicy === 0 && policies.size === 0) {
      return false
    }
    const limits = readLimits(extensions)
    own = certificate === demanding ? limits.explicitPolicy : NEVER
    if (!isLeaf) {
      policies = mapPolicies(policies, readMappings(extensions), left.mapping > 0)
      const step = selfIssued ? 0 : 1
      const lower = (from: number, limit: number) => Math.min(Math.max(from - step, 0), limit)
      left = {
        explicitPolicy: lower(left.explicitPolicy, own),
        mapping: lower(left.mapping, limits.mapping),
        anyPolicy: lower(left.anyPolicy, limits.anyPolicy),
      }
    }
  }
  return policies.size > 0 || (left.explicitPolicy > 1 && own > 0)
}

/** Returns the policies of a certificate that its issuers expect, each of which is expected of the next one too. */
function policiesBelow(
  above: ReadonlyMap<string, ReadonlySet<string>>,
  own: readonly string[],
  anyCounts: boolean,
): Map<string, ReadonlySet<string>> {
  const expected = new Set([...above.values()].flatMap((some) => [...some]))
  const named = own.filter(
    (policy) => policy !== ANY_POLICY && (expected.has(policy) || above.has(ANY_POLICY)),
  )
  const all = anyCounts && own.includes(ANY_POLICY) ? [...named, ...expected] : named
  return new Map(all.map((policy) => [policy, new Set([policy])]))
}

/** Has the policies that an authority maps expected of the next certificate in place of its own, or none where mappings do not count. */
function mapPolicies(
  policies: ReadonlyMap<string, ReadonlySet<string>>,
  mappings: ReadonlyMap<string, ReadonlySet<string>>,
  count: boolean,
): ReadonlyMap<string, ReadonlySet<string>> {
  const mapped = new Map(policies)
  for (const [policy, others] of mappings) {
    if (!count) {
      mapped.delete(policy)
    } else if (policies.has(policy) || policies.has(ANY_POLICY)) {
      mapped.set(policy, others)
    }
  }
  return mapped
}

function readPolicies(extensions: Extensions): string[] {
  return listElements(extensions, EXTENSION.certificatePolicies).map((one) =>
    new DerReader(one).enter(TAG.sequence).objectIdentifier(),
  )
}

/**
 * Reads policyMappings (RFC 5280 4.2.1.5).
 *
 * @returns the policies of the subject's domain, by that of the issuer's domain to which they are equivalent
 * @throws Error when one maps anyPolicy (6.1.4 (a))
 */
function readMappings(extensions: Extensions): Map<string, Set<string>> {
  const mappings = new Map<string, Set<string>>()
  for (const one of listElements(extensions, EXTENSION.policyMappings)) {
    const pair = new DerReader(one).enter(TAG.sequence)
    const [from, to] = [pair.objectIdentifier(), pair.objectIdentifier()]
    if (from === ANY_POLICY || to === ANY_POLICY) {
      throw new Error('anyPolicy is mapped')
    }
    mappings.set(from, (mappings.get(from) ?? new Set()).add(to))
  }
  return mappings
}

/** Reads policyConstraints and inhibitAnyPolicy (RFC 5280 4.2.1.11, 4.2.1.14). */
function readLimits(extensions: Extensions): PolicyLimits {
  const reader = (id: string) => {
    const extension = extensions.get(id)
    return extension && new DerReader(extension.value)
  }
  const constraints = reader(EXTENSION.policyConstraints)?.enter(TAG.sequence)
  const limitOf = (octets: Buffer | undefined) => (octets === undefined ? NEVER : toCount(octets))
  return {
    explicitPolicy: limitOf(constraints?.optionalContent(contextTag(0, 'primitive'))),
    mapping: limitOf(constraints?.optionalContent(contextTag(1, 'primitive'))),
    anyPolicy: limitOf(reader(EXTENSION.inhibitAnyPolicy)?.content(TAG.integer)),
  }
}
