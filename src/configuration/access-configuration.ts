/** Types of the configuration of access. */
import type { KeyObject } from 'node:crypto'
import type { BlockList } from 'node:net'
import type { JSONWebKeySet } from 'jose'
import type { User } from '../../schemas/access-file.ts'

/** Says who may have something signed. */
export type AccessConfiguration =
  /** Everybody who reaches the service. */
  | { readonly kind: 'open' }
  | { readonly kind: 'tokens'; readonly users: readonly ConfiguredUser[] }
  | { readonly kind: 'jwt'; readonly jwt: JwtConfiguration }

/** A user of ACCESS_FILE. */
export interface ConfiguredUser extends Omit<User, 'addresses'> {
  /** Absent if the user may call from everywhere. */
  readonly addresses?: BlockList
}

/** Says how tokens of the operator's own application are verified (RFC 7519). */
export interface JwtConfiguration {
  readonly keys: JwtKeys
  readonly issuer: string
  readonly audience: string
  /** Names of RFC 7518 3.1. */
  readonly algorithms: readonly string[]
  /** Longest time since a token was issued, in seconds; absent if its `exp` alone counts. */
  readonly maxAgeS?: number
}

export type JwtKeys =
  /** Public keys (RFC 7517 5). */
  | { readonly kind: 'set'; readonly set: JSONWebKeySet }
  /** The only public key, or the secret of HS256. */
  | { readonly kind: 'key'; readonly key: KeyObject }
  /** Address of a set of public keys. */
  | { readonly kind: 'url'; readonly url: URL }

export interface ReadAccess {
  readonly configuration: AccessConfiguration
  /** Absolute paths of the files that it stands in. */
  readonly files: readonly string[]
}
