import type { X509Certificate } from 'node:crypto'
import { publicKeyOf } from './key-type.ts'
import { describeInvalidity, validityPeriod } from './validity.ts'

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
  const valid = search(
    leaf,
    candidates.filter((candidate) => describeInvalidity([validityPeriod(candidate)], at) === undefined),
  )
  if (valid.complete) {
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
  return path.slice(1, index).filter(({ subject, issuer }) => subject !== issuer).length
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

/** `checkIssued` would say no where the key usage does not allow certificates to be signed, as of a leaf. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  const key = publicKeyOf(certificate)
  return key !== undefined && certificate.subject === certificate.issuer && certificate.verify(key)
}

/** `checkIssued` also says no where the issuer's key is of a type that OpenSSL does not know. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
