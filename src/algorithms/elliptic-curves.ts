import type { KeyObject } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { keyDetails } from './key-details.ts'

/** id-ecPublicKey (RFC 5480 2.1.1). */
export const ID_EC_PUBLIC_KEY = '1.2.840.10045.2.1'

/** A curve that keys may be on (SP 800-186 3.2.1). */
export interface EllipticCurve {
  /** The name that NIST and JSON Web Keys use. */
  readonly name: string
  /** node:crypto's spelling. */
  readonly nodeName: string
  /** DER object identifier in hex: CKA_EC_PARAMS. */
  readonly parameters: string
  /** Bytes of a coordinate and of the order. A signature has twice as many. */
  readonly size: number
}

export const CURVES: readonly EllipticCurve[] = [
  { name: 'P-256', nodeName: 'prime256v1', parameters: '06082a8648ce3d030107', size: 32 },
  { name: 'P-384', nodeName: 'secp384r1', parameters: '06052b81040022', size: 48 },
  { name: 'P-521', nodeName: 'secp521r1', parameters: '06052b81040023', size: 66 },
]

export const CURVE_NAMES = CURVES.map(({ name }) => name)

/** Returns the curve that a key is on; undefined for other curves and other keys. */
export function curveOf(publicKey: KeyObject): EllipticCurve | undefined {
  const { namedCurve } = keyDetails(publicKey)
  return CURVES.find(({ nodeName }) => nodeName === namedCurve)
}

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
