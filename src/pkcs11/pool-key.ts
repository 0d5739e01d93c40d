import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { describeValue } from '../common/quote.ts'
import type { SettingNames } from '../configuration/signer-configuration.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { FoundKey, KeyFailure, KeyRequest } from './messages.ts'

/** The algorithm that a key signs with, and the public key that its signatures must verify with. */
export interface KeyUse {
  readonly publicKey: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/** A key that a pool is to sign with. */
export interface PoolKey {
  readonly request: KeyRequest
  readonly settings: SettingNames
  /**
   * Called each time the key was found on the token.
   *
   * @throws ConfigurationError when it cannot be used
   */
  accept(found: FoundKey): KeyUse
}

/** Returns a failure as a problem of the setting that it is about. */
export function problemOf(
  { about, message }: Pick<KeyFailure, 'about' | 'message'>,
  settings: SettingNames,
): ConfigurationProblem {
  const path = about === 'certificate' ? settings.certificatePath : undefined
  return { variable: settings[about], message: describeValue(path, message) }
}

/** Why a key has no test signature. */
export type TestFailure =
  /** The signature that was made does not verify. */
  | { readonly kind: 'mismatch' }
  /** The token refuses the key for good. */
  | { readonly kind: 'refused'; readonly returnValue: string }
  /** No signature was made, for another reason. */
  | { readonly kind: 'unsigned' }

/** Returns a test failure in words for everybody who can reach the service. */
export function describeTestFailure(failure: TestFailure): string {
  switch (failure.kind) {
    case 'mismatch':
      return 'test signatures do not verify'
    case 'refused':
      return `the key does not sign (${failure.returnValue})`
    case 'unsigned':
      return 'the key does not sign'
  }
}

/**
 * The state of a key:
 * - `unknown`: the token was not opened yet
 * - `found`: it is there, and no test signature has verified yet
 * - `tested`: it signed, and that verified
 * - `unusable`: it is not there, or does not sign
 */
export interface KeyState {
  readonly state: 'unknown' | 'found' | 'tested' | 'unusable'
  readonly since: Date
  /** For everybody who can reach the service. */
  readonly reason?: string
  /** Only where a test signature failed. */
  readonly failure?: TestFailure
}
