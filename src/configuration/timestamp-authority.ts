import type { X509Certificate } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Password } from '../common/password.ts'

/** A timestamp authority (RFC 3161), which is asked over HTTP (3.4). */
export interface TimestampAuthority {
  /** An http or https address without user and password. */
  readonly url: URL
  readonly credentials?: Credentials
  /** Object identifier of the policy that is requested, and that the timestamp must have. */
  readonly policy?: string
  /** Hash algorithm of the message imprint. */
  readonly hashAlgorithm: HashAlgorithm
  /** PEM files, read at each use. */
  readonly tls?: TlsFiles
  /**
   * The authority's chain must end in a self-signed one of these; the others are intermediates, which tokens need not
   * hold (RFC 3161 2.4.1). If there are none, only the certificates in the token are checked.
   */
  readonly trustAnchors: readonly X509Certificate[]
}

/** Credentials for HTTP Basic (RFC 7617). A file is read at each use, so that a changed password counts. */
export type Credentials = { readonly user: string } & (
  | { readonly passwordFile: string }
  | { readonly password: Password }
)

export interface TlsFiles {
  /** Trusted certificates, in place of those that Node knows. */
  readonly caFile?: string
  readonly certificateFile?: string
  /** Private key in PKCS#8 or in the traditional form, not encrypted. */
  readonly keyFile?: string
}

/**
 * Names authorities in messages and metrics by their hosts, with a number if several have the same. Path and query are
 * left out, since they can hold a customer's access key.
 */
export function nameAuthorities(authorities: readonly TimestampAuthority[]): string[] {
  const hosts = authorities.map(({ url }) => url.host)
  return hosts.map((host, index) => {
    const number = hosts.slice(0, index + 1).filter((other) => other === host).length
    return hosts.indexOf(host) === hosts.lastIndexOf(host) ? host : `${host} (${number})`
  })
}
