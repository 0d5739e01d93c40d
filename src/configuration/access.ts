/** Reads who may have something signed. */
import { createPublicKey, createSecretKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { BlockList } from 'node:net'
import { resolve } from 'node:path'
import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { AccessFile, type User } from '../../schemas/access-file.ts'
import type { Environment } from '../../schemas/configuration.ts'
import { keyDetails } from '../algorithms/key-details.ts'
import { isPointAtInfinity } from '../algorithms/public-key.ts'
import { defined } from '../common/defined.ts'
import { isLoopback, parseNetworks } from '../common/networks.ts'
import { readSecret } from '../common/secret.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { AccessConfiguration, JwtKeys, ReadAccess } from './access-configuration.ts'
import {
  describeFile,
  describeSecretFile,
  type GivenFile,
  parseGivenFile,
  parseJsonFile,
  readGivenFile,
  warnAboutMode,
} from './files.ts'
import { splitVariable } from './lists.ts'
import { problemWith } from './problem.ts'
import { findSchemaProblems, placeInFile } from './signers-file-schema.ts'

const OPEN: AccessConfiguration = { kind: 'open' }

/** Variables that have no effect without their value of ACCESS, which would be taken for protection. */
const VARIABLES_OF = {
  tokens: ['ACCESS_FILE'],
  jwt: [
    ...(['ACCESS_JWT_KEYS', 'ACCESS_JWT_SECRET_FILE', 'ACCESS_JWT_ISSUER', 'ACCESS_JWT_AUDIENCE'] as const),
    ...(['ACCESS_JWT_ALGORITHMS', 'ACCESS_JWT_MAX_AGE_S'] as const),
  ],
} as const

/** @returns who may have something signed, complete if no problem was found */
export function readAccess(
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
  warnings: string[],
): ReadAccess {
  const files = [values.ACCESS_FILE, values.ACCESS_JWT_SECRET_FILE, values.ACCESS_JWT_KEYS]
    .filter((file) => file !== undefined && !isAddress(file))
    .map((file) => resolve(file as string))
  return { configuration: readConfiguration(values, problems, warnings), files }
}

function readConfiguration(
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
  warnings: string[],
): AccessConfiguration {
  for (const [kind, names] of Object.entries(VARIABLES_OF)) {
    const useless = names.filter((name) => values[name] !== undefined && values.ACCESS !== kind)
    problems.push(...useless.map((name) => problemWith(name, `is set, but ACCESS is not ${kind}`)))
  }
  if (values.ACCESS === 'open' && values.ACCESS_CERTIFICATES === 'protected') {
    problems.push(problemWith('ACCESS_CERTIFICATES', 'is protected, but ACCESS is open'))
  }
  if (values.ACCESS === 'open' && values.RATE_LIMIT_PER_SUBJECT !== undefined) {
    problems.push(
      problemWith('RATE_LIMIT_PER_SUBJECT', 'is set, but ACCESS is open, so that callers are not known'),
    )
  }
  switch (values.ACCESS) {
    case 'tokens':
      return readUsers(values.ACCESS_FILE, problems)
    case 'jwt':
      return readJwt(values, problems, warnings)
    default:
      return OPEN
  }
}

function readUsers(given: string | undefined, problems: ConfigurationProblem[]): AccessConfiguration {
  if (given === undefined) {
    problems.push(problemWith('ACCESS_FILE', 'is required for ACCESS=tokens'))
    return OPEN
  }
  return {
    kind: 'tokens',
    users: readAccessFile(given, problems).map(({ addresses, ...user }, index) => {
      const place = placeInFile(`/users/${index}/addresses`, 'ACCESS_FILE')
      return { ...user, ...defined({ addresses: addresses && readNetworks(place, addresses, problems) }) }
    }),
  }
}

/** Reads the users of ACCESS_FILE; none if there is a problem. */
export function readAccessFile(given: string, problems: ConfigurationProblem[]): readonly User[] {
  const file = describeFile({ setting: 'ACCESS_FILE', folder: '' }, given)
  const content = parseGivenFile(file, problems, parseJsonFile)
  if (content === undefined) {
    return []
  }
  const wrong = findSchemaProblems(content, { schema: AccessFile, variable: 'ACCESS_FILE' })
  problems.push(...wrong.map(({ variable, message }) => ({ variable, message })))
  if (wrong.length > 0) {
    return []
  }
  const { users } = content as AccessFile
  for (const property of ['name', 'tokenId'] as const) {
    const seen = new Set<string>()
    const twice = users.findIndex((user) => seen.size === seen.add(user[property]).size)
    if (twice >= 0) {
      const place = placeInFile(`/users/${twice}/${property}`, 'ACCESS_FILE')
      problems.push(problemWith(place, 'is that of another user too'))
    }
  }
  return users
}

function readJwt(
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
  warnings: string[],
): AccessConfiguration {
  const { ACCESS_JWT_KEYS: keys, ACCESS_JWT_SECRET_FILE: secretFile } = values
  const { ACCESS_JWT_ISSUER: issuer, ACCESS_JWT_AUDIENCE: audience, ACCESS_JWT_MAX_AGE_S: maxAgeS } = values
  for (const name of ['ACCESS_JWT_ISSUER', 'ACCESS_JWT_AUDIENCE'] as const) {
    // A wrong value is not reported as missing, too
    if (values[name] === undefined && problems.every(({ variable }) => variable !== name)) {
      problems.push(problemWith(name, 'is required for ACCESS=jwt'))
    }
  }
  if ((keys === undefined) === (secretFile === undefined)) {
    const wrong =
      keys === undefined
        ? 'is required for ACCESS=jwt, or ACCESS_JWT_SECRET_FILE'
        : 'is set beside ACCESS_JWT_SECRET_FILE; set one of the two'
    problems.push(problemWith('ACCESS_JWT_KEYS', wrong))
    return OPEN
  }
  const isSecret = secretFile !== undefined
  const found = isSecret ? readSecretKey(secretFile, problems, warnings) : readKeys(keys as string, problems)
  const algorithms = readAlgorithms(values.ACCESS_JWT_ALGORITHMS, isSecret, problems)
  if (found === undefined || issuer === undefined || audience === undefined) {
    return OPEN
  }
  const fitting = found.kind === 'key' ? algorithms.filter((name) => fitsKey(name, found.key)) : algorithms
  if (algorithms.length > 0 && fitting.length === 0) {
    problems.push(problemWith('ACCESS_JWT_KEYS', `has a key that fits none of ${algorithms.join(', ')}`))
  }
  return { kind: 'jwt', jwt: { keys: found, issuer, audience, algorithms: fitting, ...defined({ maxAgeS }) } }
}

/** EdDSA has the name Ed25519, too (RFC 9864 2.2). */
const PUBLIC_KEY_ALGORITHMS: readonly string[] = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519']
const MORE_ALGORITHMS: readonly string[] = ['ES384', 'ES512', 'RS384', 'RS512', 'PS384', 'PS512']

/** Reads ACCESS_JWT_ALGORITHMS. HS256 and public keys never go together: a public key is no secret. */
function readAlgorithms(
  given: string | undefined,
  isSecret: boolean,
  problems: ConfigurationProblem[],
): readonly string[] {
  const usual = isSecret ? ['HS256'] : PUBLIC_KEY_ALGORITHMS
  const allowed = isSecret ? usual : [...usual, ...MORE_ALGORITHMS]
  const names = given === undefined ? usual : splitVariable('ACCESS_JWT_ALGORITHMS', given, problems)
  for (const name of names.filter((one) => !allowed.includes(one))) {
    const wrong = `is none of ${allowed.join(', ')}, which go with ${isSecret ? 'a secret' : 'public keys'}`
    problems.push(problemWith('ACCESS_JWT_ALGORITHMS', wrong, name))
  }
  return names.filter((one) => allowed.includes(one))
}

const CURVES: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
}
/** RFC 7518 3.3. */
const MIN_RSA_BITS = 2048

/** Returns whether a key verifies an algorithm (RFC 7518 3.1, RFC 8037 3.1). */
function fitsKey(algorithm: string, key: KeyObject): boolean {
  const { type, asymmetricKeyType } = key
  const { namedCurve, modulusLength = 0 } = keyDetails(key)
  switch (algorithm.slice(0, 2)) {
    case 'HS':
      return type === 'secret'
    case 'Ed':
      return asymmetricKeyType === 'ed25519'
    case 'ES':
      return CURVES[algorithm] === namedCurve
    default:
      return asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS
  }
}

/** The length of the digest: guessing a shorter secret is easier than forging a signature (RFC 7518 3.2). */
const MIN_SECRET_BYTES = 32

function readSecretKey(
  given: string,
  problems: ConfigurationProblem[],
  warnings: string[],
): JwtKeys | undefined {
  const file = describeSecretFile({ setting: 'ACCESS_JWT_SECRET_FILE', folder: '' }, given) as GivenFile
  const content = readGivenFile(file, problems)
  if (content === undefined) {
    return undefined
  }
  warnAboutMode(file, warnings)
  try {
    const secret = Buffer.from(readSecret(content))
    if (secret.length < MIN_SECRET_BYTES) {
      throw new Error(`holds less than ${MIN_SECRET_BYTES} bytes`)
    }
    return { kind: 'key', key: createSecretKey(secret) }
  } catch (error) {
    problems.push(problemWith('ACCESS_JWT_SECRET_FILE', (error as Error).message, file.shown))
    return undefined
  }
}

function readKeys(given: string, problems: ConfigurationProblem[]): JwtKeys | undefined {
  if (isAddress(given)) {
    return readKeysAddress(given, problems)
  }
  // Somebody may have put the secret of HS256 here
  const file = describeSecretFile({ setting: 'ACCESS_JWT_KEYS', folder: '' }, given)
  return parseGivenFile<JwtKeys>(file, problems, (content) =>
    content.includes('-----BEGIN ')
      ? { kind: 'key', key: readPem(content.toString()) }
      : { kind: 'set', set: readSet(content) },
  )
}

function isAddress(keys: string): boolean {
  return /^https?:/i.test(keys)
}

function readKeysAddress(given: string, problems: ConfigurationProblem[]): JwtKeys | undefined {
  const url = URL.canParse(given) ? new URL(given) : undefined
  // Whoever can answer in place of the address can sign whatever he likes
  if (url === undefined || (url.protocol !== 'https:' && !isLoopback(url.hostname))) {
    problems.push(problemWith('ACCESS_JWT_KEYS', 'is no https address'))
    return undefined
  }
  return { kind: 'url', url }
}

/** @throws Error that quotes nothing of the file, which may be a private key */
function readPem(content: string): KeyObject {
  const blocks = content.match(/-----BEGIN [^-]+-----/g) ?? []
  if (/PRIVATE KEY-----/.test(content)) {
    throw new Error('holds a private key, which must not be here: the public one is enough')
  }
  if (blocks.length > 1) {
    throw new Error('holds several PEM blocks; several keys go into a JSON Web Key Set')
  }
  const key = tryReadPem(content)
  if (key === undefined || isPointAtInfinity(key)) {
    throw new Error('holds no public key that can be read')
  }
  return key
}

function tryReadPem(content: string): KeyObject | undefined {
  try {
    return content.includes('BEGIN CERTIFICATE')
      ? new X509Certificate(content).publicKey
      : createPublicKey(content)
  } catch {
    return undefined
  }
}

/** @throws Error that quotes nothing of the file */
function readSet(content: Buffer): JSONWebKeySet {
  let set: { keys?: unknown }
  try {
    set = parseJsonFile(content) as typeof set
    createLocalJWKSet(set as JSONWebKeySet)
  } catch {
    throw new Error('is neither a PEM file nor a JSON Web Key Set')
  }
  const { keys } = set as JSONWebKeySet
  if (keys.length === 0) {
    throw new Error('holds no key')
  }
  if (keys.some((key) => 'd' in key || 'k' in key)) {
    throw new Error('holds a private key or a secret, which must not be here: the public one is enough')
  }
  return set as JSONWebKeySet
}

/** Returns the networks of a variable; undefined if it is not set, or wrong. */
export function readNetworkList(
  variable: string,
  given: string | undefined,
  problems: ConfigurationProblem[],
): BlockList | undefined {
  return given === undefined
    ? undefined
    : readNetworks(variable, splitVariable(variable, given, problems), problems)
}

function readNetworks(
  setting: string,
  items: readonly string[],
  problems: ConfigurationProblem[],
): BlockList | undefined {
  const networks = parseNetworks(items)
  if ('wrong' in networks) {
    problems.push(
      problemWith(setting, 'is neither an address nor a network such as 10.0.0.0/8', networks.wrong),
    )
    return undefined
  }
  return networks
}

/** Warns where whoever reaches the port may have anything signed. */
export function warnAboutAccess(values: Partial<Environment>): string[] {
  const { ACCESS: access, SIGNING_SERVICE_HOST: host = '' } = values
  const isLimited = values.ACCESS_FROM !== undefined || values.TLS_CLIENT_CA_FILE !== undefined
  return access === 'open' && !isLimited && !isLoopback(host)
    ? [
        'ACCESS: everybody who reaches the service may have anything signed; set it to tokens or jwt, or limit ACCESS_FROM',
      ]
    : []
}
