/** Types of the configuration of a signer's containers. */
import type { SignerStatements } from '../cms/signed-attributes.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** Baseline level of a container. EUROPEAN_NAMES has the names of signatures of each level. */
export type Level = 'b-b' | 'b-t' | 'b-lt'

export interface TimestampConfiguration {
  readonly authorities: readonly [TimestampAuthority, ...TimestampAuthority[]]
  /** Level of the container if no authority gives a timestamp, or `refuse`. */
  readonly fallback: 'refuse' | 'b-b'
}

export interface ContainerConfiguration extends SignerStatements {
  readonly level: Level
  /** Most bytes of a container. */
  readonly sizeLimit: number
  /** Identifier in a SignerInfo of RSASSA-PKCS1-v1_5: that of the key (RFC 3370 3.2), or that of hash and key. */
  readonly rsaSignatureIdentifier: 'rsaEncryption' | 'shaWithRSAEncryption'
  /** Absent for b-b. */
  readonly timestamps?: TimestampConfiguration
  /** Level of a container of level b-lt if revocation information is missing, or `refuse`. */
  readonly revocationFallback: 'refuse' | 'b-t'
}
