/** Messages about a check while it goes on. */
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { FoundKey, FoundToken, KeyRequest, Subject } from '../messages.ts'
import type { MechanismDescription } from '../process/mechanism.ts'
import type { LibraryDescription } from './descriptions.ts'

export interface Failure {
  /** What has to change, where it is the configuration that cannot work. */
  readonly about?: Subject
  readonly message: string
}

export interface CheckRequest {
  readonly key: KeyRequest
  /** DER SubjectPublicKeyInfo as it stands in the certificate; absent where that is to be found on the token. */
  readonly certifiedKey?: Uint8Array
  /** Names of those that signatures are made with, in turn. */
  readonly hashes: readonly HashAlgorithm['name'][]
  /** How many sessions are opened. */
  readonly sessions: number
  /** How many test signatures are made. */
  readonly signatures: number
}

/** Steps of a check, in their order. */
export type CheckStep =
  | 'library'
  | 'token'
  | 'login'
  | 'key'
  | 'mechanism'
  | 'sessions'
  | 'certificate'
  | 'signatures'

/** Findings of a step. */
export type Finding =
  | { readonly step: 'library'; readonly library: LibraryDescription }
  | { readonly step: 'token'; readonly token: FoundToken }
  | { readonly step: 'login' }
  | { readonly step: 'key'; readonly key: FoundKey }
  /** The one that the key signs with. */
  | { readonly step: 'mechanism'; readonly mechanism: MechanismDescription }
  /** How long each took that opened, in milliseconds; and why the next one did not. */
  | { readonly step: 'sessions'; readonly opened: readonly number[]; readonly failure?: Failure }
  /** DER, where it is on the token. */
  | { readonly step: 'certificate'; readonly certificate?: Uint8Array }
  | { readonly step: 'signatures'; readonly signatures: readonly TimedSignature[] }

export interface TimedSignature {
  readonly hash: HashAlgorithm['name']
  readonly signature: Uint8Array
  /** Milliseconds that `C_SignInit` took. */
  readonly initMs: number
  /** Milliseconds that `C_Sign` took. */
  readonly signMs: number
}

/** Also the sign of life that a library has come back from a call; told as often as that may take long. */
export type Progress =
  | { readonly type: 'begins'; readonly step: CheckStep }
  | { readonly type: 'found'; readonly finding: Finding }
  | { readonly type: 'failed'; readonly step: CheckStep; readonly failure: Failure }
  | { readonly type: 'alive' }
