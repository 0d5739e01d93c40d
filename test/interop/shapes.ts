/** What the table of interoperability is about: every kind of container that can be asked for. */
import type { SignerEntry } from '../../schemas/signers-file.ts'
import type { Level } from '../../src/configuration/container-configuration.ts'
import { P_256, RSA_2048 } from '../support/certificates.ts'
import type { Container, HashAlgorithm, SignatureType } from '../support/document-engine/signature-options.ts'
import { KEY_TYPES } from '../support/signers.ts'

export const LEVELS: readonly Level[] = ['b-b', 'b-t', 'b-lt']

export interface KeyKind {
  readonly name: string
  /** Arguments of `openssl genpkey`. */
  readonly key: readonly string[]
  /** In the signers file. */
  readonly entry?: SignerEntry
  /** Entries of the PDF's signature dictionary. */
  readonly metadata?: { readonly reason: string; readonly location: string }
}

const rsa = (bits: number) => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`]

const STATEMENTS: SignerEntry = {
  signaturePolicy: {
    id: '1.3.6.1.4.1.99999.3',
    hashAlgorithm: 'sha256',
    hash: '5e'.repeat(32),
    uri: 'http://127.0.0.1/policy',
  },
  commitmentType: 'proofOfApproval',
  signerLocation: { country: 'XX', locality: 'Somewhere', postalAddress: ['1 Any Street', 'Somewhere'] },
}

export const KEYS = {
  'rsa-2048': { name: 'RSA 2048', key: RSA_2048 },
  'rsa-3072': { name: 'RSA 3072', key: rsa(3072) },
  'rsa-4096': { name: 'RSA 4096', key: rsa(4096) },
  pss: { name: 'RSA 2048, PSS', key: RSA_2048, entry: { signatureAlgorithm: 'rsassa-pss' } },
  'p-256': { name: 'EC P-256', key: P_256, entry: { raw: true } },
  'p-384': { name: 'EC P-384', key: KEY_TYPES['p-384'] },
  'p-521': { name: 'EC P-521', key: KEY_TYPES['p-521'] },
  'sha-with-rsa': {
    name: 'RSA 2048, told as shaWithRSAEncryption',
    key: RSA_2048,
    entry: { rsaSignatureIdentifier: 'shaWithRSAEncryption' },
  },
  statements: {
    name: 'RSA 2048, with policy, commitment type and location',
    key: RSA_2048,
    entry: STATEMENTS,
  },
  'statements-twice': {
    name: 'RSA 2048, with policy, commitment type and location, in a PDF with Reason and Location',
    key: RSA_2048,
    entry: STATEMENTS,
    metadata: { reason: 'approved', location: 'Somewhere' },
  },
} as const satisfies Record<string, KeyKind>
export type KeyName = keyof typeof KEYS

/**
 * Names of the levels as EU DSS gives them where the PDF has no DSS dictionary. Keyed by type, and by `file` for `cades`
 * over a file.
 */
const EUROPEAN_NAMES = {
  cms: { 'b-b': 'PKCS7-B', 'b-t': 'PKCS7-T', 'b-lt': 'PKCS7-T' },
  cades: { 'b-b': 'PAdES-BASELINE-B', 'b-t': 'PAdES-BASELINE-T', 'b-lt': 'PAdES-BASELINE-T' },
  file: { 'b-b': 'CAdES-BASELINE-B', 'b-t': 'CAdES-BASELINE-T', 'b-lt': 'CAdES-BASELINE-LT' },
} as const satisfies Record<SignatureType | 'file', Record<Level, string>>

export type Form = Pick<Shape, 'container' | 'dss' | 'type' | 'level' | 'key'>

/** Returns the name of the level that a signature of a shape has: a DSS dictionary makes LT of T (EN 319 142-1 6.3). */
export function europeanName({ container, dss, type, level, key }: Form): string {
  // PAdES allows no Reason beside a commitment type (EN 319 142-1 6.3)
  if (key === 'statements-twice') {
    return 'PDF-NOT-ETSI'
  }
  const name = EUROPEAN_NAMES[container === 'file' ? 'file' : type][level]
  return dss ? name.replace(/T$/, 'LT') : name
}

/** Returns the container as the table names it. */
export function containerName({ container, dss }: Pick<Shape, 'container' | 'dss'>): string {
  return dss ? `${container} + DSS` : container
}

export interface Shape {
  /** How Document Engine asks for it; `file` is what the command makes over a file. */
  readonly container: Container | 'file'
  /** Whether the stand-in adds a DSS dictionary to the PDF, with all that the container does not have. */
  readonly dss?: boolean
  readonly type: SignatureType
  /** Level of the container: a `raw` one of b-t has a timestamp because the stand-in asks for it. */
  readonly level: Level
  readonly key: KeyName
  readonly hash: HashAlgorithm
}

const TYPES = ['cms', 'cades'] as const
const HASHES = ['sha256', 'sha384', 'sha512'] as const
/** What Document Engine can ask for, but hardly does: one key is enough. */
const OTHER_HASHES = ['sha224', 'sha160'] as const

/** Document Engine builds containers around raw signatures itself, and documents those of RSASSA-PKCS1-v1_5 alone. */
const RAW_KEYS = ['rsa-2048', 'rsa-3072', 'rsa-4096'] as const

/** The command makes the same containers as the service, so that a few keys are enough. */
const FILE_SHAPES = LEVELS.flatMap((level): Shape[] => [
  { container: 'file', type: 'cades', level, key: 'rsa-2048', hash: 'sha256' },
  { container: 'file', type: 'cades', level, key: 'pss', hash: 'sha384' },
  { container: 'file', type: 'cades', level, key: 'p-256', hash: 'sha256' },
  { container: 'file', type: 'cades', level, key: 'p-384', hash: 'sha384' },
])

/** The DSS dictionary does not depend on the hash, so that one for each key is enough. */
const DSS_SHAPES = [
  ...TYPES.map(
    (type): Shape => ({ container: 'raw', dss: true, type, level: 'b-t', key: 'rsa-2048', hash: 'sha256' }),
  ),
  ...(['b-t', 'b-lt'] as const).flatMap((level) =>
    TYPES.flatMap((type): Shape[] => [
      { container: 'pkcs7', dss: true, type, level, key: 'rsa-2048', hash: 'sha256' },
      { container: 'pkcs7', dss: true, type, level, key: 'pss', hash: 'sha384' },
      { container: 'pkcs7', dss: true, type, level, key: 'p-256', hash: 'sha256' },
      { container: 'pkcs7', dss: true, type, level, key: 'p-384', hash: 'sha384' },
    ]),
  ),
]

function shapesOf(container: Container, level: Level, keys: readonly KeyName[]): Shape[] {
  return TYPES.flatMap((type) =>
    keys.flatMap((key) =>
      hashesOf(type, key, level).map((hash): Shape => ({ container, type, level, key, hash })),
    ),
  )
}

function hashesOf(type: SignatureType, key: KeyName, level: Level): readonly HashAlgorithm[] {
  if (key === 'statements' || key === 'statements-twice') {
    return type === 'cades' ? ['sha256'] : []
  }
  if (key === 'sha-with-rsa') {
    return ['sha256']
  }
  return key === 'rsa-2048' && level === 'b-b' ? [...HASHES, ...OTHER_HASHES] : HASHES
}

export const EVERY_SHAPE: readonly Shape[] = [
  ...shapesOf('raw', 'b-b', RAW_KEYS),
  ...LEVELS.flatMap((level) => shapesOf('pkcs7', level, Object.keys(KEYS) as KeyName[])),
  ...DSS_SHAPES,
  ...FILE_SHAPES,
]

/** A few of them, in which each container, type, level and hash occurs, and each way to sign. */
export const SOME_SHAPES: readonly Shape[] = [
  { container: 'raw', type: 'cms', level: 'b-b', key: 'rsa-2048', hash: 'sha512' },
  { container: 'raw', type: 'cades', level: 'b-b', key: 'rsa-2048', hash: 'sha256' },
  { container: 'raw', type: 'cades', level: 'b-b', key: 'rsa-2048', hash: 'sha160' },
  { container: 'raw', dss: true, type: 'cms', level: 'b-t', key: 'rsa-2048', hash: 'sha256' },
  { container: 'raw', dss: true, type: 'cades', level: 'b-t', key: 'rsa-2048', hash: 'sha256' },
  { container: 'pkcs7', dss: true, type: 'cades', level: 'b-t', key: 'pss', hash: 'sha384' },
  { container: 'pkcs7', dss: true, type: 'cades', level: 'b-lt', key: 'p-256', hash: 'sha256' },
  { container: 'pkcs7', dss: true, type: 'cms', level: 'b-lt', key: 'rsa-2048', hash: 'sha256' },
  ...LEVELS.flatMap((level): Shape[] => [
    { container: 'pkcs7', type: 'cades', level, key: 'rsa-2048', hash: 'sha256' },
    { container: 'pkcs7', type: 'cms', level, key: 'rsa-2048', hash: 'sha224' },
    { container: 'pkcs7', type: 'cms', level, key: 'pss', hash: 'sha384' },
    { container: 'pkcs7', type: 'cades', level, key: 'p-256', hash: 'sha384' },
    { container: 'pkcs7', type: 'cms', level, key: 'p-521', hash: 'sha512' },
    { container: 'pkcs7', type: 'cades', level, key: 'statements', hash: 'sha256' },
    { container: 'pkcs7', type: 'cades', level, key: 'statements-twice', hash: 'sha256' },
    { container: 'file', type: 'cades', level, key: 'p-256', hash: 'sha384' },
  ]),
]

/** Name of the signer in the signers file. */
export function signerOf({ key, level }: Pick<Shape, 'key' | 'level'>): string {
  return `${key}.${level}`
}

export function nameOf(shape: Shape): string {
  return [containerName(shape), shape.type, shape.level, shape.key, shape.hash].join(' ')
}
