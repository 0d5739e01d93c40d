/** Reads of which type a private key object is, which operations it allows, and how it is protected (PKCS#11 2.40 4.9). */
import { createPublicKey } from 'node:crypto'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { keyDetails } from '../../algorithms/key-details.ts'
import type { KeyProtection } from '../messages.ts'
import { readAttribute, readBoolean } from './attributes.ts'
import { describeCurve } from './elliptic-key.ts'
import type { TokenSession } from './user-session.ts'

type KeyType = 'RSA' | 'EC'

/** Keyed by CK_KEY_TYPE. */
const KEY_TYPES: ReadonlyMap<number, KeyType> = new Map([
  [pkcs11js.CKK_RSA, 'RSA'],
  [pkcs11js.CKK_EC, 'EC'],
])

/** Returns the type of a key, or the number of another type in hex; undefined where the token does not tell. */
export function readKeyType(session: TokenSession, handle: Handle): string | undefined {
  const bytes = readAttribute(session, handle, pkcs11js.CKA_KEY_TYPE)
  // Some tokens show an attribute that they do not have as an empty one
  if (bytes === undefined || bytes.length === 0) {
    return undefined
  }
  // CK_ULONG, in either byte order
  const [type = 0, ...further] = [...bytes].filter((byte) => byte !== 0)
  const known = further.length > 0 ? undefined : KEY_TYPES.get(type)
  return known ?? `0x${BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`).toString(16)}`
}

/** Returns the length of an RSA modulus in bits; undefined for other keys. */
export function modulusBits(publicKey: Uint8Array): number | undefined {
  const key = createPublicKey({ key: Buffer.from(publicKey), type: 'spki', format: 'der' })
  return keyDetails(key).modulusLength
}

/**
 * Describes type and size of a private key for messages, such as `RSA 2048` and `EC P-256`, as far as the token tells.
 *
 * @param publicKey DER SubjectPublicKeyInfo, where the token shows it
 */
export function describeKeyType(
  session: TokenSession,
  handle: Handle,
  publicKey: Uint8Array | undefined,
): string {
  const curve = readAttribute(session, handle, pkcs11js.CKA_EC_PARAMS)
  const size = curve === undefined ? publicKey && modulusBits(publicKey) : describeCurve(curve)
  return [readKeyType(session, handle) ?? 'unknown type', size ?? ''].join(' ').trim()
}

/** Returns whether a key may be of a type. One whose type the token does not tell may be of any. */
export function mayBe(type: string | undefined, wanted: KeyType): boolean {
  return type === undefined || type === wanted
}

/** @param publicKey DER SubjectPublicKeyInfo of an RSA or EC key */
export function keyTypeOf(publicKey: Uint8Array): KeyType {
  return modulusBits(publicKey) === undefined ? 'EC' : 'RSA'
}

/** Reads whether there may be copies of a private key outside the token. */
export function readProtection(session: TokenSession, key: Handle): KeyProtection {
  const read = (type: number) => readBoolean(session, key, type)
  return {
    sensitive: read(pkcs11js.CKA_SENSITIVE),
    extractable: read(pkcs11js.CKA_EXTRACTABLE),
    local: read(pkcs11js.CKA_LOCAL),
    alwaysSensitive: read(pkcs11js.CKA_ALWAYS_SENSITIVE),
    neverExtractable: read(pkcs11js.CKA_NEVER_EXTRACTABLE),
  }
}

/** Returns the mechanisms that the key may be used with; undefined where it may be used with all, or the token does not tell. */
export function readAllowedMechanisms(session: TokenSession, key: Handle): readonly number[] | undefined {
  const list = readAttribute(session, key, pkcs11js.CKA_ALLOWED_MECHANISMS)
  if (list === undefined || list.length === 0 || list.length % ULONG !== 0) {
    return undefined
  }
  // The array reads them in this machine's byte order, as the library wrote them
  return Array.from(new BigUint64Array(Uint8Array.from(list).buffer), Number)
}

/** Length of a CK_MECHANISM_TYPE in bytes, on 64-bit machines. */
const ULONG = 8
