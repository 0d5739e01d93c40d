import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { findById, findObjects, readAttribute, readPublicKey } from '../process/attributes.ts'

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
