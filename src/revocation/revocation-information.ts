import { defined } from '../common/defined.ts'
import type { ChainLink } from '../x509/chain-links.ts'
import { describeSubject } from '../x509/validity.ts'
import type { Revocation } from './revocation-reason.ts'
import type { Evidence, WatchedCertificate } from './watched-certificate.ts'

/** Revocation information about a chain. */
export interface RevocationInformation {
  /** DER OCSPResponse (RFC 6960 4.2.1), fresh, for those certificates of the chain that have one. */
  readonly ocspResponses: readonly Buffer[]
  /** DER CertificateList (RFC 5280 5.1), fresh, each once. */
  readonly crls: readonly Buffer[]
  /** True if there is something fresh about every certificate of the chain but its root. */
  readonly complete: boolean
  /** The revoked certificate that is nearest to the leaf. */
  readonly revoked?: RevokedCertificate
  /** The earliest nextUpdate of the responses and CRLs. */
  readonly nextUpdate?: Date
  /** Reasons why something is missing. Each begins with the subject of the certificate that it is about. */
  readonly problems: readonly string[]
  /** The same for callers, without addresses and answers. */
  readonly publicProblems: readonly string[]
}

export interface RevokedCertificate extends Revocation {
  /** The subject in one line. */
  readonly subject: string
}

/** Revocation information about one certificate. */
export interface RevocationState {
  /** The subject in one line. */
  readonly subject: string
  /** True if it has an address that is asked. */
  readonly askable: boolean
  /** True if a first answer has neither come nor failed yet. */
  readonly pending: boolean
  /** The fresh answers. */
  readonly evidence?: Evidence
  readonly revocation?: Revocation
  /** Reasons why there is nothing fresh. */
  readonly problems: readonly string[]
}

/** A certificate of a chain, and its watched state; undefined if it is not watched. */
export interface WatchedLink {
  readonly link: ChainLink
  readonly watched: WatchedCertificate | undefined
}

/** Gathers what is known about a chain at a moment. */
export function gatherInformation(links: readonly WatchedLink[], at: Date): RevocationInformation {
  const states = links.map(({ link, watched }) => ({ link, watched, evidence: watched?.evidence(at) }))
  const evidence = states.flatMap(({ evidence }) => evidence ?? [])
  const missing = states.filter(({ evidence }) => evidence === undefined)
  const revoked = findRevoked(links, at)
  const nextUpdate = Math.min(...evidence.map(({ nextUpdate }) => nextUpdate.getTime()))
  return {
    ocspResponses: evidence.flatMap(({ ocspResponses }) => ocspResponses),
    crls: [...new Set(evidence.flatMap(({ crls }) => crls))],
    complete: evidence.length === links.length,
    ...(revoked && { revoked }),
    ...(evidence.length > 0 && { nextUpdate: new Date(nextUpdate) }),
    problems: missing.flatMap(({ link, watched }) => describeMissing(link, watched)),
    publicProblems: missing.map(({ link, watched }) => summarizeMissing(link, watched)),
  }
}

/** Finds the revoked certificate that is nearest to the leaf. */
export function findRevoked(links: readonly WatchedLink[], at: Date): RevokedCertificate | undefined {
  for (const { link, watched } of links) {
    const revocation = watched?.revocation(at)
    if (revocation !== undefined) {
      return { subject: describeSubject(link.certificate), ...revocation }
    }
  }
  return undefined
}

/** Describes what is known about one certificate at a moment. */
export function describeState({ link, watched }: WatchedLink, at: Date): RevocationState {
  const evidence = watched?.evidence(at)
  const { ocsp = [], crl = [] } = watched?.issued.addresses ?? {}
  return {
    subject: describeSubject(link.certificate),
    askable: ocsp.length + crl.length > 0,
    pending: watched?.pending ?? false,
    ...defined({ evidence, revocation: watched?.revocation(at) }),
    problems: evidence === undefined ? listProblems(link, watched) : [],
  }
}

function describeMissing(link: ChainLink, watched: WatchedCertificate | undefined): string[] {
  return listProblems(link, watched).map((problem) => `${describeSubject(link.certificate)}: ${problem}`)
}

function summarizeMissing(link: ChainLink, watched: WatchedCertificate | undefined): string {
  return `${describeSubject(link.certificate)}: ${watched?.summarizeProblems() ?? describeUnwatched(link)}`
}

function listProblems(link: ChainLink, watched: WatchedCertificate | undefined): string[] {
  return watched?.problems() ?? [describeUnwatched(link)]
}

function describeUnwatched({ issuer }: ChainLink): string {
  return issuer === undefined ? 'the certificate of its issuer is not known' : 'nobody is asked about it'
}
