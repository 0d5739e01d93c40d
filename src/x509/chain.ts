import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateExtensions } from './certificate-extensions.ts'
import { type CertificateFields, readCertificateFields } from './certificate-fields.ts'
import { EXTENSION, type Extensions } from './extensions.ts'
import { publicKeyOf } from './key-type.ts'
import { canonicalName, DIRECTORY_NAME, sameName } from './names.ts'
import { findInvalidity, validityPeriod } from './validity.ts'

/** A signer certificate's issuers. */
export interface Chain {
  /** Nearest first; without the leaf, with the root where it is known. */
  readonly issuers: readonly X509Certificate[]
  /** True if the last one is an end, a root as a rule: validators accept only a chain that reaches their trust anchor. */
  readonly complete: boolean
}

/**
 * Builds the path from `leaf` upwards out of candidates in any order (RFC 5280 6.1: names chain and each signature
 * verifies). It leaves out candidates that are not above the leaf.
 *
 * Cross-signed CAs, and those whose certificate was renewed, give several paths. Of those to a self-signed root the one wins
 * that weighs least, of these the one that is valid for longest, until the leaf itself ends, and of these the shortest; and one
 * that is valid at `at` before one that is not. If none reaches a root, the path goes up as far as it can.
 *
 * @param isEnd tells which certificates stand for roots: self-signed ones unless others are trusted
 * @param weigh tells how much speaks against the issuer at a place of a path, leaf first; nothing by default
 */
export function buildChain(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  at = new Date(),
  isEnd = isSelfSigned,
  weigh: Weigh = () => 0,
): Chain {
  const validCandidates = candidates.filter(
    (candidate) => findInvalidity([validityPeriod(candidate)], at) === undefined,
  )
  const valid = search(leaf, validCandidates, isEnd, weigh)
  if (valid.complete || validCandidates.length === candidates.length) {
    return valid
  }
  const any = search(leaf, candidates, isEnd, weigh)
  return any.complete || valid.issuers.length === 0 ? any : valid
}

/**
 * Counts the authorities between the certificate at `index` of a path and the leaf. pathLenConstraint does not count
 * self-issued ones (RFC 5280 4.2.1.9).
 *
 * @param path leaf first
 */
export function authoritiesBelow(path: readonly X509Certificate[], index: number): number {
  return path.slice(1, index).filter((certificate) => !isSelfIssued(certificate)).length
}

/** Tells how much speaks against the issuer at a place of a path, which begins with the leaf. */
export type Weigh = (path: readonly X509Certificate[], index: number) => number

/** A certificate of a path that is being searched. */
interface Step {
  readonly certificate: X509Certificate
  /** The path from the leaf's issuer up to the certificate. */
  readonly issuers: readonly X509Certificate[]
  /** The weights of these together. */
  readonly weight: number
  /** The moment at which the first certificate of the path ends, the leaf among them, in ms. */
  readonly end: number
}

/**
 * Goes on with the best path each time, with each certificate once, so that cross-certificates neither loop nor multiply the
 * work.
 */
function search(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  isEnd: (certificate: X509Certificate) => boolean,
  weigh: Weigh,
): Chain {
  const steps: Step[] = [{ certificate: leaf, issuers: [], weight: 0, end: endOf(leaf) }]
  const rest = new Set(candidates)
  let farthest: readonly X509Certificate[] = []
  for (let step = takeBest(steps); step !== undefined; step = takeBest(steps)) {
    const { certificate, end } = step
    if (isEnd(certificate)) {
      return { issuers: step.issuers, complete: true }
    }
    farthest = step.issuers.length > farthest.length ? step.issuers : farthest
    for (const candidate of rest) {
      if (isIssuedBy(certificate, candidate)) {
        rest.delete(candidate)
        const issuers = [...step.issuers, candidate]
        const weight = step.weight + weigh([leaf, ...issuers], issuers.length)
        steps.push({ certificate: candidate, issuers, weight, end: Math.min(end, endOf(candidate)) })
      }
    }
  }
  return { issuers: farthest, complete: false }
}

/** Takes the step whose path weighs least, of several the one that lasts longest, of these the shortest, and of these the first. */
function takeBest(steps: Step[]): Step | undefined {
  const best = steps.reduce((best, step) => (compareSteps(step, best) < 0 ? step : best), steps[0] as Step)
  steps.splice(steps.indexOf(best), 1)
  return best
}

function compareSteps(a: Step, b: Step): number {
  return a.weight - b.weight || b.end - a.end || a.issuers.length - b.issuers.length
}

function endOf(certificate: X509Certificate): number {
  return validityPeriod(certificate).notAfter.getTime()
}

/** Returns whether a certificate is signed with its own key, whatever its key usage allows. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSelfIssued(certificate) && isSignedWithKeyOf(certificate, certificate)
}

/**
 * Returns whether `issuer` has issued a certificate and, by its key usage, may issue any. It does without Node's
 * `checkIssued`: OpenSSL compares names without the preparation of RFC 5280 7.1 for characters beyond ASCII, and refuses an
 * issuer that has another certificate of the same key in the authorityKeyIdentifier, as after a renewal of the authority.
 */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return (
    hasIssuerName(certificate, issuer) &&
    matchesKeyIdentifier(readCertificateFields(certificate).extensions, issuer) &&
    isSignedWithKeyOf(certificate, issuer) &&
    mayIssue(issuer)
  )
}

/** Returns whether the key of `issuer` signed a certificate, whatever either says of the other. */
export function isSignedWithKeyOf(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const known = verified.get(certificate) ?? new WeakMap<X509Certificate, boolean>()
  const before = known.get(issuer)
  if (before !== undefined) {
    return before
  }
  const key = publicKeyOf(issuer)
  const isSigned = key !== undefined && certificate.verify(key)
  verified.set(certificate, known.set(issuer, isSigned))
  return isSigned
}

/** Keeps whether a certificate is signed with the key of another: a search that goes around one asks again for most pairs. */
const verified = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>()

/** Returns whether the key usage of an issuer allows it to sign certificates (RFC 5280 4.2.1.3). */
function mayIssue(issuer: X509Certificate): boolean {
  return readCertificateExtensions(issuer).keyUsage?.includes('keyCertSign') ?? true
}

/** A certificate of a chain that may have been revoked. */
export interface ChainLink {
  readonly certificate: X509Certificate
  /** Undefined if the chain does not reach it: then no answer about the certificate can be verified. */
  readonly issuer: X509Certificate | undefined
}

/**
 * Returns all certificates of a chain but the root, which nobody can revoke, and a leaf that its authority never revokes.
 *
 * @param chain leaf first
 */
export function chainLinks(chain: readonly X509Certificate[]): readonly ChainLink[] {
  const links = chain.map((certificate, index) => ({ certificate, issuer: chain[index + 1] }))
  return links.filter(
    ({ certificate, issuer }) =>
      (issuer !== undefined || !isSelfSigned(certificate)) && !isNeverRevoked(certificate),
  )
}

function isNeverRevoked(certificate: X509Certificate): boolean {
  try {
    return readCertificateExtensions(certificate).neverRevoked
  } catch {
    return false
  }
}

/** Returns a key that is the same for equal certificates, even if they come from different files. */
export function linkKey(certificate: X509Certificate, issuer: X509Certificate): string {
  return `${certificate.fingerprint256} ${issuer.fingerprint256}`
}

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

/** Returns whether two certificates have the same name for their issuer. */
export function hasSameIssuer(one: X509Certificate, other: X509Certificate): boolean {
  const name = identify(one)?.canonicalIssuer
  return name !== undefined && name === identify(other)?.canonicalIssuer
}

/** Returns whether two certificates have the same subject. */
export function hasSameSubject(one: X509Certificate, other: X509Certificate): boolean {
  const name = identify(one)?.canonicalSubject
  return name !== undefined && name === identify(other)?.canonicalSubject
}

/** Returns whether the names chain, and the certificate's authorityKeyIdentifier is about `issuer`. */
export function matchesIssuer(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return (
    hasIssuerName(certificate, issuer) &&
    matchesAuthorityKeyIdentifier((identify(certificate) as Identity).extensions, issuer)
  )
}

/** Returns whether all of the authorityKeyIdentifier of a certificate or a CRL, if there is one, is about `issuer`. OpenSSL demands that. */
export function matchesAuthorityKeyIdentifier(extensions: Extensions, issuer: X509Certificate): boolean {
  return matchesAuthority(extensions, issuer, isAbout)
}

/**
 * Returns whether the keyIdentifier in the authorityKeyIdentifier of a certificate or a CRL, if there is one, is that of `issuer`. The
 * name and the serial number beside it may be those of another certificate of the same key.
 */
export function matchesKeyIdentifier(extensions: Extensions, issuer: X509Certificate): boolean {
  return matchesAuthority(extensions, issuer, hasKeyIdentifier)
}

function matchesAuthority(
  extensions: Extensions,
  issuer: X509Certificate,
  matches: (authority: DerReader, issuer: Identity) => boolean,
): boolean {
  const own = identify(issuer) as Identity
  try {
    const value = extensions.get(EXTENSION.authorityKeyIdentifier)?.value
    return value === undefined || matches(new DerReader(value).enter(TAG.sequence), own)
  } catch {
    return false
  }
}

function hasKeyIdentifier(authority: DerReader, { extensions }: Identity): boolean {
  const keyIdentifier = authority.optionalContent(FIELD.keyIdentifier)
  const ownIdentifier = extensions.get(EXTENSION.subjectKeyIdentifier)?.value
  return (
    keyIdentifier === undefined ||
    ownIdentifier === undefined ||
    keyIdentifier.equals(new DerReader(ownIdentifier).content(TAG.octetString))
  )
}

function isAbout(authority: DerReader, issuer: Identity): boolean {
  const isItsKey = hasKeyIdentifier(authority, issuer)
  const names = authority.enterOptional(FIELD.authorityCertIssuer)?.elements() ?? []
  const serialNumber = authority.optionalContent(FIELD.authorityCertSerialNumber)
  const name = names.find(([tag]) => tag === DIRECTORY_NAME)
  return (
    isItsKey &&
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
