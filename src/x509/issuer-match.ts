/**
 * Tells by names and key identifiers whether one certificate can be the issuer of another. It verifies no signature.
 */
import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { type CertificateFields, readCertificateFields } from './certificate-fields.ts'
import type { Extensions } from './extensions.ts'
import { DIRECTORY_NAME } from './general-names.ts'
import { canonicalName, sameName } from './names.ts'
import { EXTENSION } from './object-identifiers.ts'

/** The fields of AuthorityKeyIdentifier, all tagged implicitly (RFC 5280 4.2.1.1). */
const FIELD = {
  keyIdentifier: contextTag(0, 'primitive'),
  authorityCertIssuer: contextTag(1),
  authorityCertSerialNumber: contextTag(2, 'primitive'),
} as const

interface Identity extends CertificateFields {
  readonly canonicalSubject: string
  readonly canonicalIssuer: string
}

/** Returns whether a certificate has the same name as subject and as issuer (RFC 5280 3.2). */
export function isSelfIssued(certificate: X509Certificate): boolean {
  const identity = identify(certificate)
  return identity !== undefined && identity.canonicalSubject === identity.canonicalIssuer
}

/** Returns whether the subject of `issuer` is the name that `certificate` has for its issuer. */
export function hasIssuerName(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const name = identify(certificate)?.canonicalIssuer
  return name !== undefined && name === identify(issuer)?.canonicalSubject
}

/** Returns whether the names chain, and the certificate's authorityKeyIdentifier is about `issuer`. */
export function matchesIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return (
    hasIssuerName(certificate, issuer) &&
    matchesKeyIdentifier((identify(certificate) as Identity).extensions, issuer)
  )
}

/** Returns whether the authorityKeyIdentifier of a certificate or a CRL, if there is one, is about `issuer`. */
export function matchesKeyIdentifier(extensions: Extensions, issuer: X509Certificate): boolean {
  const own = identify(issuer) as Identity
  try {
    const value = extensions.get(EXTENSION.authorityKeyIdentifier)?.value
    return value === undefined || isAbout(new DerReader(value).enter(TAG.sequence), own)
  } catch {
    return false
  }
}

function isAbout(authority: DerReader, issuer: Identity): boolean {
  const keyIdentifier = authority.optionalContent(FIELD.keyIdentifier)
  const names = authority.enterOptional(FIELD.authorityCertIssuer)?.elements() ?? []
  const serialNumber = authority.optionalContent(FIELD.authorityCertSerialNumber)
  const ownIdentifier = issuer.extensions.get(EXTENSION.subjectKeyIdentifier)?.value
  const name = names.find(([tag]) => tag === DIRECTORY_NAME)
  return (
    (keyIdentifier === undefined ||
      ownIdentifier === undefined ||
      keyIdentifier.equals(new DerReader(ownIdentifier).content(TAG.octetString))) &&
    (serialNumber === undefined || serialNumber.equals(issuer.serialNumber)) &&
    (name === undefined || sameName(new DerReader(name).content(DIRECTORY_NAME), issuer.issuer))
  )
}

/** Returns the names and identifiers of a certificate; undefined if it is not DER, so that it matches nothing. */
function identify(certificate: X509Certificate): Identity | undefined {
  if (!identities.has(certificate)) {
    identities.set(certificate, read(certificate))
  }
  return identities.get(certificate)
}

/** A search compares all pairs of certificates, so each is read only once. */
const identities = new WeakMap<X509Certificate, Identity | undefined>()

function read(certificate: X509Certificate): Identity | undefined {
  try {
    const fields = readCertificateFields(certificate)
    return {
      ...fields,
      canonicalSubject: canonicalName(fields.subject),
      canonicalIssuer: canonicalName(fields.issuer),
    }
  } catch {
    return undefined
  }
}
