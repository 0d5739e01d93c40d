/**
 * The environment, turned into a frozen configuration. The only file that reads the environment.
 *
 * Everything that is wrong is found and reported at once. The PIN is not read here but by the signer process, which
 * alone needs it: here is only where it will be found.
 */
import type { X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { envSchema } from 'env-schema'
import Type from 'typebox'
import { Environment } from '../schemas/configuration.ts'
import { ConfigurationError, type ConfigurationProblem } from './errors.ts'
import { findHashAlgorithm, HASH_ALGORITHMS, type HashAlgorithm } from './signature/hash-algorithms.ts'
import { parseCertificates } from './signers/certificate-file.ts'
import { describeUnsupportedKey } from './signers/key-type.ts'

/** Where the PIN is found when a token is logged in to. */
export type PinSource = { readonly variable: string } | { readonly file: string }

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

export interface HsmConfiguration {
  readonly module: string
  readonly pin: PinSource
  readonly token: TokenSelector
  readonly key: KeySelector
  readonly sessions: number
  readonly queueLimit: number
  readonly timeoutMs: number
  readonly keepAliveMs: number
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
  readonly corsOrigins: readonly string[]
  readonly logLevel: Environment['LOG_LEVEL']
  readonly hashAlgorithms: readonly HashAlgorithm[]
  readonly digestMismatch: Environment['DIGEST_MISMATCH']
  readonly hsm: HsmConfiguration
  readonly signer: SignerConfiguration
  /** What the operator should know though it does not stop the start. */
  readonly warnings: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>

/** @throws ConfigurationError with all the problems there are */
export function loadConfiguration(environment: Variables): Readonly<Configuration> {
  const warnings: string[] = []
  const given = dropUnset(environment, warnings)
  const problems: ConfigurationProblem[] = []
  const values = validate(given, problems)

  const pin = findPin(given, problems)
  checkReadable('HSM_MODULE', values.HSM_MODULE, problems)
  const hashAlgorithms = parseHashAlgorithms(values.HASH_ALGORITHMS, problems)
  const corsOrigins = parseOrigins(values.CORS_ORIGINS, problems)
  const certificates = readCertificateFile(
    'SIGNER_CERTIFICATE_FILE',
    values.SIGNER_CERTIFICATE_FILE,
    problems,
  )
  checkSignerKey(certificates?.[0], problems)
  const caCertificates = readCertificateFile('CA_CERTIFICATES_FILE', values.CA_CERTIFICATES_FILE, problems)
  warnings.push(...findUnknownVariables(given))

  if (problems.length > 0 || pin === undefined) {
    throw new ConfigurationError(problems)
  }
  return Object.freeze({
    host: values.SIGNING_SERVICE_HOST,
    port: values.SIGNING_SERVICE_PORT,
    paths: [...new Set(['/', '/sign', values.SIGNING_SERVICE_PATH])],
    bodyLimit: values.SIGNING_SERVICE_BODY_LIMIT,
    keepAliveMs: values.SIGNING_SERVICE_KEEP_ALIVE_MS,
    corsOrigins,
    logLevel: values.LOG_LEVEL,
    hashAlgorithms,
    digestMismatch: values.DIGEST_MISMATCH,
    hsm: Object.freeze({
      module: values.HSM_MODULE,
      pin,
      token: defined({
        label: values.HSM_TOKEN_LABEL,
        serial: values.HSM_TOKEN_SERIAL,
        slot: values.HSM_SLOT,
      }),
      key: defined({ label: values.HSM_KEY_LABEL, id: values.HSM_KEY_ID?.toLowerCase() }),
      sessions: values.HSM_SESSIONS,
      queueLimit: values.HSM_QUEUE_LIMIT,
      timeoutMs: values.HSM_TIMEOUT_MS,
      keepAliveMs: values.HSM_KEEPALIVE_MS,
    }),
    signer: Object.freeze({
      ...(certificates === undefined ? {} : { certificates }),
      caCertificates: caCertificates ?? [],
    }),
    warnings,
  })
}

/**
 * Reads the PIN, in the signer process. Read anew at each start of that process, so that a changed file counts.
 *
 * @throws Error when it is not there any more; the message holds nothing of it
 */
export function readPin(source: PinSource, environment: Variables): string {
  const pin =
    'file' in source ? readFileSync(source.file, 'utf8').replace(/\r?\n$/, '') : environment[source.variable]
  if (pin === undefined || pin === '') {
    throw new Error('the PIN is empty')
  }
  return pin
}

/** Compose files and shells pass unset variables on as empty ones. */
function dropUnset(environment: Variables, warnings: string[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (name === 'SIGNING_SERVICE_PORT' && value?.startsWith('tcp://')) {
      // Kubernetes puts an address of this form into every pod beside a Service that is named signing-service
      warnings.push('SIGNING_SERVICE_PORT: ignored, since it is the address of a Kubernetes Service')
    } else if (value !== undefined && value !== '') {
      given[name] = value
    }
  }
  return given
}

/** Checks the variables against their schema; what is wrong becomes a problem and takes no further part. */
function validate(given: Readonly<Record<string, string>>, problems: ConfigurationProblem[]): Environment {
  const parse = (schema: object, data: object) =>
    envSchema<Environment>({ schema: structuredClone(schema), data: { ...data }, env: false })
  try {
    return parse(Environment, given)
  } catch (error) {
    const wrong = (error as { errors?: { instancePath: string; params: { missingProperty?: string } }[] })
      .errors
    if (wrong === undefined) {
      throw error
    }
    const names = new Set(
      wrong.map(({ instancePath, params }) => params.missingProperty ?? instancePath.slice(1)),
    )
    for (const name of names) {
      problems.push({
        variable: name,
        message: describeExpected(name, name in given ? 'is not valid' : 'is required'),
      })
    }
    const rest = Object.fromEntries(Object.entries(given).filter(([name]) => !names.has(name)))
    return parse(Type.Partial(Environment), rest)
  }
}

/** `HSM_SESSIONS: is not valid: sessions in the pool, an integer from 1 to 1024, for example HSM_SESSIONS=8` */
function describeExpected(name: string, wrong: string): string {
  const schema = Environment.properties[name as keyof Environment] as {
    type?: string
    description?: string
    examples?: string[]
    minimum?: number
    maximum?: number
    enum?: string[]
    pattern?: string
  }
  const range =
    schema.type === 'integer' ? `an integer${describeRange(schema.minimum, schema.maximum)}` : undefined
  const choice = schema.enum === undefined ? undefined : `one of ${schema.enum.join(', ')}`
  const expected = [schema.description, range, choice].filter((part) => part !== undefined).join(', ')
  return `${wrong}: ${expected}, for example ${name}=${schema.examples?.[0]}`
}

function describeRange(minimum: number | undefined, maximum: number | undefined): string {
  return maximum === undefined ? `, at least ${minimum}` : ` from ${minimum} to ${maximum}`
}

function findPin(
  given: Readonly<Record<string, string>>,
  problems: ConfigurationProblem[],
): PinSource | undefined {
  const { HSM_PIN: pin, HSM_PIN_FILE: file } = given
  if (pin !== undefined && file !== undefined) {
    problems.push({ variable: 'HSM_PIN', message: 'is set beside HSM_PIN_FILE; set one of the two' })
    return undefined
  }
  if (file !== undefined) {
    return checkReadable('HSM_PIN_FILE', file, problems) ? { file } : undefined
  }
  if (pin === undefined) {
    const message = 'is required, or HSM_PIN_FILE: PIN of the user; CloudHSM: user:password'
    problems.push({
      variable: 'HSM_PIN',
      message: `${message}, for example HSM_PIN_FILE=/run/secrets/hsm-pin`,
    })
    return undefined
  }
  return { variable: 'HSM_PIN' }
}

function checkReadable(
  variable: string,
  path: string | undefined,
  problems: ConfigurationProblem[],
): boolean {
  if (path === undefined) {
    return false
  }
  try {
    accessSync(path, constants.R_OK)
    if (!statSync(path).isFile()) {
      throw Object.assign(new Error(), { code: 'not a file' })
    }
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    problems.push({ variable, message: describeExpected(variable, `cannot be read (${code})`) })
    return false
  }
}

function readCertificateFile(
  variable: string,
  path: string | undefined,
  problems: ConfigurationProblem[],
): X509Certificate[] | undefined {
  if (path === undefined || !checkReadable(variable, path, problems)) {
    return undefined
  }
  try {
    return parseCertificates(readFileSync(path))
  } catch (error) {
    problems.push({ variable, message: describeExpected(variable, (error as Error).message) })
    return undefined
  }
}

function checkSignerKey(leaf: X509Certificate | undefined, problems: ConfigurationProblem[]): void {
  const problem = leaf === undefined ? undefined : describeUnsupportedKey(leaf)
  if (problem !== undefined) {
    problems.push({ variable: 'SIGNER_CERTIFICATE_FILE', message: problem })
  }
}

function parseHashAlgorithms(list: string | undefined, problems: ConfigurationProblem[]): HashAlgorithm[] {
  const names = splitList(list)
  const algorithms = new Set<HashAlgorithm>()
  for (const name of names) {
    const algorithm = findHashAlgorithm(name)
    if (algorithm === undefined) {
      const known = HASH_ALGORITHMS.map((one) => one.name).join(', ')
      const message = `${JSON.stringify(name)} is none of ${known}, for example HASH_ALGORITHMS=sha256,sha384,sha512`
      problems.push({ variable: 'HASH_ALGORITHMS', message })
    } else {
      algorithms.add(algorithm)
    }
  }
  if (list !== undefined && names.length === 0) {
    problems.push({ variable: 'HASH_ALGORITHMS', message: describeExpected('HASH_ALGORITHMS', 'names none') })
  }
  return [...algorithms]
}

function parseOrigins(list: string | undefined, problems: ConfigurationProblem[]): string[] {
  const origins = splitList(list)
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      // "*" is refused as well: any page in any browser that reaches the service could have documents signed
      const message = `${JSON.stringify(origin)} is no origin, for example CORS_ORIGINS=https://app.example.com`
      problems.push({ variable: 'CORS_ORIGINS', message })
    }
  }
  return origins
}

function splitList(list: string | undefined): string[] {
  return (list ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Typing errors: names that look like ours and are not. Those that Kubernetes makes for a Service are its own. */
function findUnknownVariables(given: Readonly<Record<string, string>>): string[] {
  return Object.keys(given)
    .filter((name) => /^(HSM|SIGNING|SIGNER)_/.test(name) && !(name in Environment.properties))
    .filter((name) => !/^SIGNING_SERVICE_(SERVICE_|PORT_)/.test(name))
    .map((name) => `${name}: is not a variable that this service knows; check its spelling`)
}

/** The object without its undefined properties. */
function defined<T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
