import type { X509Certificate } from 'node:crypto'
import { areAskable, readCertificateExtensions } from '../certificate-extensions.ts'
import {
  buildChain,
  type Chain,
  hasIssuerName,
  hasSameIssuer,
  isIssuedBy,
  isSelfSigned,
  isSignedWithKeyOf,
  type Weigh,
} from '../chain.ts'
import { describeSubject, findInvalidity, validityPeriod } from '../validity.ts'
import { findIssuerProblems, findNarrowNameWarning, findRefusals } from './path-problem.ts'
import { findUnreadable, type ReviewedCertificate, readForReview } from './reviewed-certificate.ts'
import {
  describeMissingIssuer,
  findCriticalWarning,
  findCurveWarning,
  findEncodingWarning,
  findFieldWarning,
  findIdentifierWarnings,
  findIssuerNameWarnings,
  findKeyUsageWarning,
  findMalformedWarning,
  findPointWarning,
  findPssKeyWarning,
  findPurposeWarning,
  findRevocationWarnings,
  findSelfSignedWarning,
  findSerialNumberWarning,
  findSignatureWarning,
  isForDocuments,
} from './warnings.ts'

/** The certificates in a signer's files. */
export interface CertificatesForReview {
  readonly leaf: X509Certificate
  /** The other certificates in the leaf's file, in its order. */
  readonly following: readonly X509Certificate[]
  /** The certificates of the CA file, in any order. */
  readonly caCertificates: readonly X509Certificate[]
  /** The chain that `buildSignerChain` made of these. */
  readonly chain: Chain
  readonly at: Date
}

export interface CertificateReview {
  /** Reasons not to use them. */
  readonly problems: readonly CertificateProblem[]
  /** Advice for the operator, each a sentence without its capital. */
  readonly warnings: readonly string[]
}

export interface CertificateProblem {
  /** The file that the certificate comes from. */
  readonly of: 'leaf' | 'following' | 'caCertificates'
  /** Follows the name of a setting. For the leaf it has no subject, such as `is signed with SHA-1`. */
  readonly message: string
}

/**
 * Builds the chain of a signer. Of several paths it takes one that validators accept, even if another lasts longer: a file may
 * have an issuer that was certified anew beside its former certificate, such as one signed with SHA-1, or a cross-certificate that
 * allows fewer authorities below, or no names such as the signer's. Of these it takes one of whose issuers somebody can be asked
 * whether they were revoked, without which there is no long-term validation.
 *
 * @param candidates certificates in any order
 * @param isEnd as that of `buildChain`
 */
export function buildSignerChain(
  leaf: X509Certificate,
  candidates: readonly X509Certificate[],
  at: Date,
  isEnd = isSelfSigned,
): Chain {
  const weigh: Weigh = (path, index) => weighIssuer(path, index, at)
  const build = (without: readonly X509Certificate[]) => {
    const rest = candidates.filter((one) => !without.includes(one))
    const chain = buildChain(leaf, rest, at, isEnd, weigh)
    const path = [leaf, ...chain.issuers]
    const weight = chain.issuers.reduce((sum, _, index) => sum + weigh(path, index + 1), 0)
    return { chain, weight }
  }
  let best = build([])
  // An issuer may be wrong because of one below it, and then that one has to be left out
  const tries = best.chain.issuers.map((issuer) => [issuer])
  for (const without of tries) {
    // All else depends on an issuer alone, and the search has found the best
    if (best.weight < WEIGHT.doubtful) {
      break
    }
    const next = build(without)
    if (next.chain.complete && next.weight < best.weight) {
      best = next
    }
    if (next.chain.complete && tries.length < MAX_TRIES) {
      tries.push(...next.chain.issuers.map((issuer) => [...without, issuer]))
    }
  }
  return best.chain
}

/** Most chains that are built to find one that validators accept. */
const MAX_TRIES = 16
/** Weights of an issuer, each more than those of all others of a path together. */
const WEIGHT = {
  /** The service refuses the path. */
  refused: 1_000_000,
  /** Validators refuse it. */
  doubtful: 10_000,
  /** Nobody can be asked whether the certificate was revoked, which level b-lt takes. */
  unanswerable: 100,
  /** Some validators may refuse the path, or not find the issuer. */
  odd: 1,
}

/** Tells how much speaks against an issuer of a path at a moment. */
function weighIssuer(path: readonly X509Certificate[], index: number, at: Date): number {
  const issuer = path[index] as X509Certificate
  if (
    findIssuerProblems(path, index).length > 0 ||
    findInvalidity([validityPeriod(issuer)], at) !== undefined
  ) {
    return WEIGHT.refused
  }
  if (findRefusals(path, index).length > 0) {
    return WEIGHT.doubtful
  }
  const isUnanswerable = !isSelfSigned(issuer) && !areAskable(readCertificateExtensions(issuer).addresses)
  return (isUnanswerable ? WEIGHT.unanswerable : 0) + (mayBeRefused(path, index) ? WEIGHT.odd : 0)
}

/** Returns whether some validators refuse a path because of an issuer's own certificate, or do not find that. */
function mayBeRefused(path: readonly X509Certificate[], index: number): boolean {
  const [leaf, issuer] = [path[0], path[index]].map((one) => one && readForReview(one))
  return (
    leaf !== undefined &&
    issuer !== undefined &&
    findIssuerWarnings(leaf, issuer, path.slice(0, index + 1)).some((warning) => warning !== undefined)
  )
}

/** @param path from the leaf to the issuer */
function findIssuerWarnings(
  leaf: ReviewedCertificate,
  issuer: ReviewedCertificate,
  path: readonly X509Certificate[],
): (string | undefined)[] {
  const index = path.length - 1
  return [
    // A timestamp authority is not for documents, nor need its issuers be
    isForDocuments(leaf) ? findPurposeWarning(issuer, 'issuer') : undefined,
    findMalformedWarning(issuer),
    findEncodingWarning(issuer),
    findCriticalWarning(issuer),
    findSignatureWarning(issuer),
    findFieldWarning(issuer),
    findPointWarning(path[index] as X509Certificate, index),
    findCurveWarning(issuer),
    ...findIssuerNameWarnings(path.slice(-2)),
    ...findIdentifierWarnings(path.slice(-2)),
    findNarrowNameWarning(path, index),
  ]
}

/**
 * Reviews a signer's certificate and its chain as validators will. The leaf must be for signing documents, the others
 * for issuing certificates (RFC 5280 4.2.1 and 6.1.4), all with keys and hashes that are not broken.
 *
 * `findInvalidity` checks the periods of validity. Certificates that are not in the chain do not matter.
 */
export function reviewCertificates(certificates: CertificatesForReview): CertificateReview {
  const { leaf, following, caCertificates, chain, at } = certificates
  const files = [...following, ...caCertificates]
  const path = [leaf, ...chain.issuers]
  const last = path.at(-1) as X509Certificate
  const forbidden = chain.complete ? undefined : findForbiddenIssuer(last, files)
  const issuers = forbidden === undefined ? chain.issuers : [...chain.issuers, forbidden]
  const issuerProblems = issuers.flatMap((issuer, index) => {
    const of = following.includes(issuer) ? 'following' : 'caCertificates'
    return findIssuerProblems([leaf, ...issuers], index + 1).map((message) => ({ of, message }) as const)
  })
  const { flaw } = validityPeriod(leaf)
  const reviewed = readForReview(leaf)
  const judge = (ofLeaf: readonly string[], warnings: readonly string[]): CertificateReview => ({
    problems: [...ofLeaf.map((message) => ({ of: 'leaf', message }) as const), ...issuerProblems],
    warnings,
  })
  if (reviewed === undefined) {
    return judge(['is not encoded as RFC 5280 says; have it issued anew'], [])
  }
  if (flaw !== undefined) {
    return judge([`is never valid: ${flaw}; have it issued anew`], [])
  }
  if (reviewed.unreadable !== undefined) {
    return judge([`${reviewed.unreadable}; have it issued anew`], [])
  }
  if (reviewed.ca) {
    // All other advice would be about the wrong certificate
    return judge([describeAuthorityAsLeaf(leaf, following, caCertificates, at)], [])
  }
  const isKnown = chain.complete || forbidden !== undefined || findUnreadable(last) !== undefined
  const missing = isKnown ? [] : [describeMissingIssuer(path, files)]
  const problems = [...findLeafProblems(reviewed), ...findSharedSerialNumber(leaf, issuers)]
  const readable = issuers.filter((issuer) => readForReview(issuer) !== undefined)
  return judge(problems, [...missing, ...findWarnings(reviewed, [leaf, ...readable])])
}

/** Builds the chain of a signer from its files, and reviews both, as of now. */
export function reviewSigner(
  files: Omit<CertificatesForReview, 'chain' | 'at'>,
): CertificateReview & { readonly chain: Chain } {
  const at = new Date()
  const chain = buildSignerChain(files.leaf, [...files.following, ...files.caCertificates], at)
  return { chain, ...reviewCertificates({ ...files, chain, at }) }
}

function findWarnings(signer: ReviewedCertificate, path: readonly X509Certificate[]): string[] {
  // All other advice about one that validators cannot read would mislead
  const chain = reviewReadable(path)
  return [
    findSelfSignedWarning(signer),
    ...[findPurposeWarning, findKeyUsageWarning].flatMap((find) => [
      find(signer, 'signer'),
      ...chain.slice(1).map((issuer) => find(issuer, 'issuer')),
    ]),
    ...path.slice(0, 1).flatMap((leaf) => [findSerialNumberWarning(leaf), findPssKeyWarning(leaf)]),
    ...path.map(findPointWarning),
    ...findPathWarnings(path),
    ...chain.flatMap(findRevocationWarnings),
    ...path
      .flatMap((_, index) => findRefusals(path, index))
      .map((refusal) => `${refusal}: validators may refuse signatures because of it`),
  ].filter((warning) => warning !== undefined)
}

/**
 * Finds what only some validators mind in the certificates of a path, whatever it is for.
 *
 * @param path leaf first
 */
export function findPathWarnings(path: readonly X509Certificate[]): string[] {
  const readable = reviewReadable(path)
  return [
    ...readable.map(findMalformedWarning),
    ...readable.map(findEncodingWarning),
    ...readable.map(findCriticalWarning),
    ...readable.map(findSignatureWarning),
    ...readable.map(findFieldWarning),
    ...reviewReadable(path.slice(1)).map(findCurveWarning),
    ...findIssuerNameWarnings(path),
    ...findIdentifierWarnings(path),
    ...path.map((_, index) => findNarrowNameWarning(path, index)),
  ].filter((warning) => warning !== undefined)
}

/** Returns the facts about those certificates that validators can read. */
function reviewReadable(path: readonly X509Certificate[]): ReviewedCertificate[] {
  return path
    .flatMap((certificate) => readForReview(certificate) ?? [])
    .filter(({ unreadable }) => unreadable === undefined)
}

/** Finds the reasons not to sign documents with a certificate. */
function findLeafProblems({ keyUsage, weakKey, weakSignature }: ReviewedCertificate): string[] {
  const problems: string[] = []
  // Validators accept either; X.509 has renamed nonRepudiation to contentCommitment (RFC 5280 4.2.1.3)
  if (
    keyUsage !== undefined &&
    !keyUsage.includes('digitalSignature') &&
    !keyUsage.includes('nonRepudiation')
  ) {
    problems.push(
      `is not for signing documents, by its key usage (${keyUsage.join(', ') || 'none'}); ` +
        'have it issued with digitalSignature or nonRepudiation',
    )
  }
  if (weakKey !== undefined) {
    problems.push(`${weakKey}; make a new one, and have a certificate issued for it`)
  }
  if (weakSignature !== undefined) {
    problems.push(`${weakSignature}; have it issued anew`)
  }
  return problems
}

/**
 * Finds an issuer whose certificate has the serial number and the issuer of the leaf, which name the signer in a container (RFC
 * 5652 10.2.4). An authority must not issue two with the same (RFC 5280 4.1.2.2), but home-made ones do.
 */
function findSharedSerialNumber(leaf: X509Certificate, issuers: readonly X509Certificate[]): string[] {
  const other = issuers.find(
    (issuer) => issuer.serialNumber === leaf.serialNumber && hasSameIssuer(leaf, issuer),
  )
  return other === undefined
    ? []
    : [
        `has the serial number and the issuer of the certificate of ${describeSubject(other)}, so that validators take one for the ` +
          'other; have it issued anew, with another serial number',
      ]
}

/**
 * Describes a leaf that is the certificate of an authority (RFC 5280 4.2.1.9), often because the file begins with the
 * root. It suggests a signer's certificate below it, and prefers a valid one.
 *
 * @param following the other certificates in the leaf's file
 */
function describeAuthorityAsLeaf(
  leaf: X509Certificate,
  following: readonly X509Certificate[],
  caCertificates: readonly X509Certificate[],
  at: Date,
): string {
  const is = `is the certificate of a certificate authority (${describeSubject(leaf)}), not of a signer`
  const signers = descendants(leaf, [...following, ...caCertificates]).filter(
    (certificate) => readForReview(certificate)?.ca === false,
  )
  const valid = signers.find((certificate) => findInvalidity([validityPeriod(certificate)], at) === undefined)
  const signer = valid ?? signers[0]
  if (signer === undefined) {
    return `${is}; put the signer certificate first`
  }
  const subject = describeSubject(signer)
  return following.includes(signer)
    ? `${is}; the file is in the wrong order: put the certificate of ${subject} first`
    : `${is}; put the certificate of ${subject} first, which is among the CA certificates`
}

/** Returns all certificates below `ancestor`, in the order of `candidates`. */
function descendants(ancestor: X509Certificate, candidates: readonly X509Certificate[]): X509Certificate[] {
  const issuers = new Set([ancestor])
  for (const issuer of issuers) {
    for (const candidate of candidates) {
      if (isIssuedBy(candidate, issuer)) {
        issuers.add(candidate)
      }
    }
  }
  return candidates.filter((candidate) => issuers.has(candidate))
}

/**
 * Finds the certificate whose key signed `certificate`, though its key usage does not allow that (RFC 5280 4.2.1.3), or it
 * cannot be read. A chain ends below it, so it would be reported as missing.
 */
function findForbiddenIssuer(
  certificate: X509Certificate,
  candidates: readonly X509Certificate[],
): X509Certificate | undefined {
  return candidates.find((candidate) => {
    const reviewed = readForReview(candidate)
    // Names of one that is not encoded as RFC 5280 says, such as with an extension twice, are compared as OpenSSL shows them
    const isForbidden =
      reviewed === undefined
        ? candidate.subject === certificate.issuer
        : hasIssuerName(certificate, candidate) &&
          (reviewed.keyUsage?.includes('keyCertSign') === false || reviewed.unreadable !== undefined)
    return isForbidden && isSignedWithKeyOf(certificate, candidate)
  })
}
