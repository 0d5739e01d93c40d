import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { fingerprint } from '../../algorithms/public-key.ts'
import { findById, readAttribute, readId, readPublicHalf } from '../process/attributes.ts'
import { describeFailure } from '../return-values.ts'
import { RefusedError } from './failure.ts'
import { findPrivateKeys } from './key-objects.ts'
import type { CertificateRequest, ImportedCertificate } from './messages.ts'

/**
 * Puts a certificate beside the private key with its public half: an object of the same CKA_ID, by which it is found
 * again. One that is there already is not put there twice.
 *
 * @throws RefusedError when there is no such key, or the token takes no certificates
 */
export function importCertificate(session: Session, request: CertificateRequest): ImportedCertificate {
  const key = findKey(session, request.publicKey)
  const id = readId(session, key)
  if (id.length === 0) {
    throw new RefusedError(
      'the private key has no CKA_ID by which a certificate could be found: give it one first',
    )
  }
  const label = request.label ?? `${readAttribute(session, key, pkcs11js.CKA_LABEL) ?? ''}`
  const there = findById(session, pkcs11js.CKO_CERTIFICATE, id)
  const same = there.filter((object) =>
    readAttribute(session, object, pkcs11js.CKA_VALUE)?.equals(request.value),
  )
  const result = { label, id: id.toString('hex'), others: there.length - same.length }
  if (same.length > 0) {
    return { ...result, created: false }
  }
  createObject(session, request, id, label)
  return { ...result, created: true }
}

function findKey(session: Session, publicKey: Uint8Array): Handle {
  const keys = findPrivateKeys(session)
  const key = keys.find((handle) =>
    readPublicHalf(session, handle, readId(session, handle))?.equals(publicKey),
  )
  if (key === undefined) {
    throw new RefusedError(
      `none of the ${keys.length} private keys that this user can see has the certificate's public key, whose SHA-256 ` +
        `fingerprint is ${fingerprint(publicKey)}; "signing-service keys" lists those there are`,
    )
  }
  return key
}

/** PKCS#11 2.40 4.6.3. */
function createObject(session: Session, request: CertificateRequest, id: Buffer, label: string): void {
  try {
    session.lib.C_CreateObject(session.handle, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
      { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: false },
      { type: pkcs11js.CKA_ID, value: id },
      { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
      { type: pkcs11js.CKA_SUBJECT, value: Buffer.from(request.subject) },
      { type: pkcs11js.CKA_ISSUER, value: Buffer.from(request.issuer) },
      { type: pkcs11js.CKA_SERIAL_NUMBER, value: Buffer.from(request.serialNumber) },
      { type: pkcs11js.CKA_VALUE, value: Buffer.from(request.value) },
    ])
  } catch (error) {
    const { returnValue } = describeFailure(error)
    throw new RefusedError(
      `the token does not take the certificate: C_CreateObject ${returnValue}. Not every HSM stores certificates; ` +
        'the service reads its own from SIGNER_CERTIFICATE_FILE as well',
    )
  }
}
