/** The configuration of the service as data. */
import type { Environment } from '../../schemas/configuration.ts'
import type { Proxies } from '../common/proxies.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type {
  LibraryConfiguration,
  PinSource,
  SignersConfiguration,
  TokenSelector,
} from './signer-configuration.ts'

/** What it takes to reach a token without serving anybody. */
export interface TokenConfiguration extends LibraryConfiguration {
  readonly token: TokenSelector
  /** Absent where none is configured: a person can be asked. */
  readonly pin?: PinSource
}

/** How a token is used that signs: the same for each of them. */
export interface HsmConfiguration {
  readonly sessions: number
  readonly queueLimit: number
  readonly timeoutMs: number
  readonly keepAliveMs: number
  /** Whether keys are refused of which there may be copies outside the token. */
  readonly requireNonExtractableKeys: boolean
}

export interface Configuration {
  readonly host: string
  readonly port: number
  readonly paths: readonly string[]
  /** Those paths that the name of a signer may follow: none where there is but one signer, from variables. */
  readonly signerPaths: readonly string[]
  readonly bodyLimit: number
  readonly maxConnections: number
  readonly keepAliveMs: number
  /** Between the signal to end and the end of intake. */
  readonly shutdownDelayMs: number
  readonly corsOrigins: readonly string[]
  readonly logLevel: Environment['LOG_LEVEL']
  readonly digestMismatch: Environment['DIGEST_MISMATCH']
  /** Values of signMethod in a signing token that are accepted, in lower case. */
  readonly signMethods: readonly string[]
  /** How often the files of the signers are looked at; 0 is never. */
  readonly reloadIntervalMs: number
  /** Whether anybody is asked whether certificates were revoked. */
  readonly revocationCheck: boolean
  /** After how long an answer about revocation is asked for anew, however long it is fresh. */
  readonly revocationMaxAgeMs: number
  /** The proxies through which timestamp authorities, OCSP responders and CRLs are asked. */
  readonly proxies: Proxies
  readonly hsm: HsmConfiguration
  readonly signers: SignersConfiguration
  /** What the operator should know though it does not stop the start. */
  readonly warnings: readonly string[]
}

/** Signers as they are configured now, whatever is wrong with them. */
export interface LoadedSigners {
  /** Whole where there are no problems. Its files are known in any case. */
  readonly signers: SignersConfiguration
  readonly problems: readonly ConfigurationProblem[]
  /** Messages for the operator that do not keep the signers from being taken over. */
  readonly warnings: readonly string[]
}
