/** What is configured of the containers that are built for a signer. */
import type { SignerStatements } from '../cms/cades-attributes.ts'
import type { TimestampAuthority } from './timestamp-authority.ts'

/** What containers hold, by the names of baseline levels. EUROPEAN_NAMES says what a signature of each is called. */
export type Level = 'b-b' | 'b-t' | 'b-lt'

export interface TimestampConfiguration {
  readonly authorities: readonly [TimestampAuthority, ...TimestampAuthority[]]
  /** What becomes of a container when none of them gives a timestamp. */
  readonly fallback: 'refuse' | 'b-b'
}

export interface ContainerConfiguration extends SignerStatements {
  readonly level: Level
  /** Bytes. */
  readonly sizeLimit: number
  /** Signature algorithm in a SignerInfo of RSASSA-PKCS1-v1_5: of the key (RFC 3370 3.2), or of hash and key. */
  readonly rsaSignatureIdentifier: 'rsaEncryption' | 'shaWithRSAEncryption'
  /** Absent for b-b. */
  readonly timestamps?: TimestampConfiguration
  /** What becomes of a container of level b-lt when revocation information is missing. */
  readonly revocationFallback: 'refuse' | 'b-t'
}
