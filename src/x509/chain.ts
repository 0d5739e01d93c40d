import type { X509Certificate } from 'node:crypto'
import { readCertificateExtensions } from './certificate-extensions.ts'
import { isSelfIssued, matchesIssuer } from './issuer-match.ts'
import { publicKeyOf } from './key-type.ts'
import { findInvalidity, validityPeriod } from './validity.ts'

/** A signer certificate's issuers. */
export interface Chain {
  /** Nearest first; without the leaf, with the root where it is known. */
  readonly issuers: readonly X509Certificate[]
  /** Whether the last one is self-signed: a validator can only build on a chain that reaches its trust anchor. */
  readonly complete: boolean
}

/**
 * Builds the path from `leaf` upwards out of candidates in any order (RFC 5280 6.1: names chain and each signature
 * verifies); candidates that are no issuer of the leaf are left out.
 *
 * Of several paths, as cross-signed CAs give, the shortest that reaches a self-signed root wins, and one that is
 * valid at `at` before one that is not. Where none reaches a root, the path goes as far up as it can.
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
 * How many certificates of authorities are between the one at `index` of a path and its leaf, as pathLenConstraint
 * counts them: without the self-issued ones (RFC 5280 4.2.1.9).
 *
 * @param path leaf first
 */
export function authoritiesBelow(path: readonly X509Certificate[], index: number): number {
  return path.slice(1, index).filter((certificate) => !isSelfIssued(certificate)).length
}

/** A certificate, and those between it and the leaf. */
interface Step {
  readonly certificate: X509Certificate
  readonly issuers: readonly X509Certificate[]
}

/** Breadth first, each certificate once: cross-certificates neither loop nor multiply the work. */
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
 * Returns whether a certificate is one that `issuer` has issued and, by its key usage, may issue. Node's `checkIssued`
 * is not asked, since OpenSSL compares names without RFC 5280 7.1's preparation of what is not ASCII.
 */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return matchesIssuer(certificate, issuer) && isSignedWithKeyOf(certificate, issuer) && mayIssue(issuer)
}

function isSignedWithKeyOf(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const key = publicKeyOf(issuer)
  return key !== undefined && certificate.verify(key)
}

/** RFC 5280 4.2.1.3. */
function mayIssue(issuer: X509Certificate): boolean {
  return readCertificateExtensions(issuer).keyUsage?.includes('keyCertSign') ?? true
}
