import type { X509Certificate } from 'node:crypto'
import { hasIssuerName, isSelfSigned } from '../x509/chain.ts'
import { publicKeyOf } from '../x509/key-type.ts'
import { buildSignerChain } from '../x509/review/certificate-review.ts'
import { findPathProblem } from '../x509/review/path-problem.ts'
import { findUnreadable } from '../x509/review/reviewed-certificate.ts'
import { findAuthorityProblem } from '../x509/review/service-certificate.ts'
import { describeIssuer, describeSubject, findInvalidity, validityPeriod } from '../x509/validity.ts'

/**
 * Traces the certificate of a timestamp authority (RFC 3161 2.3) to a trust anchor at a moment (RFC 5280 6.1), or as
 * far as possible without anchors. It does not check revocation.
 *
 * @param embedded certificates from the token, which prove nothing by themselves
 * @param anchors if there are any, the chain must end in a self-signed one of them, and may go through the others
 * @param isNamed tells which issuers the token itself names: it goes through these, not through others of the same keys
 * @param revoked issuers that it does not go through
 * @returns the certificates from the authority's upwards, or a message that says what is wrong
 */
export function traceAuthority(
  certificate: X509Certificate,
  embedded: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  at: Date,
  isNamed: (issuer: X509Certificate) => boolean = () => false,
  revoked: readonly X509Certificate[] = [],
): readonly X509Certificate[] | string {
  const problem = findAuthorityProblem(certificate) ?? findInvalidity([validityPeriod(certificate)], at)
  if (problem !== undefined) {
    return problem
  }
  // The roots in the token are left out, so that a complete chain ends in an anchor
  const candidates =
    anchors.length > 0 ? [...anchors, ...embedded.filter((one) => !isSelfSigned(one))] : embedded
  const named = candidates.filter(isNamed)
  const meant = candidates.filter(
    (one) =>
      !isAmong(revoked, one) && (named.includes(one) || !named.some((other) => hasSameKey(one, other))),
  )
  const { issuers, complete } = buildSignerChain(certificate, meant, at)
  const path = [certificate, ...issuers]
  return (
    path.map(findUnreadable).find((problem) => problem !== undefined) ??
    findWrongEnd(path.at(-1) as X509Certificate, complete, embedded, anchors) ??
    findInvalidity(path.map(validityPeriod), at) ??
    findPathProblem(path) ??
    path
  )
}

/** Returns whether a certificate is one of several, which may come from somewhere else. */
export function isAmong(certificates: readonly X509Certificate[], { raw }: X509Certificate): boolean {
  return certificates.some((one) => one.raw.equals(raw))
}

function hasSameKey(one: X509Certificate, other: X509Certificate): boolean {
  const key = publicKeyOf(other)
  return key !== undefined && publicKeyOf(one)?.equals(key) === true
}

/**
 * Finds why a chain must not end with a certificate, in words.
 *
 * @param complete true if the certificate is self-signed
 */
function findWrongEnd(
  last: X509Certificate,
  complete: boolean,
  embedded: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): string | undefined {
  if (anchors.length === 0) {
    return !complete && embedded.some((one) => hasIssuerName(last, one))
      ? `the certificate of ${describeIssuer(last)} in it has not issued that of ${describeSubject(last)}`
      : undefined
  }
  if (complete && isAmong(anchors, last)) {
    return undefined
  }
  const missing = complete ? '' : `, and the certificate of ${describeIssuer(last)} is missing`
  return `no path to a self-signed certificate of the CA file: it ends at ${describeSubject(last)}${missing}`
}

/** Chains that are kept. The units of a large authority have a certificate each, and take turns. */
const MAX_CHAINS = 32

/**
 * Chains of one path that are kept. A path may come with other certificates each time, and whoever adds these on the way must not
 * have the paths of other units forgotten.
 */
const MAX_OF_PATH = 4

interface KnownChain {
  /** The certificates of a token, DER, one after another. */
  readonly encoded: Buffer
  readonly path: readonly X509Certificate[]
}

/**
 * Keeps the chains of an authority that were verified. It sends the same ones again and again, and tracing them anew
 * costs more than all other checks.
 */
export class KnownChains {
  /** The latest first. */
  #known: readonly KnownChain[] = []

  /** Paths from the signer to the anchor, each once, the newest first. */
  get paths(): readonly (readonly X509Certificate[])[] {
    return [...new Set(this.#known.map(({ path }) => path))]
  }

  /**
   * Finds the path of certificates that came before, the latest of several, if the whole path is valid.
   *
   * @param certificates the certificates of a token, the signer's first
   * @param revoked issuers that the path must not go through
   */
  find(
    certificates: readonly X509Certificate[],
    at: Date,
    revoked: readonly X509Certificate[] = [],
  ): readonly X509Certificate[] | undefined {
    const encoded = encode(certificates)
    const known = this.#known.find(
      (one) =>
        one.encoded.equals(encoded) &&
        isValid(one, at) &&
        !one.path.some((issuer) => isAmong(revoked, issuer)),
    )
    return known?.path
  }

  /**
   * Keeps the path of certificates, beside another one of them, of which an issuer may have been revoked: that goes on being watched.
   * Nobody has signed the other certificates that came with them, which may stand in another order each time.
   *
   * @param certificates the certificates of a token, the signer's first
   * @param path from the signer to the anchor
   * @returns the path, as the same array where it came before
   */
  keep(
    certificates: readonly X509Certificate[],
    path: readonly X509Certificate[],
  ): readonly X509Certificate[] {
    const encoded = encode(certificates)
    const now = new Date()
    const kept = this.paths.find((one) => encode(one).equals(encode(path))) ?? path
    const others = this.#known.filter(
      (one) => isValid(one, now) && !(one.path === kept && one.encoded.equals(encoded)),
    )
    const known = [{ encoded, path: kept }, ...others]
    const tooMany = new Set(known.filter(({ path }) => path === kept).slice(MAX_OF_PATH))
    this.#known = known.filter((one) => !tooMany.has(one)).slice(0, MAX_CHAINS)
    return kept
  }
}

function isValid({ path }: KnownChain, at: Date): boolean {
  return findInvalidity(path.map(validityPeriod), at) === undefined
}

function encode(certificates: readonly X509Certificate[]): Buffer {
  return Buffer.concat(certificates.map(({ raw }) => raw))
}
