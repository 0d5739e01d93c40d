/** Elliptic curves and the keys on them in the terms of PKCS#11. */
import { createPublicKey } from 'node:crypto'
import { CURVES, type EllipticCurve } from '../../signature/elliptic-curves.ts'

/** SEC 1 2.3.3. */
const UNCOMPRESSED = 4

/** @returns the value of CKA_EC_PARAMS */
export function curveParameters(name: string): Buffer {
  return Buffer.from(CURVES.find((curve) => curve.name === name)?.parameters ?? '', 'hex')
}

/** The name of a curve or, where it is not one of these, its parameters in hex. */
export function describeCurve(parameters: Uint8Array): string {
  return find(parameters)?.name ?? Buffer.from(parameters).toString('hex')
}

/**
 * @param point CKA_EC_POINT: the uncompressed point, with the OCTET STRING around it that PKCS#11 2.40 2.3.3 demands,
 *   or without, as some tokens give it
 * @returns DER SubjectPublicKeyInfo; undefined for other curves and what is no point
 */
export function encodeEllipticKey(parameters: Uint8Array, point: Uint8Array): Buffer | undefined {
  const curve = find(parameters)
  if (curve === undefined) {
    return undefined
  }
  const { name, size } = curve
  const [form, ...coordinates] = point.subarray(-(1 + 2 * size))
  if (form !== UNCOMPRESSED || coordinates.length !== 2 * size) {
    return undefined
  }
  const encode = (coordinate: readonly number[]) => Buffer.from(coordinate).toString('base64url')
  const key = {
    kty: 'EC',
    crv: name,
    x: encode(coordinates.slice(0, size)),
    y: encode(coordinates.slice(size)),
  }
  try {
    return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  } catch {
    // It is not on the curve: one broken object must not keep the keys beside it from being found
    return undefined
  }
}

function find(parameters: Uint8Array): EllipticCurve | undefined {
  const hex = Buffer.from(parameters).toString('hex')
  return CURVES.find((curve) => curve.parameters === hex)
}
