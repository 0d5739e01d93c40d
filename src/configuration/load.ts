/**
 * Turns the environment into a frozen configuration. All problems are found and reported at once.
 *
 * Only this module reads the environment. The PIN is not part of the configuration, which only says where the signer
 * process finds it.
 */
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import { deepFreeze } from '../common/freeze.ts'
import { type ConfigurationProblem, refuseProblems } from '../errors.ts'
import { readAccess, readNetworkList, warnAboutAccess } from './access.ts'
import { addCertificates } from './add-certificates.ts'
import type {
  Configuration,
  HsmConfiguration,
  LoadedAccess,
  LoadedSigners,
  TokenConfiguration,
} from './configuration.ts'
import { warnAboutContainers } from './container-variables.ts'
import { parseHashAlgorithms, parseOrigins, parseSignMethods, splitList } from './lists.ts'
import { findPin, isPinConfigured } from './pin.ts'
import { problemWith } from './problem.ts'
import { readProxies } from './proxies.ts'
import type { LibraryConfiguration, SignersConfiguration } from './signer-configuration.ts'
import { readSignersFile } from './signers-file.ts'
import { describeToken, readSingleSigner, requireLibrary } from './single-signer.ts'
import { validate } from './validation.ts'
import { dropUnset, findUnknown, type GivenVariables, type Variables } from './variables.ts'

/** Default of Document Engine's SIGNING_SERVICE_TIMEOUT. */
const DOCUMENT_ENGINE_TIMEOUT_MS = 5_000

/**
 * Loads the configuration of the service.
 *
 * @throws ConfigurationError with all problems
 */
export function loadConfiguration(environment: Variables): Readonly<Configuration> {
  const warnings: string[] = []
  const problems: ConfigurationProblem[] = []
  const given = dropUnset(environment, warnings)
  const unknown = findUnknown(given)
  warnings.push(...unknown.map(({ variable, message }) => `${variable}: ${message}`))
  const values = validate(given, problems)
  if (given.HSM_PIN !== undefined) {
    warnings.push("HSM_PIN: stays readable in the process's environment; HSM_PIN_FILE does not")
  }
  if (Number(values.HSM_TIMEOUT_MS) >= DOCUMENT_ENGINE_TIMEOUT_MS) {
    warnings.push(
      `HSM_TIMEOUT_MS: Document Engine gives up after SIGNING_SERVICE_TIMEOUT, ${DOCUMENT_ENGINE_TIMEOUT_MS} ms by default; keep it below that`,
    )
  }
  const corsOrigins = parseOrigins(values.CORS_ORIGINS ?? '', problems)
  const signMethods = parseSignMethods(values.SIGN_METHODS as string, problems)
  const access = readAccess(values, problems, warnings)
  const accessFrom = readNetworkList('ACCESS_FROM', values.ACCESS_FROM, problems)
  const trustedProxies = splitList(values.TRUSTED_PROXIES ?? '')
  readNetworkList('TRUSTED_PROXIES', values.TRUSTED_PROXIES, problems)
  warnings.push(...warnAboutAccess(values))
  const proxies = readProxies(values, environment, problems)
  const signers = readSigners(given, values, problems, warnings)
  refuseWith(unknown, problems)
  warnings.push(...warnAboutContainers(given, signers))
  const whole = values as Environment
  return deepFreeze({
    host: whole.SIGNING_SERVICE_HOST,
    port: whole.SIGNING_SERVICE_PORT,
    paths: listPaths(whole.SIGNING_SERVICE_PATH),
    signerPaths: listSignerPaths(whole),
    bodyLimit: whole.SIGNING_SERVICE_BODY_LIMIT,
    maxConnections: whole.SIGNING_SERVICE_MAX_CONNECTIONS,
    keepAliveMs: whole.SIGNING_SERVICE_KEEP_ALIVE_MS,
    shutdownDelayMs: whole.SHUTDOWN_DELAY_MS,
    corsOrigins,
    logLevel: whole.LOG_LEVEL,
    digestMismatch: whole.DIGEST_MISMATCH,
    signMethods,
    reloadIntervalMs: whole.SIGNERS_RELOAD_INTERVAL_MS,
    revocationCheck: whole.REVOCATION_CHECK === 'on',
    revocationMaxAgeMs: whole.REVOCATION_MAX_AGE * 1000,
    proxies,
    hsm: describeHsm(whole),
    access,
    ...defined({ accessFrom }),
    trustedProxies,
    protectCertificates: whole.ACCESS_CERTIFICATES === 'protected',
    signers,
    warnings,
  })
}

/**
 * Refuses problems, and lists unknown names with them, since one may be that of a variable that seems to be missing.
 *
 * @throws ConfigurationError if there are problems
 */
function refuseWith(
  unknown: readonly ConfigurationProblem[],
  problems: readonly ConfigurationProblem[],
): void {
  refuseProblems(problems.length === 0 ? [] : [...problems, ...unknown])
}

/** Loads the configuration of the signers, which is read again while the service runs. */
export function loadSigners(environment: Variables): LoadedSigners {
  const problems: ConfigurationProblem[] = []
  const warnings: string[] = []
  const given = dropUnset(environment, [])
  const signers = readSigners(given, validate(given, problems), problems, warnings)
  return { signers: deepFreeze(signers), problems, warnings }
}

/** Loads who may have something signed, which is read again while the service runs. */
export function loadAccess(environment: Variables): LoadedAccess {
  const problems: ConfigurationProblem[] = []
  const values = validate(dropUnset(environment, []), problems)
  return { access: deepFreeze(readAccess(values, problems, [])), problems }
}

function readSigners(
  given: GivenVariables,
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
  warnings: string[],
): SignersConfiguration {
  const hashAlgorithms = parseHashAlgorithms(values.HASH_ALGORITHMS as string, problems)
  const read = values.SIGNERS_FILE === undefined ? readSingleSigner : readSignersFile
  const signers = addCertificates(read(given, values, hashAlgorithms, problems, warnings), problems)
  problems.push(...findPathProblems(values, signers))
  return signers
}

/**
 * Loads the configuration of a token. All other variables may be missing or wrong.
 *
 * @throws ConfigurationError with all problems
 */
export function loadTokenConfiguration(environment: Variables): Readonly<TokenConfiguration> {
  const all = dropUnset(environment, [])
  const given = pick(all, [...LIBRARY_VARIABLES, 'HSM_TOKEN_LABEL', 'HSM_TOKEN_SERIAL', 'HSM_SLOT'])
  const pins = pick(all, ['HSM_PIN', 'HSM_PIN_FILE'])
  const problems: ConfigurationProblem[] = []
  const values = validate(given, problems)
  const library = requireLibrary(values, problems)
  const pin = isPinConfigured(pins) ? findPin(pins, problems, []) : undefined
  refuseWith(findUnknown(all), problems)
  return deepFreeze({ ...library, token: describeToken(values), ...defined({ pin }) })
}

/**
 * Loads the configuration of the PKCS#11 library. All other variables may be missing or wrong.
 *
 * @throws ConfigurationError
 */
export function loadLibraryConfiguration(environment: Variables): Readonly<LibraryConfiguration> {
  const all = dropUnset(environment, [])
  const problems: ConfigurationProblem[] = []
  const library = requireLibrary(validate(pick(all, LIBRARY_VARIABLES), problems), problems)
  refuseWith(findUnknown(all), problems)
  return deepFreeze(library)
}

const LIBRARY_VARIABLES = ['HSM_MODULE', 'HSM_MODULE_PARAMETERS'] as const

function pick(given: GivenVariables, names: readonly (keyof Environment)[]): GivenVariables {
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.some((one) => one === name)))
}

/** Lists the paths of the callback, each once; the router treats /sign and /sign/ alike. */
function listPaths(further: string): string[] {
  return [...new Set(['/', '/sign', further.replace(/(?<=.)\/$/, '')])]
}

/** Lists the paths that the name of a signer of a signers file may follow, as in /sign/NAME. */
function listSignerPaths({ SIGNING_SERVICE_PATH: path, SIGNERS_FILE: file }: Environment): string[] {
  return file === undefined ? [] : listPaths(path).filter((one) => one !== '/')
}

/** Refuses a path that is also that of a signer, in whose place the default signer would sign. */
function findPathProblems(
  { SIGNING_SERVICE_PATH: path = '', SIGNERS_FILE: file }: Partial<Environment>,
  { signers }: SignersConfiguration,
): ConfigurationProblem[] {
  const name = /^\/sign\/([^/]+)\/?$/.exec(path)?.[1]
  return file !== undefined && signers.some((signer) => signer.name === name)
    ? [problemWith('SIGNING_SERVICE_PATH', `is the path of the signer ${name}`, path)]
    : []
}

function describeHsm(values: Environment): HsmConfiguration {
  return {
    sessions: values.HSM_SESSIONS,
    queueLimit: values.HSM_QUEUE_LIMIT,
    timeoutMs: values.HSM_TIMEOUT_MS,
    keepAliveMs: values.HSM_KEEPALIVE_MS,
    requireNonExtractableKeys: values.REQUIRE_NON_EXTRACTABLE_KEYS === 'true',
  }
}
