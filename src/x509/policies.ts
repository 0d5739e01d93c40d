import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateFields } from './certificate-fields.ts'
import { isSelfSigned } from './chain.ts'
import { EXTENSION, listElements } from './extensions.ts'

/** A policy that stands for all of them (RFC 5280 4.2.1.4). */
const ANY_POLICY = '2.5.29.32.0'

/** Tag of requireExplicitPolicy in policyConstraints (RFC 5280 4.2.1.11). */
const REQUIRE_EXPLICIT_POLICY = contextTag(0, 'primitive')

/**
 * Returns whether the policyConstraints of a certificate demand that paths have a policy. What they say of mappings alone
 * restricts nothing.
 */
export function demandsPolicy(certificate: X509Certificate): boolean {
  try {
    const constraints = readCertificateFields(certificate).extensions.get(EXTENSION.policyConstraints)
    const first = constraints && new DerReader(constraints.value).enter(TAG.sequence).tag
    return first === REQUIRE_EXPLICIT_POLICY
  } catch {
    return true
  }
}

/**
 * Returns whether all certificates below the trust anchor have one policy (RFC 5280 6.1.3 (d)). It does not follow mappings,
 * and is stricter than need be where one inhibits anyPolicy: validators find a policy wherever this does.
 *
 * @param path leaf first
 */
export function shareOnePolicy(path: readonly X509Certificate[]): boolean {
  try {
    const top = path.at(-1)
    const below = top !== undefined && isSelfSigned(top) ? path.slice(0, -1) : path
    const all = below.map((certificate) => readCertificateFields(certificate).extensions)
    if (all.some((extensions) => extensions.has(EXTENSION.policyMappings))) {
      return false
    }
    const inhibited = path.some((one) =>
      readCertificateFields(one).extensions.has(EXTENSION.inhibitAnyPolicy),
    )
    const policies = all.map((extensions) =>
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
  } catch {
    return false
  }
}
