import type { X509Certificate } from 'node:crypto'
import { isSelfSigned } from './chain.ts'

/** A certificate of a chain that may have been revoked. */
export interface ChainLink {
  readonly certificate: X509Certificate
  /** Undefined where the chain does not reach it: then nobody's word about the certificate can be verified. */
  readonly issuer: X509Certificate | undefined
}

/**
 * All certificates but the root, which nobody can revoke.
 *
 * @param chain leaf first
 */
export function chainLinks(chain: readonly X509Certificate[]): readonly ChainLink[] {
  const links = chain.map((certificate, index) => ({ certificate, issuer: chain[index + 1] }))
  return links.filter(({ certificate, issuer }) => issuer !== undefined || !isSelfSigned(certificate))
}

/** The same for the same two certificates, whatever they were read from. */
export function linkKey(certificate: X509Certificate, issuer: X509Certificate): string {
  return `${certificate.fingerprint256} ${issuer.fingerprint256}`
}
