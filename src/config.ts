/**
 * The environment, turned into a frozen configuration. Everything that is wrong is found and reported at once.
 *
 * The environment is read here alone; the PIN is not, but by the signer process, which alone needs it: the
 * configuration only says where it will be found.
 */
import type { X509Certificate } from 'node:crypto'
import type { Environment } from '../schemas/configuration.ts'
import { isReadable, readCertificateFile } from './configuration/files.ts'
import { deepFreeze } from './configuration/freeze.ts'
import { parseHashAlgorithms, parseOrigins } from './configuration/lists.ts'
import { findPin, isPinConfigured, type PinSource } from './configuration/pin.ts'
import { problemWith } from './configuration/problem.ts'
import { validate } from './configuration/validation.ts'
import {
  dropUnset,
  type GivenVariables,
  type Variables,
  warnAboutUnknown,
} from './configuration/variables.ts'
import { ConfigurationError, type ConfigurationProblem } from './errors.ts'
import type { HashAlgorithm } from './signature/hash-algorithms.ts'
import { describeUnsupportedKey } from './signers/key-type.ts'
import { signerFromFiles } from './signers/signer.ts'

export { isPinConfigured, type PinSource, readPin } from './configuration/pin.ts'

/** What Document Engine's SIGNING_SERVICE_TIMEOUT is unless it is set. */
const DOCUMENT_ENGINE_TIMEOUT_MS = 5_000

/** Which token: all that are given must fit; none given means the only token present. */
export interface TokenSelector {
  readonly label?: string
  readonly serial?: string
  /** Index in the slot list. */
  readonly slot?: number
}

/** Which private key: none given means the one that belongs to the signer certificate. */
export interface KeySelector {
  readonly label?: string
  /** CKA_ID in lower-case hex. */
  readonly id?: string
}

/** What it takes to load the PKCS#11 library. */
export interface LibraryConfiguration {
  readonly module: string
  /** Handed to the library at its initialization, in a form of its own. */
  readonly moduleParameters?: string
}

/** What it takes to reach a token without serving anybody. */
export interface TokenConfiguration extends LibraryConfiguration {
  readonly token: TokenSelector
  /** Absent where none is configured: a person can be asked. */
  readonly pin?: PinSource
}

export interface HsmConfiguration extends LibraryConfiguration {
  readonly pin: PinSource
  readonly token: TokenSelector
  readonly key: KeySelector
  readonly sessions: number
  readonly queueLimit: number
  readonly timeoutMs: number
  readonly keepAliveMs: number
  /** Sessions that may hang: with one more the signer process is replaced. */
  readonly zombieLimit: number
  /** Signatures after which a session is opened anew; 0 is never. */
  readonly sessionMaxUses: number
  /** Age at which a session is opened anew; 0 is never. */
  readonly sessionMaxAgeMs: number
}

export interface SignerConfiguration {
  /** Leaf first; absent when the certificate is to be found on the token. */
  readonly certificates?: readonly X509Certificate[]
  /** In any order. */
  readonly caCertificates: readonly X509Certificate[]
}

export interface Configuration {
  readonly host: string
  readonly port: number
  readonly paths: readonly string[]
  readonly bodyLimit: number
  readonly keepAliveMs: number
  /** Between the signal to end and the end of intake. */
  readonly shutdownDelayMs: number
  readonly corsOrigins: readonly string[]
  readonly logLevel: Environment['LOG_LEVEL']
  readonly hashAlgorithms: readonly HashAlgorithm[]
  readonly digestMismatch: Environment['DIGEST_MISMATCH']
  readonly hsm: HsmConfiguration
  readonly signer: SignerConfiguration
  /** What the operator should know though it does not stop the start. */
  readonly warnings: readonly string[]
}

/** @throws ConfigurationError with all the problems there are */
export function loadConfiguration(environment: Variables): Readonly<Configuration> {
  const warnings: string[] = []
  const problems: ConfigurationProblem[] = []
  const given = dropUnset(environment, warnings)
  warnings.push(...warnAboutUnknown(given))

  const values = validate(given, problems)
  if (values.HSM_MODULE !== undefined) {
    isReadable('HSM_MODULE', values.HSM_MODULE, problems)
  }
  const pin = findPin(given, problems)
  if (given.HSM_PIN !== undefined) {
    warnings.push("HSM_PIN: stays readable in the process's environment; HSM_PIN_FILE does not")
  }
  if (Number(values.HSM_TIMEOUT_MS) >= DOCUMENT_ENGINE_TIMEOUT_MS) {
    warnings.push(
      `HSM_TIMEOUT_MS: Document Engine gives up after SIGNING_SERVICE_TIMEOUT, ${DOCUMENT_ENGINE_TIMEOUT_MS} ms by default; keep it below that`,
    )
  }
  const signer = readSigner(values, problems)
  const lists = {
    hashAlgorithms: parseHashAlgorithms(values.HASH_ALGORITHMS as string, problems),
    corsOrigins: parseOrigins(values.CORS_ORIGINS ?? '', problems),
  }
  if (problems.length > 0) {
    throw new ConfigurationError(problems)
  }
  const whole = values as Environment
  return deepFreeze({
    ...lists,
    host: whole.SIGNING_SERVICE_HOST,
    port: whole.SIGNING_SERVICE_PORT,
    paths: listPaths(whole.SIGNING_SERVICE_PATH),
    bodyLimit: whole.SIGNING_SERVICE_BODY_LIMIT,
    keepAliveMs: whole.SIGNING_SERVICE_KEEP_ALIVE_MS,
    shutdownDelayMs: whole.SHUTDOWN_DELAY_MS,
    logLevel: whole.LOG_LEVEL,
    digestMismatch: whole.DIGEST_MISMATCH,
    hsm: describeHsm(whole, pin as PinSource),
    signer,
    warnings,
  })
}

/**
 * The part that reaches a token: variables of the rest of the service may be missing, or wrong.
 *
 * @throws ConfigurationError with all the problems there are
 */
export function loadTokenConfiguration(environment: Variables): Readonly<TokenConfiguration> {
  const given = pick(environment, [...OF_LIBRARY, 'HSM_TOKEN_LABEL', 'HSM_TOKEN_SERIAL', 'HSM_SLOT'])
  const pins = pick(environment, ['HSM_PIN', 'HSM_PIN_FILE'])
  const problems: ConfigurationProblem[] = []
  const values = validate(given, problems)
  if (values.HSM_MODULE !== undefined) {
    isReadable('HSM_MODULE', values.HSM_MODULE, problems)
  }
  const pin = isPinConfigured(pins) ? findPin(pins, problems) : undefined
  if (problems.length > 0) {
    throw new ConfigurationError(problems)
  }
  const whole = values as Environment
  return deepFreeze({ ...describeLibrary(whole), token: describeToken(whole), ...defined({ pin }) })
}

/**
 * The part that loads the PKCS#11 library and asks it for its tokens.
 *
 * @throws ConfigurationError
 */
export function loadLibraryConfiguration(environment: Variables): Readonly<LibraryConfiguration> {
  return loadTokenConfiguration(pick(environment, OF_LIBRARY))
}

const OF_LIBRARY = ['HSM_MODULE', 'HSM_MODULE_PARAMETERS'] as const

function pick(environment: Variables, names: readonly (keyof Environment)[]): GivenVariables {
  const given = Object.entries(dropUnset(environment, []))
  return Object.fromEntries(given.filter(([name]) => names.some((one) => one === name)))
}

function readSigner(
  { SIGNER_CERTIFICATE_FILE, CA_CERTIFICATES_FILE }: Partial<Environment>,
  problems: ConfigurationProblem[],
): SignerConfiguration {
  const certificates = readCertificateFile('SIGNER_CERTIFICATE_FILE', SIGNER_CERTIFICATE_FILE, problems)
  const problem = certificates?.[0] && describeUnsupportedKey(certificates[0])
  if (problem !== undefined) {
    problems.push(problemWith('SIGNER_CERTIFICATE_FILE', problem))
  }
  const caCertificates = readCertificateFile('CA_CERTIFICATES_FILE', CA_CERTIFICATES_FILE, problems) ?? []
  if (certificates === undefined) {
    return { caCertificates }
  }
  if (problem === undefined) {
    problems.push(...findEncodingProblems({ certificates, caCertificates }))
  }
  return { certificates, caCertificates }
}

/** Only of the certificates that go into containers: a bundle may hold others. */
function findEncodingProblems(signer: SignerConfiguration): readonly ConfigurationProblem[] {
  try {
    signerFromFiles(signer)
    return []
  } catch (error) {
    return (error as ConfigurationError).problems
  }
}

/** The addresses of the callback, each once: the router takes /sign and /sign/ for the same. */
function listPaths(further: string): string[] {
  return [...new Set(['/', '/sign', further.replace(/(?<=.)\/$/, '')])]
}

function describeHsm(values: Environment, pin: PinSource): HsmConfiguration {
  return {
    ...describeLibrary(values),
    pin,
    token: describeToken(values),
    key: defined({ label: values.HSM_KEY_LABEL, id: values.HSM_KEY_ID?.toLowerCase() }),
    sessions: values.HSM_SESSIONS,
    queueLimit: values.HSM_QUEUE_LIMIT,
    timeoutMs: values.HSM_TIMEOUT_MS,
    keepAliveMs: values.HSM_KEEPALIVE_MS,
    zombieLimit: values.HSM_ZOMBIE_LIMIT ?? Math.floor(values.HSM_SESSIONS / 2),
    sessionMaxUses: values.HSM_SESSION_MAX_USES,
    sessionMaxAgeMs: values.HSM_SESSION_MAX_AGE_MS,
  }
}

function describeLibrary({ HSM_MODULE, HSM_MODULE_PARAMETERS }: Environment): LibraryConfiguration {
  return { module: HSM_MODULE, ...defined({ moduleParameters: HSM_MODULE_PARAMETERS }) }
}

function describeToken({ HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL, HSM_SLOT }: Environment): TokenSelector {
  return defined({ label: HSM_TOKEN_LABEL, serial: HSM_TOKEN_SERIAL, slot: HSM_SLOT })
}

/** The object without its undefined properties. */
function defined<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
