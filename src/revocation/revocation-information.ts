import { defined } from '../common/defined.ts'
import type { ChainLink } from '../x509/chain-links.ts'
import { describeSubject } from '../x509/validity.ts'
import type { Revocation } from './revocation-reason.ts'
import type { Evidence, WatchedCertificate } from './watched-certificate.ts'

/** What is known about the revocation of a chain. */
export interface RevocationInformation {
  /** DER OCSPResponse (RFC 6960 4.2.1), fresh, of as many certificates of the chain as there are. */
  readonly ocspResponses: readonly Buffer[]
  /** DER CertificateList (RFC 5280 5.1), fresh, each once. */
  readonly crls: readonly Buffer[]
  /** Whether there is something fresh about every certificate of the chain but its root. */
  readonly complete: boolean
  /** The certificate nearest to the leaf that was revoked. */
  readonly revoked?: RevokedCertificate
  /** When the first of the responses and CRLs is to be replaced. */
  readonly nextUpdate?: Date
  /** Why something is missing: each begins with the subject of the certificate that it is about. */
  readonly problems: readonly string[]
  /** The same for callers, without addresses and what came from there. */
  readonly publicProblems: readonly string[]
}

export interface RevokedCertificate extends Revocation {
  /** In one line. */
  readonly subject: string
}

/** What is known about the revocation of one certificate. */
export interface RevocationState {
  /** In one line. */
  readonly subject: string
  /** Whether it names anybody who is asked. */
  readonly askable: boolean
  /** Whether one of them has neither answered nor failed yet. */
  readonly pending: boolean
  /** What is fresh of what they said. */
  readonly evidence?: Evidence
  readonly revocation?: Revocation
  /** Why there is nothing fresh, in words. */
  readonly problems: readonly string[]
}

/** A certificate of a chain, and what is known of it; undefined where it is not watched. */
export interface WatchedLink {
  readonly link: ChainLink
  readonly watched: WatchedCertificate | undefined
}

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

/** The one nearest to the leaf. */
export function findRevoked(links: readonly WatchedLink[], at: Date): RevokedCertificate | undefined {
  for (const { link, watched } of links) {
    const revocation = watched?.revocation(at)
    if (revocation !== undefined) {
      return { subject: describeSubject(link.certificate), ...revocation }
    }
  }
  return undefined
}

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
