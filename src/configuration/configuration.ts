/** Types of the service's configuration. */
import type { BlockList } from 'node:net'
import type { Environment } from '../../schemas/configuration.ts'
import type { Proxies } from '../common/proxies.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ReadAccess } from './access-configuration.ts'
import type { AuditConfiguration } from './audit-configuration.ts'
import type {
  LibraryConfiguration,
  PinSource,
  SignersConfiguration,
  TokenSelector,
} from './signer-configuration.ts'
import type { TlsConfiguration } from './tls.ts'

/** Configuration of a token for commands, which need no signer. */
export interface TokenConfiguration extends LibraryConfiguration {
  readonly token: TokenSelector
  /** Absent if none is configured, so that a person is asked. */
  readonly pin?: PinSource
}

/** Configuration of the sessions, which is the same for each token. */
export interface HsmConfiguration {
  readonly sessions: number
  readonly queueLimit: number
  readonly timeoutMs: number
  readonly keepAliveMs: number
  /** True if keys are refused of which there may be copies outside the token. */
  readonly requireNonExtractableKeys: boolean
  /** True if the parent starts the signer processes, which another user runs. */
  readonly apart: boolean
}

/** Signatures that may be asked for in a minute; absent where any number may. */
export interface RateLimits {
  readonly perSubject?: number
  readonly perSigner?: number
}

/** The address that a port listens on. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export interface Configuration extends ListenAddress {
  /** Address for operators, with metrics and health; absent if these are where signatures are asked for. */
  readonly admin?: ListenAddress
  /** Absent if the service speaks plain HTTP. */
  readonly tls?: TlsConfiguration
  readonly paths: readonly string[]
  /** Paths that the name of a signer may follow; none if variables describe the only signer. */
  readonly signerPaths: readonly string[]
  readonly bodyLimit: number
  readonly maxConnections: number
  readonly keepAliveMs: number
  /** Time between the signal to end and the last accepted request. */
  readonly shutdownDelayMs: number
  readonly corsOrigins: readonly string[]
  /** True if pages of the Web SDK sign here by a back end. */
  readonly webSdk: boolean
  readonly logLevel: Environment['LOG_LEVEL']
  /** Address of the collector, whole; absent if no traces are exported. */
  readonly tracesUrl?: string
  readonly digestMismatch: Environment['DIGEST_MISMATCH']
  /** Values of signMethod in a signing token that are accepted, in lower case. */
  readonly signMethods: readonly string[]
  /** Interval at which the files of the signers are polled; 0 for never. */
  readonly reloadIntervalMs: number
  /** True if the service checks whether certificates were revoked. */
  readonly revocationCheck: boolean
  /** Age at which revocation information is fetched again, however long it is fresh. */
  readonly revocationMaxAgeMs: number
  /** Proxies for requests to timestamp authorities, to OCSP responders and for CRLs. */
  readonly proxies: Proxies
  readonly hsm: HsmConfiguration
  readonly access: ReadAccess
  /** Networks that may ask for signatures and certificates; absent if all may. */
  readonly accessFrom?: BlockList
  /** Addresses and networks of proxies whose X-Forwarded-For is believed; absent if none is. */
  readonly trustedProxies?: BlockList
  /** True if certificates are for those alone who may have something signed. */
  readonly protectCertificates: boolean
  readonly rateLimits: RateLimits
  readonly signers: SignersConfiguration
  /** Configuration of the audit log; absent if decisions are not recorded. */
  readonly audit?: AuditConfiguration
  /** Messages for the operator that do not stop the start. */
  readonly warnings: readonly string[]
}

/** The signers of the present configuration, which may have problems. */
export interface LoadedSigners {
  /** Complete if there are no problems. Its files are known in any case. */
  readonly signers: SignersConfiguration
  readonly problems: readonly ConfigurationProblem[]
  /** Messages for the operator that do not keep the signers from being taken over. */
  readonly warnings: readonly string[]
}

/** The TLS of the present configuration, which may have problems. */
export interface LoadedTls {
  /** Undefined if there are problems. */
  readonly tls: TlsConfiguration | undefined
  readonly problems: readonly ConfigurationProblem[]
  readonly warnings: readonly string[]
}

/** The access of the present configuration, which may have problems. */
export interface LoadedAccess {
  /** Complete if there are no problems. Its files are known in any case. */
  readonly access: ReadAccess
  readonly problems: readonly ConfigurationProblem[]
  readonly warnings: readonly string[]
}
