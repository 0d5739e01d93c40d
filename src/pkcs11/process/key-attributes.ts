/** Reads which operations a private key object allows, and how it is protected (PKCS#11 2.40 4.9). */
import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import type { KeyProtection } from '../messages.ts'
import { readAttribute, readBoolean } from './attributes.ts'

export function readProtection(session: Session, key: Handle): KeyProtection {
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
export function readAllowedMechanisms(session: Session, key: Handle): readonly number[] | undefined {
  const list = readAttribute(session, key, pkcs11js.CKA_ALLOWED_MECHANISMS)
  if (list === undefined || list.length === 0 || list.length % ULONG !== 0) {
    return undefined
  }
  // The array reads them in this machine's byte order, as the library wrote them
  return Array.from(new BigUint64Array(Uint8Array.from(list).buffer), Number)
}

/** Length of a CK_MECHANISM_TYPE in bytes, on 64-bit machines. */
const ULONG = 8
