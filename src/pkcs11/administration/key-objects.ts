import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { findById, findObjects, readAttribute, readRsaPublicKey } from '../process/attributes.ts'
import { encodeEllipticKey } from './elliptic-curves.ts'

/** DER SubjectPublicKeyInfo of an RSA or EC key object; undefined where the token does not show it. */
export function readPublicKey(session: Session, object: Handle): Buffer | undefined {
  const rsa = readRsaPublicKey(session, object)
  if (rsa !== undefined) {
    return rsa
  }
  const parameters = readAttribute(session, object, pkcs11js.CKA_EC_PARAMS)
  const point = readAttribute(session, object, pkcs11js.CKA_EC_POINT)
  return parameters === undefined || point === undefined ? undefined : encodeEllipticKey(parameters, point)
}

/** The public half of a private key: what the key itself shows, or the public key object that has its id. */
export function readPublicHalf(session: Session, privateKey: Handle): Buffer | undefined {
  const own = readPublicKey(session, privateKey)
  if (own !== undefined) {
    return own
  }
  const id = readAttribute(session, privateKey, pkcs11js.CKA_ID) ?? Buffer.alloc(0)
  const [publicKey] = findById(session, pkcs11js.CKO_PUBLIC_KEY, id)
  return publicKey === undefined ? undefined : readPublicKey(session, publicKey)
}

/** All that this user can see. */
export function findPrivateKeys(session: Session): Handle[] {
  return findObjects(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }])
}
