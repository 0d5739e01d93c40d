import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { ID_EC_PUBLIC_KEY } from './object-identifiers.ts'

/** Describes a key that spells out its curve. */
export const EXPLICIT_CURVE =
  'EC with explicit curve parameters in place of the name of a curve, which RFC 5480 2.1.1 forbids'
/** Describes the operator's own key of this kind, and says what to do. */
export const OWN_EXPLICIT_CURVE = `${EXPLICIT_CURVE}: make a certificate request that names the curve, as \`signing-service csr\` does`

/**
 * Returns whether an EC public key spells out its curve in place of naming it. OpenSSL does not tell: it recognizes
 * the curve, or refuses the key without a reason.
 *
 * @param publicKeyInfo DER SubjectPublicKeyInfo
 */
export function hasExplicitCurve(publicKeyInfo: Uint8Array): boolean {
  try {
    const algorithm = new DerReader(Buffer.from(publicKeyInfo)).enter(TAG.sequence).enter(TAG.sequence)
    return algorithm.objectIdentifier() === ID_EC_PUBLIC_KEY && algorithm.tag === TAG.sequence
  } catch {
    return false
  }
}
