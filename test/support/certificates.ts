/** Keys and certificates of any kind, made by openssl, for tests of what the service does with them. */
import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DerReader } from '../../src/asn1/der-reader.ts'
import { encode } from '../../src/asn1/der-writer.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { beginMaterial, findMaterial, keepMaterial } from './material.ts'

/** PEM files. */
export interface Issued {
  readonly certificateFile: string
  /** PKCS#8. */
  readonly keyFile: string
  readonly certificate: X509Certificate
}

export interface IssueOptions {
  /** Of the form `/CN=name`. */
  readonly subject: string
  /** Self-signed where there is none. */
  readonly issuer?: Issued
  /** Whether it may issue others. */
  readonly ca?: boolean
  /** Lines of an openssl extension section, instead of those for an ordinary CA or leaf. */
  readonly extensions?: readonly string[]
  /** A line beside those. */
  readonly extension?: string
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** The key of another certificate; a new one by default. */
  readonly keyFile?: string
  /** Arguments of `openssl genpkey`; P-256 by default, which is quick to make. */
  readonly key?: readonly string[]
  /** What the issuer hashes with; sha256 by default. */
  readonly hash?: string
  /** Arguments of `openssl ca` about how the issuer signs, such as `-sigopt`. */
  readonly signing?: readonly string[]
}

export const RSA_2048 = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']
export const P_256 = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
/** Keys for RSASSA-PSS alone; with a hash, their certificates have parameters (RFC 4055 3.1). */
export function rsaPss(hash?: string, saltLength?: number, mgf1Hash = hash): readonly string[] {
  const options = [
    'rsa_keygen_bits:2048',
    ...(hash === undefined ? [] : [`rsa_pss_keygen_md:${hash}`, `rsa_pss_keygen_mgf1_md:${mgf1Hash}`]),
    ...(saltLength === undefined ? [] : [`rsa_pss_keygen_saltlen:${saltLength}`]),
  ]
  return ['-algorithm', 'RSA-PSS', ...options.flatMap((option) => ['-pkeyopt', option])]
}

/** Writes a key for RSASSA-PSS alone as an ordinary RSA key, as tokens know it. Returns the path of the file. */
export function writePlainRsaKey({ keyFile }: Pick<Issued, 'keyFile'>): string {
  const der = createPrivateKey(readFileSync(keyFile)).export({ type: 'pkcs8', format: 'der' })
  const info = new DerReader(der).enter(TAG.sequence)
  info.element(TAG.integer)
  info.element(TAG.sequence)
  const key = createPrivateKey({ key: info.content(TAG.octetString), type: 'pkcs1', format: 'der' })
  const file = `${keyFile}.plain.pem`
  writeFileSync(file, key.export({ type: 'pkcs8', format: 'pem' }))
  return file
}

const DAY_MS = 86_400_000

/** Makes a private key in `directory`. Returns its path. An RSA key, which takes long to make, is new to this process. */
export function generateKeyFile(directory: string, args: readonly string[]): string {
  const file = join(mkdtempSync(join(directory, 'key-')), 'key.pem')
  const curve = args.find((argument) => argument.startsWith('ec_paramgen_curve:'))
  if (args.includes('RSA')) {
    copyFileSync(rsaKeyFile(args), file)
  } else if (curve !== undefined && args.length === P_256.length) {
    writeFileSync(file, generateEcKey(curve.slice(curve.indexOf(':') + 1)), { mode: 0o600 })
  } else {
    openssl('genpkey', ...args, '-out', file)
  }
  return file
}

/** Returns a PKCS#8 PEM, as `openssl genpkey` prints it, without a process of its own. */
function generateEcKey(namedCurve: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
}

let rsaKeys = 0

function rsaKeyFile(args: readonly string[]): string {
  rsaKeys += 1
  const what = ['key', ...args, rsaKeys]
  const made = findMaterial(what)
  if (made !== undefined) {
    return join(made, 'key.pem')
  }
  const folder = beginMaterial()
  openssl('genpkey', ...args, '-out', join(folder, 'key.pem'))
  return join(keepMaterial(folder, what), 'key.pem')
}

/** Issues a certificate, with `openssl ca`, since that alone of OpenSSL 3.0's commands takes both dates. */
export function issue(directory: string, options: IssueOptions): Issued {
  const { subject, issuer, ca = false, extension = '' } = options
  const extensions = [...(options.extensions ?? (ca ? OF_CA : OF_LEAF)), extension]
  mkdirSync(directory, { recursive: true })
  const work = mkdtempSync(join(directory, 'certificate-'))
  const path = (name: string) => join(work, name)
  const keyFile = options.keyFile ?? generateKeyFile(work, options.key ?? P_256)
  writeFileSync(path('index'), '')
  writeFileSync(path('openssl.cnf'), configuration(path('index'), extensions))
  const config = ['-config', path('openssl.cnf')]
  openssl('req', '-new', ...config, '-key', keyFile, '-subj', subject, '-out', path('request.pem'))
  const signing = issuer
    ? ['-cert', issuer.certificateFile, '-keyfile', issuer.keyFile]
    : ['-selfsign', '-keyfile', keyFile]
  openssl(
    ...['ca', ...config, '-batch', '-notext', '-preserveDN', '-md', options.hash ?? 'sha256', '-utf8'],
    ...(options.signing ?? []),
    ...['-startdate', asn1Time(options.notBefore ?? new Date(Date.now() - DAY_MS))],
    ...['-enddate', asn1Time(options.notAfter ?? new Date(Date.now() + 365 * DAY_MS))],
    ...[...signing, '-outdir', work, '-in', path('request.pem'), '-out', path('certificate.pem')],
  )
  return {
    certificateFile: path('certificate.pem'),
    keyFile,
    certificate: new X509Certificate(readFileSync(path('certificate.pem'))),
  }
}

/** DER of sha256WithRSAEncryption with its parameters, NULL (RFC 4055 5), without tag and length of the identifier. */
const SHA256_WITH_RSA = Buffer.from('2a864886f70d01010b0500', 'hex')

/**
 * Returns a certificate of an RSA issuer with another signature algorithm, RSASSA-PSS, whose parameters may not be NULL
 * (RFC 4055 3.1). No version of OpenSSL minds before the signature is verified.
 */
export function spoil({ certificate, certificateFile, ...rest }: Issued): Issued {
  const raw = Buffer.from(certificate.raw)
  raw.writeUInt8(0x0a, raw.lastIndexOf(SHA256_WITH_RSA) + 8)
  const spoiled = new X509Certificate(raw)
  const file = `${certificateFile}.spoiled.pem`
  writeFileSync(file, spoiled.toString())
  return { ...rest, certificate: spoiled, certificateFile: file }
}

/**
 * Returns a certificate of an RSA issuer as DER with an empty time in place of its signature algorithm's parameters.
 * OpenSSL 3.0 reads it, OpenSSL 3.5 does not.
 */
export function withEmptyTime({ raw }: X509Certificate): Buffer {
  const changed = Buffer.from(raw)
  changed.writeUInt8(TAG.generalizedTime, changed.lastIndexOf(SHA256_WITH_RSA) + 9)
  return changed
}

/**
 * The certificate with a serial number whose length takes more octets than it has to: BER, not DER (X.690 10.1). Its
 * signature does not verify any more.
 */
export function withLongLength({ raw }: X509Certificate): X509Certificate {
  const read = (reader: DerReader) => {
    const elements: Buffer[] = []
    while (reader.tag !== undefined) {
      elements.push(reader.element())
    }
    return elements
  }
  const [toBeSigned = Buffer.alloc(0), ...rest] = read(new DerReader(raw).enter(TAG.sequence))
  const [version, serialNumber = Buffer.alloc(0), ...fields] = read(
    new DerReader(toBeSigned).enter(TAG.sequence),
  )
  const long = Buffer.concat([serialNumber.subarray(0, 1), Buffer.of(0x81), serialNumber.subarray(1)])
  const changed = encode(TAG.sequence, version as Buffer, long, ...fields)
  return new X509Certificate(encode(TAG.sequence, changed, ...rest))
}

/** The certificate of a P-256 key, with a key of a type that OpenSSL does not know in its place. */
export function withUnknownKey({ raw }: X509Certificate): X509Certificate {
  const encoded = Buffer.from(raw)
  const ecPublicKey = Buffer.from('06072a8648ce3d0201', 'hex')
  encoded.writeUInt8(0x63, encoded.indexOf(ecPublicKey) + ecPublicKey.length - 1)
  return new X509Certificate(encoded)
}

/** Writes certificates one after another into a PEM file. Returns its path. */
export function writeBundle(file: string, certificates: readonly X509Certificate[]): string {
  writeFileSync(file, certificates.map(String).join(''))
  return file
}

/** Runs openssl; what it says on stderr is in the error that it fails with. */
export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

const OF_CA = [
  'basicConstraints = critical, CA:TRUE',
  'keyUsage = critical, keyCertSign, cRLSign',
  'subjectKeyIdentifier = hash',
  'authorityKeyIdentifier = keyid',
]
const OF_LEAF = [
  'basicConstraints = critical, CA:FALSE',
  'keyUsage = critical, digitalSignature, nonRepudiation',
  'subjectKeyIdentifier = hash',
  'authorityKeyIdentifier = keyid',
]

function configuration(database: string, extensions: readonly string[]): string {
  return `
[ca]
default_ca = test
[test]
database = ${database}
policy = any
rand_serial = yes
unique_subject = no
x509_extensions = extensions
[any]
countryName = optional
organizationName = optional
commonName = optional
[req]
distinguished_name = any
[extensions]
${extensions.join('\n')}
`
}

/** `20260102030405Z` */
function asn1Time(date: Date): string {
  return `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
}
