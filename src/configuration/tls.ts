/** Reads what the signing port shows and demands by TLS. */
import { constants, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Environment } from '../../schemas/configuration.ts'
import { CURVE_NAMES, curveOf } from '../algorithms/elliptic-curves.ts'
import { keyDetails } from '../algorithms/key-details.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { IS_UTF_16, parseCertificates, UTF_16 } from '../x509/certificate-file.ts'
import { isSelfSigned } from '../x509/chain.ts'
import { findInvalidity, type ValidityPeriod, validityPeriod } from '../x509/validity.ts'
import {
  describeFile,
  describeSecretFile,
  type GivenFile,
  parseGivenFile,
  readGivenFile,
  warnAboutMode,
} from './files.ts'
import { splitVariable } from './lists.ts'
import { problemWith } from './problem.ts'

/** The certificates that the signing port shows and demands by TLS. */
export interface TlsConfiguration {
  /** Certificates, key and versions for OpenSSL, which the server can exchange while it runs. */
  readonly context: SecureContextOptions
  /** Periods of the certificates that the service shows, its own first. */
  readonly validity: readonly [ValidityPeriod, ...ValidityPeriod[]]
  /** Certificates that clients must show; absent if they need none. */
  readonly clients?: TlsClients
  /** Absolute paths of the files that it stands in. */
  readonly files: readonly string[]
}

export interface TlsClients {
  /** Certificates that the chains of clients must lead to, as PEM. */
  readonly authorities: readonly string[]
  /** Names, one of which a client must have to call; empty if all that the authorities certify may. */
  readonly names: readonly string[]
}

/** The certificates that the service shows, and their key. */
interface Identity {
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]]
  /** PEM. */
  readonly key: string
}

/** Returns what TLS shows and demands; undefined without TLS, or if there is a problem. */
export function readTls(
  values: Partial<Environment>,
  problems: ConfigurationProblem[],
  warnings: string[],
): TlsConfiguration | undefined {
  const files = [
    describeFile(placeOf('TLS_CERT_FILE'), values.TLS_CERT_FILE),
    describeSecretFile(placeOf('TLS_KEY_FILE'), values.TLS_KEY_FILE),
    describeFile(placeOf('TLS_CLIENT_CA_FILE'), values.TLS_CLIENT_CA_FILE),
  ] as const
  const found: ConfigurationProblem[] = []
  const identity = readIdentity(files[0], files[1], { problems: found, warnings })
  const clients = readClients(files[2], values, found)
  problems.push(...found)
  if (identity === undefined || found.length > 0) {
    return undefined
  }
  const { certificates } = identity
  const validity = certificates.map(validityPeriod) as [ValidityPeriod, ...ValidityPeriod[]]
  const invalidity = findInvalidity(validity, new Date())
  if (invalidity !== undefined) {
    // Clients refuse it, but a service that ends would not be any better
    warnings.push(`TLS_CERT_FILE: ${invalidity}`)
  }
  const paths = files.filter((file) => file !== undefined).map(({ path }) => path)
  return { context: createContext(identity, clients), validity, ...defined({ clients }), files: paths }
}

function placeOf(setting: keyof Environment) {
  return { setting, folder: '' }
}

interface Found {
  readonly problems: ConfigurationProblem[]
  readonly warnings: string[]
}

function readIdentity(
  certificateFile: GivenFile | undefined,
  keyFile: GivenFile | undefined,
  { problems, warnings }: Found,
): Identity | undefined {
  const certificates = readCertificates(certificateFile, problems)
  const pem = readGivenFile(keyFile, problems)?.toString('latin1').replace(BYTE_ORDER_MARK, '')
  // An empty file, too, is one that was named: without a problem the port would speak plain HTTP
  const key = pem === undefined ? undefined : readKey(keyFile as GivenFile, pem, problems)
  if (keyFile !== undefined && pem !== undefined) {
    warnAboutMode(keyFile, warnings)
  }
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    const [missing, given] = keyFile ? ['TLS_CERT_FILE', 'TLS_KEY_FILE'] : ['TLS_KEY_FILE', 'TLS_CERT_FILE']
    problems.push(problemWith(missing, `is required beside ${given}`))
  }
  if (certificates === undefined || key === undefined || pem === undefined || keyFile === undefined) {
    return undefined
  }
  const octets = certificates.reduce((sum, { raw }) => sum + raw.length, 0)
  if (octets > MAX_CHAIN) {
    const wrong = `has ${octets} octets of certificates, and clients take ${MAX_CHAIN}: leave that of the service and its issuers alone`
    const { setting, shown } = certificateFile as GivenFile
    problems.push(problemWith(setting, wrong, shown))
    return undefined
  }
  const identity = { certificates, key: pem }
  const wrong = certificates[0].checkPrivateKey(key)
    ? (findUnfitKey(key) ?? findContextProblem(identity))
    : 'is not the key of the first certificate in TLS_CERT_FILE, which must be that of the service'
  if (wrong !== undefined) {
    problems.push(problemWith(keyFile.setting, wrong, keyFile.shown))
    return undefined
  }
  return identity
}

/** Octets of certificates that clients take in a handshake: OpenSSL by default 102,400 with the lengths (`SSL_MAX_CERT_LIST_DEFAULT`). */
const MAX_CHAIN = 100_000

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/
/** Matches an encrypted key, in PKCS#8 or in OpenSSL's traditional form. */
export const ENCRYPTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m
/** In Latin-1. OpenSSL finds no key behind it. */
const BYTE_ORDER_MARK = /^\xef\xbb\xbf/

/** Messages, keyed by patterns of what is no key that can be used. */
const OTHER_KEYS: readonly (readonly [RegExp, string])[] = [
  [/^\s*$/, 'is empty'],
  [UTF_16, IS_UTF_16],
  [
    ENCRYPTED_KEY,
    'is encrypted: decrypt it with "openssl pkey", and let nobody but this user read the result',
  ],
]

/** Returns the certificates of a file in its order; undefined if none is named, or there is a problem with it. */
function readCertificates(
  file: GivenFile | undefined,
  problems: ConfigurationProblem[],
): [X509Certificate, ...X509Certificate[]] | undefined {
  return parseGivenFile(file, problems, (content) => {
    if (PRIVATE_KEY.test(content.toString('latin1'))) {
      throw new Error('holds a private key, which belongs in TLS_KEY_FILE; leave only certificates in it')
    }
    return parseCertificates(content) as [X509Certificate, ...X509Certificate[]]
  })
}

function readKey(
  { setting, shown }: GivenFile,
  pem: string,
  problems: ConfigurationProblem[],
): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    const [, wrong] = OTHER_KEYS.find(([pattern]) => pattern.test(pem)) ?? []
    problems.push(problemWith(setting, wrong ?? 'holds no PEM private key that can be read', shown))
    return undefined
  }
}

/** Types of keys that OpenSSL signs TLS handshakes with; of the curves, those of RFC 8446 4.2.3 alone. */
const KEY_TYPES: readonly (string | undefined)[] = ['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448']

/** Returns why every handshake with a key would fail, although OpenSSL takes it. */
function findUnfitKey(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type } = key
  const isFit = type === 'ec' ? curveOf(key) !== undefined : KEY_TYPES.includes(type)
  const what = type === 'ec' ? `on the curve ${keyDetails(key).namedCurve}` : `of the type ${type}`
  return isFit
    ? undefined
    : `is ${what}, with which no TLS handshake succeeds: take one of ${CURVE_NAMES.join(', ')}`
}

/** Returns why OpenSSL takes neither certificate nor key, such as a key that is too short. */
function findContextProblem(identity: Identity): string | undefined {
  try {
    createSecureContext(createContext(identity, undefined))
    return undefined
  } catch (error) {
    return `does not go with TLS_CERT_FILE for OpenSSL (${(error as NodeJS.ErrnoException).code})`
  }
}

/** Letters, digits, and what stands between them in names of hosts and in common names. */
const NAME = /^\w([\w .-]*\w)?$/

function readClients(
  file: GivenFile | undefined,
  { TLS_CERT_FILE: certificateFile, TLS_CLIENT_NAMES: list }: Partial<Environment>,
  problems: ConfigurationProblem[],
): TlsClients | undefined {
  const names = list === undefined ? [] : splitVariable('TLS_CLIENT_NAMES', list, problems)
  for (const name of names.filter((one) => !NAME.test(one))) {
    // A wildcard would let whoever gets a certificate below the domain have documents signed
    problems.push(problemWith('TLS_CLIENT_NAMES', 'is no name of a host, and wildcards are none', name))
  }
  if (list !== undefined && file === undefined) {
    problems.push(problemWith('TLS_CLIENT_NAMES', 'is set, but TLS_CLIENT_CA_FILE is not'))
  }
  if (file !== undefined && certificateFile === undefined) {
    problems.push(problemWith('TLS_CLIENT_CA_FILE', 'is set, but TLS_CERT_FILE is not', file.shown))
  }
  const authorities = readCertificates(file, problems)
  if (file === undefined || authorities === undefined) {
    return undefined
  }
  if (!authorities.some(isSelfSigned)) {
    const wrong = 'holds no self-signed certificate, which the root of the chain is; add it'
    problems.push(problemWith(file.setting, wrong, file.shown))
  }
  const octets = authorities.reduce((sum, one) => sum + readCertificateFields(one).subject.length + 2, 0)
  if (octets > MAX_AUTHORITIES) {
    const wrong = `has ${octets} octets of names of authorities, and a handshake has room for ${MAX_AUTHORITIES}: leave those that clients need`
    problems.push(problemWith(file.setting, wrong, file.shown))
  }
  return { authorities: authorities.map(String), names }
}

/** Octets of names of authorities, with their lengths, that a handshake has room for (RFC 8446 4.2.4), but for what else is in the message. */
const MAX_AUTHORITIES = 60_000

/**
 * Groups of key exchange, the preferred one first. OpenSSL's own list has ffdhe8192, with which each ClientHello of a stranger takes 126
 * ms, and P-521 with 5 ms; these take less than one. OpenSSL 3.0 does not know the first.
 */
const GROUPS = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384']

function isSupported(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group })
    return true
  } catch {
    return false
  }
}

function createContext(
  { certificates, key }: Identity,
  clients: TlsClients | undefined,
): SecureContextOptions {
  const { SSL_OP_NO_RENEGOTIATION: noRenegotiation, SSL_OP_NO_TICKET: noTicket } = constants
  return {
    cert: certificates.map(String).join(''),
    key,
    ...(clients && { ca: [...clients.authorities] }),
    // Not what NODE_OPTIONS may say
    minVersion: 'TLSv1.2',
    // In TLS 1.2 the keys of clients' certificates are on one of these curves, too
    ecdhCurve: [...GROUPS, ...(clients === undefined ? [] : ['P-521'])].filter(isSupported).join(':'),
    // A resumed session would go on with a client certificate that has expired since
    secureOptions: noRenegotiation | (clients === undefined ? 0 : noTicket),
  }
}
