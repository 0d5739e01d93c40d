import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import type { FoundKey, KeyRequest } from './messages.ts'

/** What a key's signatures are made with, and must verify with. */
export interface KeyUse {
  readonly publicKey: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/** A key that a pool is to sign with. */
export interface PoolKey {
  readonly request: KeyRequest
  /**
   * Called each time the key was found on the token.
   *
   * @throws ConfigurationError when it cannot be used
   */
  accept(found: FoundKey): KeyUse
}

/**
 * What is known of a key:
 * - `unknown`: the token was not opened yet
 * - `found`: it is there, and no test signature has verified yet
 * - `proved`: it signed, and that verified
 * - `unusable`: it is not there, or does not sign
 */
export interface KeyState {
  readonly state: 'unknown' | 'found' | 'tested' | 'unusable'
  readonly since: Date
  /** For everybody who can reach the service. */
  readonly reason?: string
}
