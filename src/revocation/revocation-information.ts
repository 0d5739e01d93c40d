import { describeSubject } from '../signers/validity.ts'
import type { ChainLink } from './chain-links.ts'
import type { WatchedCertificate } from './watched-certificate.ts'

/** What is known about the revocation of a chain. */
export interface RevocationInformation {
  /** DER OCSPResponse (RFC 6960 4.2.1), fresh, of as many certificates of the chain as there are. */
  readonly ocspResponses: readonly Buffer[]
  /** DER CertificateList (RFC 5280 5.1), fresh, each once. */
  readonly crls: readonly Buffer[]
  /** Whether there is something fresh about every certificate of the chain but its root. */
  readonly complete: boolean
  /** The certificate nearest to the leaf that was revoked, and why in words. */
  readonly revoked?: { readonly subject: string; readonly at: Date; readonly reason: string }
  /** When the first of the responses and CRLs is to be replaced. */
  readonly nextUpdate?: Date
  /** Why something is missing: each begins with the subject of the certificate that it is about. */
  readonly problems: readonly string[]
}

/** @param find what is known of a certificate; undefined where it is not watched */
export function gatherInformation(
  links: readonly ChainLink[],
  find: (link: ChainLink) => WatchedCertificate | undefined,
  at: Date,
): RevocationInformation {
  const states = links.map((link) => {
    const watched = find(link)
    return { link, watched, evidence: watched?.evidence(at), revocation: watched?.revocation(at) }
  })
  const evidence = states.flatMap(({ evidence }) => evidence ?? [])
  const revoked = states.find(({ revocation }) => revocation)
  const nextUpdate = Math.min(...evidence.map(({ nextUpdate }) => nextUpdate.getTime()))
  return {
    ocspResponses: evidence.flatMap(({ ocspResponses }) => ocspResponses),
    crls: [...new Set(evidence.flatMap(({ crls }) => crls))],
    complete: evidence.length === links.length,
    ...(revoked?.revocation && {
      revoked: { subject: describeSubject(revoked.link.certificate), ...revoked.revocation },
    }),
    ...(evidence.length > 0 && { nextUpdate: new Date(nextUpdate) }),
    problems: states
      .filter(({ evidence }) => evidence === undefined)
      .flatMap(({ link, watched }) => describeMissing(link, watched)),
  }
}

function describeMissing(
  { certificate, issuer }: ChainLink,
  watched: WatchedCertificate | undefined,
): string[] {
  const unwatched =
    issuer === undefined ? 'the certificate of its issuer is not known' : 'nobody is asked about it'
  const problems = watched?.problems() ?? [unwatched]
  return problems.map((problem) => `${describeSubject(certificate)}: ${problem}`)
}
