import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateFields } from './certificate-fields.ts'
import { isSelfSigned } from './chain.ts'
import { EXTENSION, type Extensions, listElements } from './extensions.ts'

/** A policy that stands for all of them (RFC 5280 4.2.1.4). */
const ANY_POLICY = '2.5.29.32.0'

/** Tag of requireExplicitPolicy in policyConstraints (RFC 5280 4.2.1.11). */
const REQUIRE_EXPLICIT_POLICY = contextTag(0, 'primitive')

/**
 * Returns whether the policyConstraints of a certificate demand a policy that its path does not have. One that cannot be read
 * is taken to demand it, and not to have it.
 *
 * @param path leaf first
 */
export function lacksPolicy(certificate: X509Certificate, path: readonly X509Certificate[]): boolean {
  try {
    return demandsPolicy(readCertificateFields(certificate).extensions) && !shareOnePolicy(path)
  } catch {
    return true
  }
}

/** Returns whether policyConstraints demand that paths have a policy. What they say of mappings alone restricts nothing. */
function demandsPolicy(extensions: Extensions): boolean {
  const constraints = extensions.get(EXTENSION.policyConstraints)
  const first = constraints && new DerReader(constraints.value).enter(TAG.sequence).tag
  return first === REQUIRE_EXPLICIT_POLICY
}

/**
 * Returns whether all certificates below the trust anchor have one policy (RFC 5280 6.1.3 (d)). It does not follow mappings,
 * and is stricter than need be where one inhibits anyPolicy: validators find a policy wherever this does.
 *
 * @param path leaf first
 */
function shareOnePolicy(path: readonly X509Certificate[]): boolean {
  const all = path.map((certificate) => readCertificateFields(certificate).extensions)
  const top = path.at(-1)
  const below = top !== undefined && isSelfSigned(top) ? all.slice(0, -1) : all
  if (below.some((extensions) => extensions.has(EXTENSION.policyMappings))) {
    return false
  }
  const inhibited = all.some((extensions) => extensions.has(EXTENSION.inhibitAnyPolicy))
  const policies = below.map((extensions) =>
    listElements(extensions, EXTENSION.certificatePolicies).map((one) =>
      new DerReader(one).enter(TAG.sequence).objectIdentifier(),
    ),
  )
  const named = policies.filter((some) => inhibited || !some.includes(ANY_POLICY))
  const [first] = named
  return (
    first === undefined ||
    first.some((policy) => policy !== ANY_POLICY && named.every((some) => some.includes(policy)))
  )
}
