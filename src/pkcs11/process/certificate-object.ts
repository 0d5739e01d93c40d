import type { X509Certificate } from 'node:crypto'
import type { Handle } from 'pkcs11js'
import pkcs11js from 'pkcs11js'
import { encodePublicKey } from '../../algorithms/public-key.ts'
import { readCertificate } from '../../x509/read-certificate.ts'
import { validityPeriod } from '../../x509/validity.ts'
import type { FoundKey } from '../messages.ts'
import { findObjects, findPrivateKeys, readAttribute, readId, readPublicHalf } from './attributes.ts'
import { keyTypeOf, mayBe, readKeyType } from './key-attributes.ts'
import { misconfigured } from './open-error.ts'
import type { TokenSession } from './user-session.ts'

/** Most certificates of a key that are told, the newest: each is reviewed, which takes milliseconds. */
const MAX_CERTIFICATES = 32

/**
 * Returns the certificates that belong to a private key as DER, each once: a renewed one may lie beside the old one.
 *
 * @throws OpenError when there is none, and when the token does not show the public half and they have several
 */
export function findOwnCertificates(
  session: TokenSession,
  key: CertifiedKey,
): readonly [Buffer, ...Buffer[]] {
  const fitting = findCertificates(session, key)
  if (fitting.length === 0) {
    const missing = 'is required, since the token holds no certificate that matches the private key'
    const message = [missing, ...describeUnreadable(session, key)].join('; ')
    throw misconfigured('certificate', message, 'there is no certificate for the private key')
  }
  if (!haveOnePublicKey(fitting)) {
    const message =
      'is required: the token holds certificates of several public keys with the id of the private key, and does not ' +
      'show which is its own; or delete the others with "signing-service delete-cert"'
    throw misconfigured('certificate', message, 'there are several certificates for the private key')
  }
  const distinct = new Map(fitting.map(({ certificate }) => [certificate.fingerprint256, certificate]))
  const beginning = (certificate: X509Certificate) => validityPeriod(certificate).notBefore.getTime()
  const newestFirst = [...distinct.values()].toSorted((a, b) => beginning(b) - beginning(a))
  return newestFirst.slice(0, MAX_CERTIFICATES).map(({ raw }) => raw) as [Buffer, ...Buffer[]]
}

/** The service takes none where the token does not show which of several public keys is that of the private key. */
export function haveOnePublicKey(certificates: readonly CertificateObject[]): boolean {
  return new Set(certificates.map(({ publicKey }) => publicKey.toString('base64'))).size === 1
}

/**
 * Returns the certificates of a private key in the token's order: those with the key's public half, since a renewed one may have
 * another CKA_ID or none. Where the token does not show that half, as of an EC key without a public key object, it is the one public key
 * of the certificates of the key's type with the key's CKA_ID. If these have several, it returns them, and if there are none, those of
 * the one public key of that type that no other private key has.
 */
export function findCertificates(session: TokenSession, key: CertifiedKey): CertificateObject[] {
  const { id, publicKey: shown } = key
  if (shown !== undefined) {
    return certificatesOf(session, shown)
  }
  const type = readKeyType(session, key.handle)
  const isOfType = ({ publicKey }: CertificateObject) => mayBe(type, keyTypeOf(publicKey))
  const sameId = id === '' ? [] : readCertificates(session, id).filter(isOfType)
  const [first] = sameId
  if (first !== undefined) {
    return haveOnePublicKey(sameId) ? certificatesOf(session, first.publicKey) : sameId
  }
  const ofOthers = readOnce(publicHalves, session, readPublicHalves)
  const ofNobody = readAll(session).filter(
    (one) => isOfType(one) && !ofOthers.has(one.publicKey.toString('base64')),
  )
  return haveOnePublicKey(ofNobody) ? ofNobody : []
}

function certificatesOf(session: TokenSession, wanted: Uint8Array): CertificateObject[] {
  return readAll(session).filter(({ publicKey }) => publicKey.equals(wanted))
}

/** Returns those of all private keys of a token that it shows, in base64. */
function readPublicHalves(session: TokenSession): ReadonlySet<string> {
  const publicKeys = findPrivateKeys(session).map((key) => readPublicHalf(session, key, readId(session, key)))
  return new Set(publicKeys.flatMap((publicKey) => publicKey?.toString('base64') ?? []))
}

type CertifiedKey = Pick<FoundKey, 'id' | 'publicKey'> & { readonly handle: Handle }

export interface CertificateObject {
  readonly certificate: X509Certificate
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Buffer
}

/** Keep what a session has read of a whole token, since each key of it asks for that. */
const certificates = new WeakMap<TokenSession, CertificateObject[]>()
const publicHalves = new WeakMap<TokenSession, ReadonlySet<string>>()

function readOnce<Content>(
  kept: WeakMap<TokenSession, Content>,
  session: TokenSession,
  read: (session: TokenSession) => Content,
): Content {
  const content = kept.get(session) ?? read(session)
  kept.set(session, content)
  return content
}

function readAll(session: TokenSession): CertificateObject[] {
  return readOnce(certificates, session, readCertificates)
}

/** An object that is no certificate belongs to no key, and must not keep the others from being found. */
function readCertificates(session: TokenSession, id?: string): CertificateObject[] {
  return readValues(session, id).flatMap((value) => {
    try {
      const certificate = readCertificate(value)
      return [{ certificate, publicKey: encodePublicKey(certificate.publicKey) }]
    } catch {
      return []
    }
  })
}

/**
 * Returns the values of certificate objects; an empty one where the token does not show it.
 *
 * @param id CKA_ID in hex; absent for all
 */
function readValues(session: TokenSession, id?: string): Buffer[] {
  const template = [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_CERTIFICATE },
    { type: pkcs11js.CKA_CERTIFICATE_TYPE, value: pkcs11js.CKC_X_509 },
    ...(id === undefined ? [] : [{ type: pkcs11js.CKA_ID, value: Buffer.from(id, 'hex') }]),
  ]
  return findObjects(session, template).map(
    (object) => readAttribute(session, object, pkcs11js.CKA_VALUE) ?? Buffer.alloc(0),
  )
}

/** Says why an object with the id of the key is not its certificate, though it looks like that to other tools. */
function describeUnreadable(session: TokenSession, { id }: CertifiedKey): string[] {
  const values = id === '' ? [] : readValues(session, id)
  return values.flatMap((value) => {
    try {
      readCertificate(value)
      return []
    } catch (error) {
      return [`one with the id of the key is not encoded as RFC 5280 says (${(error as Error).message})`]
    }
  })
}
