import type { X509Certificate } from 'node:crypto'
import { readCertificateExtensions } from './certificate-extensions.ts'
import { isSelfIssued, matchesIssuer } from './issuer-match.ts'
import { publicKeyOf } from './key-type.ts'
import { findInvalidity, validityPeriod } from './validity.ts'

/** A signer certificate's issuers. */
export interface Chain {
  /** Nearest first; without the leaf, with the root where it is known. */
  readonly issuers: readonly X509Certificate[]
  /** True if the last one is self-signed: validators accept only a chain that reaches their trust anchor. */
  readonly complete: boolean
}

/**
 * Builds the path from `leaf` upwards out of candidates in any order (RFC 5280 6.1: names chain and each signature
 * verifies). It leaves out candidates that are not above the leaf.
 *
 * Cross-signed CAs give several paths. The shortest one to a self-signed root wins, and one that is valid at `at`
 * before one that is not. If none reaches a root, the path goes up as far as it can.
 */
export function buildChain(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  at = new Date(),
): Chain {
  const validCandidates = candidates.filter(
    (candidate) => findInvalidity([validityPeriod(candidate)], at) === undefined,
  )
  const valid = search(leaf, validCandidates)
  if (valid.complete || validCandidates.length === candidates.length) {
    return valid
  }
  const any = search(leaf, candidates)
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

/** A certificate of a path that is being searched. */
interface Step {
  readonly certificate: X509Certificate
  /** The path from the leaf's issuer up to the certificate. */
  readonly issuers: readonly X509Certificate[]
}

/**
 * Searches breadth first, with each certificate once, so that cross-certificates neither loop nor multiply the work.
 */
function search(leaf: X509Certificate, candidates: readonly X509Certificate[]): Chain {
  const steps: Step[] = [{ certificate: leaf, issuers: [] }]
  const rest = new Set(candidates)
  let farthest: readonly X509Certificate[] = []
  for (const { certificate, issuers } of steps) {
    if (isSelfSigned(certificate)) {
      return { issuers, complete: true }
    }
    farthest = issuers
    for (const candidate of rest) {
      if (isIssuedBy(certificate, candidate)) {
        rest.delete(candidate)
        steps.push({ certificate: candidate, issuers: [...issuers, candidate] })
      }
    }
  }
  return { issuers: farthest, complete: false }
}

/** Returns whether a certificate is signed with its own key, whatever its key usage allows. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSelfIssued(certificate) && isSignedWithKeyOf(certificate, certificate)
}

/**
 * Returns whether `issuer` has issued a certificate and, by its key usage, may issue any. It does without Node's
 * `checkIssued`: OpenSSL compares names without the preparation of RFC 5280 7.1 for characters beyond ASCII.
 */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return matchesIssuer(certificate, issuer) && isSignedWithKeyOf(certificate, issuer) && mayIssue(issuer)
}

function isSignedWithKeyOf(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const key = publicKeyOf(issuer)
  return key !== undefined && certificate.verify(key)
}

/** Returns whether the key usage of an issuer allows it to sign certificates (RFC 5280 4.2.1.3). */
function mayIssue(issuer: X509Certificate): boolean {
  return readCertificateExtensions(issuer).keyUsage?.includes('keyCertSign') ?? true
}
