import { createPublicKey } from 'node:crypto'
import type { Handle, Template } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { encodeEllipticKey } from './elliptic-key.ts'
import type { TokenSession } from './user-session.ts'

/**
 * Reads one attribute; undefined where the token does not know it or does not show it. One at a time, since a token
 * that refuses one attribute of a set refuses the set.
 */
export function readAttribute(session: TokenSession, object: Handle, type: number): Buffer | undefined {
  try {
    const [attribute] = session.lib.C_GetAttributeValue(session.handle, object, [{ type }])
    return attribute?.value as Buffer
  } catch (error) {
    if (/CKR_ATTRIBUTE_(TYPE_INVALID|SENSITIVE)/.test((error as Error).message)) {
      return undefined
    }
    throw error
  }
}

/** Reads a CK_BBOOL; null where the token does not know it or does not show it. */
export function readBoolean(session: TokenSession, object: Handle, type: number): boolean | null {
  const value = readAttribute(session, object, type)
  return value?.length === 1 ? value[0] !== 0 : null
}

/** Returns all objects that fit a template, in the token's order. */
export function findObjects(session: TokenSession, template: Template): Handle[] {
  const { lib, handle } = session
  lib.C_FindObjectsInit(handle, template)
  try {
    const found: Handle[] = []
    for (let batch = lib.C_FindObjects(handle, 64); batch.length > 0; batch = lib.C_FindObjects(handle, 64)) {
      found.push(...batch)
    }
    return found
  } finally {
    lib.C_FindObjectsFinal(handle)
  }
}

/** Returns the handles of all private keys that the user can see. */
export function findPrivateKeys(session: TokenSession): Handle[] {
  return findObjects(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }])
}

/** Reads CKA_ID; returns an empty one where the object has none, or the token does not show it. */
export function readId(session: TokenSession, object: Handle): Buffer {
  return readAttribute(session, object, pkcs11js.CKA_ID) ?? Buffer.alloc(0)
}

/** Returns the objects of a class that have an id; none has the empty one, which is that of objects without. */
export function findById(session: TokenSession, objectClass: number, id: Uint8Array): Handle[] {
  if (id.length === 0) {
    return []
  }
  return findObjects(session, [
    { type: pkcs11js.CKA_CLASS, value: objectClass },
    { type: pkcs11js.CKA_ID, value: Buffer.from(id) },
  ])
}

/** Returns DER SubjectPublicKeyInfo of an RSA or EC key, public or private; undefined where the token does not show it. */
export function readPublicKey(session: TokenSession, object: Handle): Buffer | undefined {
  return readRsaKey(session, object) ?? readEllipticKey(session, object)
}

/**
 * Returns DER SubjectPublicKeyInfo of a private key: what the key itself shows, or the public key object of its type that has its
 * id; undefined where several such public keys have that id, since nothing tells whose they are.
 *
 * @param id CKA_ID
 */
export function readPublicHalf(
  session: TokenSession,
  privateKey: Handle,
  id: Uint8Array,
): Buffer | undefined {
  const own = readPublicKey(session, privateKey)
  if (own !== undefined) {
    return own
  }
  const [first, ...others] = findById(session, pkcs11js.CKO_PUBLIC_KEY, id)
    .filter((object) => mayShareType(session, privateKey, object))
    .map((object) => readPublicKey(session, object))
  return first !== undefined && others.every((other) => other?.equals(first)) ? first : undefined
}

/** Returns whether two keys may be of one type (CKA_KEY_TYPE), which some tokens do not tell, or show as an empty attribute. */
function mayShareType(session: TokenSession, one: Handle, other: Handle): boolean {
  const [type, otherType] = [one, other].map((key) => readAttribute(session, key, pkcs11js.CKA_KEY_TYPE))
  return !type?.length || !otherType?.length || type.equals(otherType)
}

function readRsaKey(session: TokenSession, object: Handle): Buffer | undefined {
  const modulus = readAttribute(session, object, pkcs11js.CKA_MODULUS)
  const exponent = readAttribute(session, object, pkcs11js.CKA_PUBLIC_EXPONENT)
  if (!modulus?.length || !exponent?.length) {
    return undefined
  }
  const key = { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') }
  return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' })
}

function readEllipticKey(session: TokenSession, object: Handle): Buffer | undefined {
  const parameters = readAttribute(session, object, pkcs11js.CKA_EC_PARAMS)
  const point = readAttribute(session, object, pkcs11js.CKA_EC_POINT)
  return parameters === undefined || point === undefined ? undefined : encodeEllipticKey(parameters, point)
}
