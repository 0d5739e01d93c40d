import { createPublicKey } from 'node:crypto'
import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { fingerprint } from '../../algorithms/public-key.ts'
import { findById, readAttribute, readBoolean, readPublicHalf } from '../process/attributes.ts'
import { describeCurve } from '../process/elliptic-key.ts'
import { readProtection } from '../process/key-attributes.ts'
import { KEY_TYPES } from '../process/key-type.ts'
import type { KeyDescription } from './descriptions.ts'
import { findPrivateKeys } from './key-objects.ts'

const NO_ID = Buffer.alloc(0)
/** Octets of the shortest CK_ULONG. */
const ULONG = 4

/** All private keys that the user can see, in the token's order. */
export function listKeys(session: Session): KeyDescription[] {
  return findPrivateKeys(session).map((key) => describeKey(session, key))
}

export function describeKey(session: Session, key: Handle): KeyDescription {
  const read = (type: number) => readAttribute(session, key, type)
  const id = read(pkcs11js.CKA_ID)
  const curve = read(pkcs11js.CKA_EC_PARAMS)
  const publicKey = readPublicHalf(session, key, id ?? NO_ID)
  const has = (objectClass: number) => findById(session, objectClass, id ?? NO_ID).length > 0
  return {
    label: read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? null,
    id: id?.toString('hex') ?? null,
    type: nameType(read(pkcs11js.CKA_KEY_TYPE)),
    bits: countBits(publicKey),
    curve: curve === undefined ? null : describeCurve(curve),
    ...readProtection(session, key),
    sign: readBoolean(session, key, pkcs11js.CKA_SIGN),
    alwaysAuthenticate: readBoolean(session, key, pkcs11js.CKA_ALWAYS_AUTHENTICATE),
    publicKeyObject: has(pkcs11js.CKO_PUBLIC_KEY),
    certificateObject: has(pkcs11js.CKO_CERTIFICATE),
    fingerprint: publicKey === undefined ? null : fingerprint(publicKey),
  }
}

/** CK_KEY_TYPE is a number in the machine's byte order, which is little-endian wherever this runs. */
function nameType(type: Buffer | undefined): string | null {
  // Some tokens show an attribute that they do not have as an empty one
  if (type === undefined || type.length < ULONG) {
    return null
  }
  const number = type.readUInt32LE()
  return KEY_TYPES.get(number) ?? `0x${number.toString(16)}`
}

/** Length of an RSA modulus. */
function countBits(publicKey: Buffer | undefined): number | null {
  if (publicKey === undefined) {
    return null
  }
  const { asymmetricKeyDetails } = createPublicKey({ key: publicKey, type: 'spki', format: 'der' })
  return asymmetricKeyDetails?.modulusLength ?? null
}
