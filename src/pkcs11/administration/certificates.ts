/** The certificate objects of a token: what there is, and how one is put there and deleted. */
import { X509Certificate } from 'node:crypto'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { encodePublicKey, fingerprint } from '../../algorithms/public-key.ts'
import { encode } from '../../asn1/der-writer.ts'
import { TAG } from '../../asn1/tag.ts'
import { defined } from '../../common/defined.ts'
import { readCertificateFields } from '../../x509/certificate-fields.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { bestFirst } from '../../x509/review/signer-candidates.ts'
import { describeSubject } from '../../x509/validity.ts'
import {
  findById,
  findObjects,
  findPrivateKeys,
  readAttribute,
  readId,
  readPublicHalf,
} from '../process/attributes.ts'
import { type CertificateObject, findCertificates, haveOnePublicKey } from '../process/certificate-object.ts'
import { withPublicKey } from '../process/private-key.ts'
import type { TokenSession } from '../process/user-session.ts'
import { describeFailure } from '../return-values.ts'
import { destroy } from './destroy.ts'
import { RefusedError } from './failure.ts'

/**
 * Returns all certificates that the user can see, in the token's order.
 *
 * @param caCertificates DER of the issuers that the service knows
 */
export function listCertificates(
  session: TokenSession,
  caCertificates: readonly Uint8Array[],
): CertificateDescription[] {
  const ofKeys = findPrivateKeys(session).map((key) => {
    const certificates = certificatesOfKey(session, key)
    return {
      certificates: certificates.map(({ certificate }) => certificate.raw),
      chosen: choose(certificates, caCertificates),
    }
  })
  return findAll(session).map((object) => describe(session, object, ofKeys))
}

/**
 * Deletes the objects that hold a certificate.
 *
 * @param wanted SHA-256 of its DER in hex
 * @throws RefusedError when there is none, and when the token does not delete it
 */
export function deleteCertificate(session: TokenSession, wanted: string) {
  const objects = findAll(session).filter((object) => {
    const value = readAttribute(session, object, pkcs11js.CKA_VALUE)
    return value !== undefined && fingerprint(value) === wanted
  })
  if (objects.length === 0) {
    throw new RefusedError('the token holds no certificate with this fingerprint any more')
  }
  for (const object of objects) {
    destroy(session, object, 'the certificate')
  }
  return { fingerprint: wanted, objects: objects.length }
}

function certificatesOfKey(session: TokenSession, key: Handle): CertificateObject[] {
  const id = readId(session, key)
  const publicKey = readPublicHalf(session, key, id)
  return findCertificates(session, { handle: key, id: id.toString('hex'), ...defined({ publicKey }) })
}

function findAll(session: TokenSession): Handle[] {
  return findObjects(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE }])
}

export type CertificateDescription = ReturnType<typeof describe>

interface CertifiedKey {
  /** DER. */
  readonly certificates: readonly Buffer[]
  /** DER of the one that the service takes; undefined if it takes none. */
  readonly chosen: Buffer | undefined
}

/** Returns DER of the certificate that the service takes of those of a key; undefined if it takes none. */
function choose(
  certificates: readonly CertificateObject[],
  caCertificates: readonly Uint8Array[],
): Buffer | undefined {
  const candidates = haveOnePublicKey(certificates) ? certificates.map(({ certificate }) => certificate) : []
  return bestFirst(candidates, caCertificates.map(readCertificate))[0]?.raw
}

/** Describes an object; null is what the token does not show, and what is no X.509 certificate does not have. */
function describe(session: TokenSession, object: Handle, ofKeys: readonly CertifiedKey[]) {
  const read = (type: number) => readAttribute(session, object, type)
  const value = read(pkcs11js.CKA_VALUE)
  const isValue = (der: Buffer | undefined) => der !== undefined && value?.equals(der) === true
  return {
    label: read(pkcs11js.CKA_LABEL)?.toString('utf8') ?? null,
    /** CKA_ID in lower-case hex. */
    id: read(pkcs11js.CKA_ID)?.toString('hex') ?? null,
    ...describeContent(value),
    ...describeReading(value),
    /** True if the token shows a private key that the certificate belongs to. */
    privateKey: ofKeys.some(({ certificates }) => certificates.some(isValue)),
    /** True if the service takes it for that key, unless a file has the certificate. */
    used: ofKeys.some(({ chosen }) => isValue(chosen)),
    /** SHA-256 of the value in hex. */
    fingerprint: value === undefined ? null : fingerprint(value),
  }
}

/** Something that is no certificate must not keep the others from being seen. */
function describeContent(value: Buffer | undefined) {
  try {
    const certificate = new X509Certificate(value ?? '')
    const { serialNumber, validFrom, validTo } = certificate
    return {
      subject: describeSubject(certificate),
      /** Upper-case hex. */
      serialNumber,
      notBefore: toIsoTime(validFrom),
      notAfter: toIsoTime(validTo),
    }
  } catch {
    return { subject: null, serialNumber: null, notBefore: null, notAfter: null }
  }
}

interface Reading {
  /** Says why the service takes it for no key, though other software may read it; null if the service reads it. */
  readonly problem: string | null
  /** SHA-256 of its DER SubjectPublicKeyInfo in hex, by which `keys` names the key; null if the service does not read that. */
  readonly publicKey: string | null
}

function describeReading(value: Buffer | undefined): Reading {
  if (value === undefined) {
    return { problem: 'the token does not show its value', publicKey: null }
  }
  try {
    return { problem: null, publicKey: findFingerprint(readCertificate(value)) }
  } catch (error) {
    return { problem: (error as Error).message, publicKey: null }
  }
}

function findFingerprint(certificate: X509Certificate): string | null {
  try {
    return fingerprint(encodePublicKey(certificate.publicKey))
  } catch {
    // OpenSSL does not know keys of this kind
    return null
  }
}

/** Returns a time as OpenSSL writes it in the form of ISO 8601; null for one that is none. */
function toIsoTime(time: string): string | null {
  const date = new Date(time)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}

/**
 * Puts a certificate beside the private key with its public half, as an object of the same CKA_ID, by which it is found
 * again. Where no key shows it, that is the only key of its type whose public half the token does not show, and the first test
 * signature of the service tells whether it is. A certificate that is there already is not put there twice.
 *
 * @param caCertificates DER of the issuers that the service knows
 * @param wantedLabel label in place of the key's own
 * @returns label and id of both, the number of other certificates with this id, whether this one is new, and whether the
 *   service takes it, unless a file has the certificate
 * @throws RefusedError when there is no such key, or the token takes no certificates
 */
export function importCertificate(
  session: TokenSession,
  der: Uint8Array,
  caCertificates: readonly Uint8Array[],
  wantedLabel?: string,
) {
  const certificate = readCertificate(der)
  const publicKey = encodePublicKey(certificate.publicKey)
  const key = findKey(session, publicKey)
  const id = readId(session, key)
  if (id.length === 0) {
    throw new RefusedError(
      'the private key has no CKA_ID by which a certificate could be found: give it one first',
    )
  }
  const label = wantedLabel ?? `${readAttribute(session, key, pkcs11js.CKA_LABEL) ?? ''}`
  const there = findById(session, pkcs11js.CKO_CERTIFICATE, id)
  const created = !there.some((object) => readAttribute(session, object, pkcs11js.CKA_VALUE)?.equals(der))
  if (created) {
    createObject(session, certificate, id, label)
  }
  const ofKey = certificatesOfKey(session, key)
  const used = choose(ofKey, caCertificates)?.equals(der) === true
  const others = ofKey.filter(({ certificate }) => !certificate.raw.equals(der)).length
  return { label, id: id.toString('hex'), others, created, used }
}

/** Returns the key with a public half, or the only one of its type whose public half the token does not show. */
function findKey(session: TokenSession, wanted: Uint8Array): Handle {
  const keys = findPrivateKeys(session).map((handle) => ({
    handle,
    ...defined({ publicKey: readPublicHalf(session, handle, readId(session, handle)) }),
  }))
  const fitting = withPublicKey(session, keys, wanted)
  const [first] = fitting
  const found = fitting.length === 1 || first?.publicKey !== undefined ? first : undefined
  if (found === undefined) {
    const unshown = `; the token does not show the public half of ${fitting.length} that may have it`
    throw new RefusedError(
      `none of the ${keys.length} private keys that this user can see has the certificate's public key, whose SHA-256 ` +
        `fingerprint is ${fingerprint(wanted)}${fitting.length > 0 ? unshown : ''}; "signing-service keys" lists those there are`,
    )
  }
  return found.handle
}

/** Creates the object (PKCS#11 2.40 4.6.3), with the names as the issuer encoded them, since tokens compare bytes. */
function createObject(session: TokenSession, { raw }: X509Certificate, id: Buffer, label: string): void {
  const { subject, issuer, serialNumber } = readCertificateFields({ raw })
  try {
    session.lib.C_CreateObject(session.handle, [
      { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
      { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
      { type: pkcs11js.CKA_TOKEN, value: true },
      { type: pkcs11js.CKA_PRIVATE, value: false },
      { type: pkcs11js.CKA_ID, value: id },
      { type: pkcs11js.CKA_LABEL, value: Buffer.from(label) },
      { type: pkcs11js.CKA_SUBJECT, value: subject },
      { type: pkcs11js.CKA_ISSUER, value: issuer },
      { type: pkcs11js.CKA_SERIAL_NUMBER, value: encode(TAG.integer, serialNumber) },
      { type: pkcs11js.CKA_VALUE, value: raw },
    ])
  } catch (error) {
    const { returnValue } = describeFailure(error)
    throw new RefusedError(
      `the token does not take the certificate: C_CreateObject ${returnValue}. Not every HSM stores certificates; ` +
        'the service reads its own from SIGNER_CERTIFICATE_FILE as well',
    )
  }
}
