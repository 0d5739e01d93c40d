import type { X509Certificate } from 'node:crypto'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Password } from '../common/password.ts'

/** Who is asked for timestamps (RFC 3161), over HTTP (3.4). */
export interface TimestampAuthority {
  /** http or https; without user and password. */
  readonly url: URL
  readonly credentials?: Credentials
  /** Object identifier of the policy that is asked for, and must come back. */
  readonly policy?: string
  /** Of what is timestamped. */
  readonly hashAlgorithm: HashAlgorithm
  /** PEM files, read at each use. */
  readonly tls?: TlsFiles
  /**
   * The authority's chain must end in a self-signed one of these; others are intermediates, which tokens need not hold
   * (RFC 3161 2.4.1). Where there are none, the chain has to be right as far as the token brings it along.
   */
  readonly trustAnchors: readonly X509Certificate[]
}

/** HTTP Basic (RFC 7617). A file is read at each use, so that a changed password counts; it is never told. */
export type Credentials = { readonly user: string } & (
  | { readonly passwordFile: string }
  | { readonly password: Password }
)

export interface TlsFiles {
  /** In place of the authorities that Node knows. */
  readonly caFile?: string
  readonly certificateFile?: string
  /** PKCS#8 or traditional, not encrypted. */
  readonly keyFile?: string
}

/**
 * What authorities are called in messages and metrics: by their hosts, with a number where a host is there more than
 * once. Path and query can hold a customer's access key.
 */
export function nameAuthorities(authorities: readonly TimestampAuthority[]): string[] {
  const hosts = authorities.map(({ url }) => url.host)
  return hosts.map((host, index) => {
    const number = hosts.slice(0, index + 1).filter((other) => other === host).length
    return hosts.indexOf(host) === hosts.lastIndexOf(host) ? host : `${host} (${number})`
  })
}
