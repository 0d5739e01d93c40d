/** Elliptic curves and the keys on them in the terms of PKCS#11. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { CURVES, curveOf, ID_EC_PUBLIC_KEY } from '../../algorithms/elliptic-curves.ts'
import { encodePublicKey, isPointAtInfinity } from '../../algorithms/public-key.ts'
import { DerReader } from '../../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../../asn1/der-writer.ts'
import { TAG } from '../../asn1/tag.ts'

const EC_PUBLIC_KEY = encodeObjectIdentifier(ID_EC_PUBLIC_KEY)
const WHOLE_OCTETS = Buffer.of(0)

/** @returns the value of CKA_EC_PARAMS */
export function curveParameters(name: string): Buffer {
  return Buffer.from(CURVES.find((curve) => curve.name === name)?.parameters ?? '', 'hex')
}

/** Returns the name of a curve or, where it is not one of these, its parameters in hex. */
export function describeCurve(parameters: Uint8Array): string {
  const hex = Buffer.from(parameters).toString('hex')
  return parameters[0] === TAG.sequence
    ? 'explicit parameters'
    : (CURVES.find((curve) => curve.parameters === hex)?.name ?? hex)
}

/**
 * @param parameters CKA_EC_PARAMS: the name of a curve, or one of these curves spelled out
 * @param point CKA_EC_POINT: the point in any form of SEC 1 2.3.3, with the OCTET STRING around it that PKCS#11 2.40
 *   2.3.3 demands, or without, or in a BIT STRING, as some tokens give it
 * @returns DER SubjectPublicKeyInfo, as `encodePublicKey` makes it; undefined for other curves and what is no point
 */
export function encodeEllipticKey(parameters: Uint8Array, point: Uint8Array): Buffer | undefined {
  const algorithm = encode(TAG.sequence, EC_PUBLIC_KEY, parameters)
  const keys = candidatePoints(Buffer.from(point)).map((candidate) => {
    const info = encode(TAG.sequence, algorithm, encode(TAG.bitString, WHOLE_OCTETS, candidate))
    return tryCreate(info)
  })
  const key = keys.find((one) => one !== undefined && curveOf(one) !== undefined)
  return key && encodePublicKey(key)
}

/** A point begins like an OCTET STRING, so that both readings are tried: one of them has a length that no point has. */
function candidatePoints(point: Buffer): Buffer[] {
  const reader = () => new DerReader(point)
  const wrapped = [() => reader().content(TAG.octetString), () => reader().bits()].flatMap(tryRead)
  return [point, ...wrapped]
}

function tryRead(read: () => Buffer): Buffer[] {
  try {
    return [read()]
  } catch {
    return []
  }
}

/** Returns undefined for what is not on the curve: one broken object must not keep the others from being found. */
function tryCreate(key: Buffer): KeyObject | undefined {
  try {
    const publicKey = createPublicKey({ key, type: 'spki', format: 'der' })
    return isPointAtInfinity(publicKey) ? undefined : publicKey
  } catch {
    return undefined
  }
}
