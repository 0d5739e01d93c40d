import type { X509Certificate } from 'node:crypto'
import { isSelfSigned } from './chain.ts'

/** A certificate of a chain that may have been revoked. */
export interface ChainLink {
  readonly certificate: X509Certificate
  /** Undefined if the chain does not reach it: then no answer about the certificate can be verified. */
  readonly issuer: X509Certificate | undefined
}

/**
 * Returns all certificates of a chain but the root, which nobody can revoke.
 *
 * @param chain leaf first
 */
export function chainLinks(chain: readonly X509Certificate[]): readonly ChainLink[] {
  const links = chain.map((certificate, index) => ({ certificate, issuer: chain[index + 1] }))
  return links.filter(({ certificate, issuer }) => issuer !== undefined || !isSelfSigned(certificate))
}

/** Returns a key that is the same for equal certificates, even if they come from different files. */
export function linkKey(certificate: X509Certificate, issuer: X509Certificate): string {
  return `${certificate.fingerprint256} ${issuer.fingerprint256}`
}
