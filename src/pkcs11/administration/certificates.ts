/** The certificate objects of a token: what there is, and how one is deleted. */

import { X509Certificate } from 'node:crypto'
import type { Session } from 'graphene-pk11'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { fingerprint } from '../../algorithms/public-key.ts'
import { describeSubject } from '../../x509/validity.ts'
import { findObjects, readAttribute, readId, readPublicHalf } from '../process/attributes.ts'
import { type CertificateObject, findCertificates } from '../process/certificate-object.ts'
import { describeFailure } from '../return-values.ts'
import type { CertificateDescription } from './descriptions.ts'
import { RefusedError } from './failure.ts'
import { findPrivateKeys } from './key-objects.ts'
import type { DeletedCertificate } from './messages.ts'

/** Returns all certificates that the user can see, in the token's order. */
export function listCertificates(session: Session): CertificateDescription[] {
  const ofKeys = findPrivateKeys(session).map((key) => {
    const id = readId(session, key)
    const publicKey = readPublicHalf(session, key, id)
    return findCertificates(session, {
      id: id.toString('hex'),
      ...(publicKey === undefined ? {} : { publicKey }),
    })
  })
  return findAll(session).map((object) => describe(session, object, ofKeys))
}

/**
 * Deletes the objects that hold a certificate.
 *
 * @param wanted SHA-256 of its DER in hex
 * @throws RefusedError when there is none, and when the token does not delete it
 */
export function deleteCertificate(session: Session, wanted: string): DeletedCertificate {
  const objects = findAll(session).filter((object) => {
    const value = readAttribute(session, object, pkcs11js.CKA_VALUE)
    return value !== undefined && fingerprint(value) === wanted
  })
  if (objects.length === 0) {
    throw new RefusedError('the token holds no certificate with this fingerprint any more')
  }
  for (const object of objects) {
    destroy(session, object)
  }
  return { fingerprint: wanted, objects: objects.length }
}

function destroy(session: Session, object: Handle): void {
  try {
    session.lib.C_DestroyObject(session.handle, object)
  } catch (error) {
    const { returnValue } = describeFailure(error)
    throw new RefusedError(`the token does not delete the certificate: C_DestroyObject ${returnValue}`)
  }
}

function findAll(session: Session): Handle[] {
  return findObjects(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE }])
}

function describe(
  session: Session,
  object: Handle,
  ofKeys: readonly (readonly CertificateObject[])[],
): CertificateDescription {
  const read = (type: number) => readAttribute(session, object, type)
  const value = read(pkcs11js.CKA_VALUE)
  const isIn = (certificates: readonly CertificateObject[]) =>
    certificates.some(({ raw }) => value?.equals(raw))
  return {
    label: read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? null,
    id: read(pkcs11js.CKA_ID)?.toString('hex') ?? null,
    ...describeContent(value),
    privateKey: ofKeys.some(isIn),
    used: ofKeys.some((certificates) => isUnambiguous(certificates) && isIn(certificates.slice(0, 1))),
    fingerprint: value === undefined ? null : fingerprint(value),
  }
}

/** The service takes none where the token does not show which of several public keys is that of the private key. */
function isUnambiguous(certificates: readonly CertificateObject[]): boolean {
  return new Set(certificates.map(({ publicKey }) => publicKey.toString('base64'))).size === 1
}

/** Something that is no certificate must not keep the others from being seen. */
function describeContent(value: Buffer | undefined) {
  try {
    const certificate = new X509Certificate(value ?? '')
    const { serialNumber, validFrom, validTo } = certificate
    return {
      subject: describeSubject(certificate),
      serialNumber,
      notBefore: toIsoTime(validFrom),
      notAfter: toIsoTime(validTo),
    }
  } catch {
    return { subject: null, serialNumber: null, notBefore: null, notAfter: null }
  }
}

/** Returns a time as OpenSSL writes it in the form of ISO 8601; null for one that is none. */
function toIsoTime(time: string): string | null {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
