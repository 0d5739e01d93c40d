import { createPublicKey } from 'node:crypto'
import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { readAttribute } from './attributes.ts'
import { describeCurve } from './elliptic-key.ts'

export type KeyType = 'RSA' | 'EC'

/** Keyed by CK_KEY_TYPE. */
export const KEY_TYPES: ReadonlyMap<number, KeyType> = new Map([
  [pkcs11js.CKK_RSA, 'RSA'],
  [pkcs11js.CKK_EC, 'EC'],
])

/** @returns undefined where the token does not tell, `other` where the key is of another type */
export function readKeyType(session: Session, handle: Handle): KeyType | 'other' | undefined {
  const bytes = readAttribute(session, handle, pkcs11js.CKA_KEY_TYPE) ?? Buffer.alloc(0)
  // CK_ULONG, in either byte order
  const [type = 0, ...further] = [...bytes].filter((byte) => byte !== 0)
  if (bytes.length === 0) {
    return undefined
  }
  const known = further.length > 0 ? undefined : KEY_TYPES.get(type)
  return known ?? 'other'
}

/**
 * Describes type and size of a private key for messages, such as `RSA 2048` and `EC P-256`, as far as the token tells.
 *
 * @param publicKey DER SubjectPublicKeyInfo, where the token shows it
 */
export function describeKeyType(session: Session, handle: Handle, publicKey: Uint8Array | undefined): string {
  const type = readKeyType(session, handle) ?? 'unknown type'
  const curve = readAttribute(session, handle, pkcs11js.CKA_EC_PARAMS)
  if (curve !== undefined) {
    return `${type} ${describeCurve(curve)}`
  }
  const key = publicKey && createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
  const bits = key?.asymmetricKeyDetails?.modulusLength
  return bits === undefined ? type : `${type} ${bits}`
}

/** A type that the token does not tell may be any. */
export function mayBe(type: KeyType | 'other' | undefined, wanted: KeyType): boolean {
  return type === undefined || type === wanted
}

/** @param publicKey DER SubjectPublicKeyInfo of an RSA or EC key */
export function keyTypeOf(publicKey: Uint8Array): KeyType {
  const { asymmetricKeyType } = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
  return asymmetricKeyType === 'ec' ? 'EC' : 'RSA'
}
