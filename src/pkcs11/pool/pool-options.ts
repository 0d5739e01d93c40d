/** Defines the options of a pool, and those who are told of its work. */
import type { Trace } from '../../common/trace.ts'
import type { HsmConfiguration } from '../../configuration/configuration.ts'
import type { TokenAccess } from '../../configuration/signer-configuration.ts'
import type { ConfigurationError } from '../../errors.ts'
import type { ToldPin } from '../pin-version.ts'
import type { PoolKey } from './pool-keys.ts'

export interface PoolOptions {
  readonly hsm: HsmConfiguration
  readonly access: TokenAccess
  /** The keys that make signatures; one at least. */
  readonly keys: readonly [PoolKey, ...PoolKey[]]
  /** The token was reached, and will never work with this configuration. */
  onMisconfigured(error: ConfigurationError): void
  /** The PIN, in place of the one that the environment holds. */
  readonly givenPin?: string
  /**
   * Returns whether the token may be told this PIN, once no other login at the same token is under way. All may unless it is
   * given.
   *
   * @param ended settles when the token has answered, or will not be asked any more
   */
  allowLogin?(told: ToldPin, ended: Promise<void>): Promise<boolean>
  /**
   * The token refused the PIN: nothing is tried any more.
   *
   * @param mayBeRight true if the token did not judge it, as the user is locked or has none
   */
  onPinRefused?(mayBeRight: boolean): void
  readonly log: PoolLog
  readonly observer: PoolObserver
}

/** Logs what happens to one token. pino's loggers do for it. */
export interface PoolLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** Why a signer process was replaced: it ended by itself, its sessions hang, or nothing signs inside it any more. */
export type RestartReason = 'crash' | 'hang' | 'hsm'

/**
 * Events of the pool, for those who count them. Reasons are the names of PKCS#11 return values, and where none was
 * returned, one of a few words in lower case. Its methods are called in the middle of the work: they must not throw.
 */
export interface PoolObserver {
  /** A request, which may belong to a trace, was given to a session after it had waited for that many seconds. */
  waited(seconds: number, trace?: Trace): void
  /**
   * A call came back: how many seconds the library took to sign, or to open a session, and what it returned.
   *
   * @param trace that of the request for which it was made, if that belongs to one
   */
  called(operation: 'sign' | 'open', seconds: number, returnValue: string, trace?: Trace): void
  /** A request is given to a session again: a return value, `signature`, `process` or `slow`. */
  retried(reason: string): void
  /** A session is given up and opened anew: a return value, `signature` or `timeout`. */
  evicted(reason: string): void
  /** `C_Login` was called, and answered with that return value. */
  loggedIn(returnValue: string): void
  /** The signer process is replaced. */
  restarted(reason: RestartReason): void
  /** A signature that the token returned did not verify, and was discarded. */
  selfCheckFailed(): void
}
