import type { X509Certificate } from 'node:crypto'
import { type Issued, issue } from './certificates.ts'
import { RevocationAuthority } from './revocation-authority.ts'

/** A root, an authority below it, and a leaf; what they say about one another. */
export interface RevocationChain {
  readonly root: RevocationAuthority
  readonly authority: RevocationAuthority
  readonly leaf: Issued
  /** Leaf first. */
  readonly certificates: readonly X509Certificate[]
}

/** Lines of an extension section: addresses of OCSP responders, and of the issuer's certificate. */
export function accessAt({ ocsp = [], issuers = [] }: { ocsp?: string[]; issuers?: string[] }): string {
  const methods = [...ocsp.map((url) => `OCSP;URI:${url}`), ...issuers.map((url) => `caIssuers;URI:${url}`)]
  return `authorityInfoAccess = ${methods.join(', ')}`
}

/** Lines of an extension section. */
export function ocspAt(...urls: string[]): string {
  return accessAt({ ocsp: urls })
}

/** Lines of an extension section: each URL is a distribution point of its own. */
export function crlAt(...urls: string[]): string {
  return `crlDistributionPoints = ${urls.map((url) => `URI:${url}`).join(', ')}`
}

/**
 * @param leaf lines of the extension section of the leaf, beside the ordinary ones
 * @param authority those of the authority
 */
export function issueRevocationChain(
  directory: string,
  { leaf = '', authority = '' }: { leaf?: string; authority?: string },
): RevocationChain {
  const root = issue(directory, { subject: '/CN=root', ca: true })
  const middle = issue(directory, { subject: '/CN=authority', issuer: root, ca: true, extension: authority })
  const end = issue(directory, { subject: '/CN=leaf', issuer: middle, extension: leaf })
  const authorities = [root, middle].map((issued) => new RevocationAuthority(directory, issued)) as [
    RevocationAuthority,
    RevocationAuthority,
  ]
  authorities[0].know(middle.certificate)
  authorities[1].know(end.certificate)
  return {
    root: authorities[0],
    authority: authorities[1],
    leaf: end,
    certificates: [end, middle, root].map(({ certificate }) => certificate),
  }
}
