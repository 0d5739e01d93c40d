/** What is configured of the containers that are built for a signer. */
import type { SignaturePolicy, SignerLocation } from '../signature/cades-attributes.ts'
import type { TimestampAuthority } from '../timestamp/authority.ts'

/** Baseline levels of CAdES (EN 319 122-1 6) and PAdES (EN 319 142-1 6). */
export type Level = 'b-b' | 'b-t' | 'b-lt'

export interface TimestampConfiguration {
  readonly authorities: readonly [TimestampAuthority, ...TimestampAuthority[]]
  /** What becomes of a container when none of them gives a timestamp. */
  readonly fallback: 'refuse' | 'b-b'
}

export interface ContainerConfiguration {
  readonly level: Level
  /** Bytes. */
  readonly sizeLimit: number
  /** Signature algorithm in a SignerInfo of RSASSA-PKCS1-v1_5: of the key (RFC 3370 3.2), or of hash and key. */
  readonly rsaSignatureIdentifier: 'rsaEncryption' | 'shaWithRSAEncryption'
  /** Absent for b-b. */
  readonly timestamps?: TimestampConfiguration
  /** What becomes of a container of level b-lt when revocation information is missing. */
  readonly revocationFallback: 'refuse' | 'b-t'
  readonly policy?: SignaturePolicy
  /** Object identifier of what the signature commits to (EN 319 122-1 5.2.3). */
  readonly commitmentType?: string
  readonly location?: SignerLocation
}
