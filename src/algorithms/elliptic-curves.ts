import type { KeyObject } from 'node:crypto'

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
  const namedCurve = publicKey.asymmetricKeyDetails?.namedCurve
  return CURVES.find(({ nodeName }) => nodeName === namedCurve)
}
