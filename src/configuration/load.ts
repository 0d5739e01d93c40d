/**
 * Turns the environment into the configuration. All problems are found and reported at once.
 *
 * Only this module reads the environment. The PIN is not part of the configuration, which only says where the signer
 * process finds it.
 */
import type { Environment } from '../../schemas/configuration.ts'
import { defined } from '../common/defined.ts'
import { type ConfigurationProblem, refuseProblems } from '../errors.ts'
import { readAccess, readNetworkList, warnAboutAccess } from './access.ts'
import { findExposed } from './apart.ts'
import { findAuditSignerProblems, readAudit } from './audit.ts'
import type {
  Configuration,
  ListenAddress,
  LoadedAccess,
  LoadedSigners,
  LoadedTls,
  TokenConfiguration,
} from './configuration.ts'
import { findHashAlgorithms, parseOrigins, parseSignMethods } from './lists.ts'
import { findPin, isPinConfigured } from './pin.ts'
import { type Findings, problemWith } from './problem.ts'
import { readProxies } from './proxies.ts'
import { readSigner } from './read-signer.ts'
import type { LibraryConfiguration, SignersConfiguration } from './signer-configuration.ts'
import { AUTHORITY_VARIABLES, fromVariables, type SignerDocument } from './signer-document.ts'
import { readSignersFile, type SignerDocuments } from './signers-file.ts'
import { readAuthorities } from './timestamp-authorities.ts'
import { readTls } from './tls.ts'
import { readLibrary, readSelector } from './token-access.ts'
import { readTracesUrl } from './traces.ts'
import { dropUnset, findUnknown, type GivenVariables, type Variables, validate } from './variables.ts'

/** Default of Document Engine's SIGNING_SERVICE_TIMEOUT. */
const DOCUMENT_ENGINE_TIMEOUT_MS = 5_000

/**
 * Loads the configuration of the service.
 *
 * @param apart true if other processes, of another user, work on the tokens
 * @param hidden collects variables whose files only the HTTP process has to use, where this user may not; without it they are problems
 * @throws ConfigurationError with all problems
 */
export function loadConfiguration(environment: Variables, apart = false, hidden?: string[]): Configuration {
  const findings = createFindings(apart)
  const { problems, warnings } = findings
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
  const corsOrigins = values.CORS_ORIGINS === undefined ? [] : parseOrigins(values.CORS_ORIGINS, problems)
  problems.push(...findWebSdkProblems(values))
  const signMethods = parseSignMethods(values.SIGN_METHODS as string, problems)
  const access = readAccess(values, problems, warnings)
  const accessFrom = readNetworkList('ACCESS_FROM', values.ACCESS_FROM, problems)
  const trustedProxies = readNetworkList('TRUSTED_PROXIES', values.TRUSTED_PROXIES, problems)
  warnings.push(...warnAboutAccess(values))
  const tls = readTls(values, problems, warnings)
  const proxies = readProxies(values, environment, problems)
  const signers = readSigners(given, values, findings)
  const admin = readAdmin(given, values, findings)
  const tracesUrl = readTracesUrl(values, warnings)
  const audit = readAudit(given, values, findings)
  const passed = problems.filter((problem) => hidden !== undefined && isOfHttpProcess(problem))
  hidden?.push(...passed.map(({ variable }) => variable))
  refuseWith(
    unknown,
    problems.filter((problem) => !passed.includes(problem)),
  )
  warnings.push(...warnAboutAuthorities(given, signers))
  const whole = values as Environment
  return {
    host: whole.SIGNING_SERVICE_HOST,
    port: whole.SIGNING_SERVICE_PORT,
    ...defined({ admin, tls, tracesUrl }),
    paths: listPaths(whole.SIGNING_SERVICE_PATH),
    signerPaths: listSignerPaths(whole),
    bodyLimit: whole.SIGNING_SERVICE_BODY_LIMIT,
    maxConnections: whole.SIGNING_SERVICE_MAX_CONNECTIONS,
    keepAliveMs: whole.SIGNING_SERVICE_KEEP_ALIVE_MS,
    shutdownDelayMs: whole.SHUTDOWN_DELAY_MS,
    corsOrigins,
    webSdk: whole.WEB_SDK === 'true',
    logLevel: whole.LOG_LEVEL,
    digestMismatch: whole.DIGEST_MISMATCH,
    signMethods,
    reloadIntervalMs: whole.SIGNERS_RELOAD_INTERVAL_MS,
    revocationCheck: whole.REVOCATION_CHECK === 'on',
    revocationMaxAgeMs: whole.REVOCATION_MAX_AGE * 1000,
    proxies,
    access,
    ...defined({ accessFrom, trustedProxies }),
    ...defined({ audit }),
    protectCertificates: whole.ACCESS_CERTIFICATES === 'protected',
    rateLimits: defined({
      perSubject: whole.RATE_LIMIT_PER_SUBJECT,
      perSigner: whole.RATE_LIMIT_PER_SIGNER,
    }),
    hsm: {
      sessions: whole.HSM_SESSIONS,
      queueLimit: whole.HSM_QUEUE_LIMIT,
      timeoutMs: whole.HSM_TIMEOUT_MS,
      keepAliveMs: whole.HSM_KEEPALIVE_MS,
      requireNonExtractableKeys: whole.REQUIRE_NON_EXTRACTABLE_KEYS === 'true',
      apart,
    },
    signers,
    warnings: [...new Set(warnings)],
  }
}

/** Variables of files that neither a token nor a signature takes. */
const FILES_OF_HTTP_PROCESS: readonly string[] = [
  ...['TLS_CERT_FILE', 'TLS_KEY_FILE', 'TLS_CLIENT_CA_FILE', 'AUDIT_FILE'],
  ...['ACCESS_FILE', 'ACCESS_JWT_KEYS', 'ACCESS_JWT_SECRET_FILE'],
]

/** Returns whether the problem is none for SIGNING_SERVICE_USER, who alone may use the file. */
function isOfHttpProcess({ variable, isForbidden = false }: ConfigurationProblem): boolean {
  return isForbidden && FILES_OF_HTTP_PROCESS.includes(variable)
}

/** Addresses at which pages of the Web SDK sign. */
const WEB_SDK_PATHS = ['/api/get_certificates', '/api/sign_hash']

/** Addresses that stand for all of this machine. */
const WILDCARDS: readonly string[] = ['0.0.0.0', '::']

/** Reads where operators ask. The port must not be the one for signatures, unless each has an address of its own. */
function readAdmin(
  given: GivenVariables,
  values: Partial<Environment>,
  { problems, warnings }: Findings,
): ListenAddress | undefined {
  // It has a default
  const { ADMIN_PORT: port, ADMIN_HOST: host = '', SIGNING_SERVICE_HOST: signingHost = '' } = values
  if (port === undefined) {
    if (given.ADMIN_HOST !== undefined) {
      warnings.push('ADMIN_HOST: has no effect without ADMIN_PORT')
    }
    return undefined
  }
  const isShared = host === signingHost || [host, signingHost].some((one) => WILDCARDS.includes(one))
  if (port !== 0 && port === values.SIGNING_SERVICE_PORT && isShared) {
    problems.push(problemWith('ADMIN_PORT', 'is SIGNING_SERVICE_PORT, too', `${port}`))
  }
  return { host, port }
}

/** Refuses pages that sign without telling who their users are, or from anywhere. */
function findWebSdkProblems({
  WEB_SDK,
  ACCESS,
  CORS_ORIGINS,
  SIGNING_SERVICE_PATH: path = '',
}: Partial<Environment>): ConfigurationProblem[] {
  if (WEB_SDK !== 'true') {
    return []
  }
  const [taken] = WEB_SDK_PATHS.filter((one) => path === one || path === `${one}/`)
  return [
    ...(ACCESS === 'jwt' ? [] : [problemWith('WEB_SDK', 'is true, but ACCESS is not jwt')]),
    ...(CORS_ORIGINS === undefined
      ? [problemWith('CORS_ORIGINS', 'is required for WEB_SDK=true: the origins of the pages that sign')]
      : []),
    ...(taken === undefined
      ? []
      : [problemWith('SIGNING_SERVICE_PATH', 'is an address of the Web SDK (WEB_SDK)', path)]),
  ]
}

/** Warns of variables about authorities that have no effect, or that others can read. */
function warnAboutAuthorities(given: GivenVariables, { signers }: SignersConfiguration): string[] {
  const warnings: string[] = []
  if (given.TSA_PASSWORD !== undefined) {
    warnings.push("TSA_PASSWORD: stays readable in the process's environment; TSA_PASSWORD_FILE does not")
  }
  if (given.TSA_URL === undefined) {
    const idle = AUTHORITY_VARIABLES.filter((name) => given[name] !== undefined)
    warnings.push(...idle.map((name) => `${name}: has no effect without TSA_URL`))
  } else if (signers.every(({ container }) => container.level === 'b-b')) {
    warnings.push('TSA_URL: nobody is asked for a timestamp: that takes LEVEL=b-t or LEVEL=b-lt')
  }
  return warnings
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
  refuseProblems(problems.length === 0 ? [] : dropRepeated([...problems, ...unknown]))
}

/**
 * Loads the configuration of the signers, which is read again while the service runs.
 *
 * @param apart true if other processes, of another user, work on the tokens
 */
export function loadSigners(environment: Variables, apart = false): LoadedSigners {
  const findings = createFindings(apart)
  const { problems, warnings } = findings
  const given = dropUnset(environment, [])
  const signers = readSigners(given, validate(given, problems), findings)
  return { signers, problems: dropRepeated(problems), warnings: [...new Set(warnings)] }
}

function createFindings(apart: boolean): Findings {
  return { problems: [], warnings: [], files: new Map(), authorities: new Map(), apart }
}

/** Loads who may have something signed, which is read again while the service runs. */
export function loadAccess(environment: Variables): LoadedAccess {
  const problems: ConfigurationProblem[] = []
  const warnings: string[] = []
  const values = validate(dropUnset(environment, []), problems)
  return { access: readAccess(values, problems, warnings), problems, warnings }
}

/** Loads what the signing port shows and demands by TLS, which is read again while the service runs. */
export function loadTls(environment: Variables): LoadedTls {
  const problems: ConfigurationProblem[] = []
  const warnings: string[] = []
  const values = validate(dropUnset(environment, []), problems)
  return { tls: readTls(values, problems, warnings), problems, warnings }
}

function readSigners(
  given: GivenVariables,
  values: Partial<Environment>,
  findings: Findings,
): SignersConfiguration {
  // A wrong value is not reported as missing, too
  const { TSA_USER, HSM_PIN_SECRET_ID } = given
  const described = { ...values, ...defined({ TSA_USER, HSM_PIN_SECRET_ID }) }
  const read = described.SIGNERS_FILE === undefined ? readVariables : readSignersFile
  const { default: name, documents, environment } = read(described, findings)
  const revocationCheck = values.REVOCATION_CHECK === 'on'
  const signers = {
    default: name,
    signers: documents.map((document) => readSigner(document, revocationCheck, findings)),
    files: findings.files,
  }
  findings.problems.push(...findPathProblems(values, signers), ...findAuditSignerProblems(values, signers))
  if (findings.apart) {
    findings.problems.push(...findExposed(signers.signers, values.SIGNERS_FILE))
  }
  checkDefaults(environment, findings)
  return signers
}

/** Checks variables that no signer of a file may take today, as the next one may. */
function checkDefaults(environment: SignerDocument, findings: Findings): void {
  // They have a default
  const hashAlgorithms = environment.settings.hashAlgorithms as readonly string[]
  findHashAlgorithms('HASH_ALGORITHMS', hashAlgorithms, findings.problems)
  readAuthorities(environment, findings)
}

/** Reads the only signer. */
function readVariables(values: Partial<Environment>, { problems }: Findings): SignerDocuments {
  const environment = fromVariables(values, problems)
  return { default: environment.name, documents: [environment], environment }
}

/** Returns each problem once. Signers that share a variable have its problems in common. */
function dropRepeated(problems: readonly ConfigurationProblem[]): ConfigurationProblem[] {
  return [
    ...new Map(problems.map((problem) => [`${problem.variable}: ${problem.message}`, problem])).values(),
  ]
}

/**
 * Loads the configuration of a token. All other variables may be missing or wrong.
 *
 * @throws ConfigurationError with all problems
 */
export function loadTokenConfiguration(environment: Variables): TokenConfiguration {
  const all = dropUnset(environment, [])
  const problems: ConfigurationProblem[] = []
  // A wrong value is not reported as missing, too
  const given = defined({ HSM_PIN_SECRET_ID: all.HSM_PIN_SECRET_ID })
  const values = { ...validate(pick(all, TOKEN_VARIABLES), problems), ...given }
  const document = fromVariables(values, problems)
  const library = readLibrary(document, problems)
  const pin = isPinConfigured(all) ? findPin(document, { problems, warnings: [], apart: false }) : undefined
  refuseWith(findUnknown(all), problems)
  return { ...library, token: readSelector(document), ...defined({ pin }) }
}

/**
 * Loads the configuration of the PKCS#11 library. All other variables may be missing or wrong.
 *
 * @throws ConfigurationError
 */
export function loadLibraryConfiguration(environment: Variables): LibraryConfiguration {
  const all = dropUnset(environment, [])
  const problems: ConfigurationProblem[] = []
  const document = fromVariables(validate(pick(all, LIBRARY_VARIABLES), problems), problems)
  const library = readLibrary(document, problems)
  refuseWith(findUnknown(all), problems)
  return library
}

const LIBRARY_VARIABLES = ['HSM_MODULE', 'HSM_MODULE_PARAMETERS'] as const
const TOKEN_VARIABLES = [
  ...LIBRARY_VARIABLES,
  ...(['HSM_TOKEN_LABEL', 'HSM_TOKEN_SERIAL', 'HSM_SLOT'] as const),
  ...(['HSM_PIN', 'HSM_PIN_FILE', 'HSM_PIN_SECRET_ID'] as const),
]

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
