/** SoftHSM tokens for tests, made by the scripts that the demo and the development image run too. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryPath } from './repository.ts'

const run = promisify(execFile)
const SCRIPTS = repositoryPath('docker/softhsm')

export const PIN = 'test-pin-4711'

/** One folder with one SoftHSM configuration; several tokens can be in it. */
export interface Token {
  readonly directory: string
  readonly label: string
  /** SOFTHSM2_CONF, HSM_MODULE, HSM_TOKEN_LABEL and HSM_PIN_FILE. */
  readonly environment: Readonly<Record<string, string>>
}

export interface Certificates {
  /** Paths of PEM files. */
  readonly root: string
  readonly intermediate: string
  /** Intermediate, then root. */
  readonly bundle: string
  readonly leaf: string
}

export interface KeyOptions {
  readonly label?: string
  /** CKA_ID in hex. */
  readonly id?: string
  readonly bits?: number
}

/**
 * Makes a token in `directory`. SoftHSM reads SOFTHSM2_CONF from the environment, so it is set for this process, and
 * with it for the signer processes that it starts: one token directory a test file.
 */
export async function createToken(directory: string, label = 'test'): Promise<Token> {
  const { stdout } = await run(join(SCRIPTS, 'create-token.sh'), [
    ...[directory, '--label', label, '--pin', PIN],
    ...['--pin-file', join(directory, 'pin')],
  ])
  const environment = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  process.env.SOFTHSM2_CONF = environment.SOFTHSM2_CONF
  return { directory, label, environment }
}

/** Generates an RSA key pair on the token. Returns the path of its public key, PEM. */
export async function generateKey(
  token: Token,
  { label = 'signer', id = '01', bits = 2048 }: KeyOptions = {},
) {
  const publicKey = join(token.directory, `${token.label}-${id}.pub.pem`)
  await run(join(SCRIPTS, 'generate-key.sh'), [
    ...[token.directory, '--token-label', token.label, '--pin', PIN],
    ...['--key-label', label, '--key-id', id, '--bits', String(bits), '--public-key', publicKey],
  ])
  return publicKey
}

/** Puts a private key from a PKCS#8 PEM file onto the token, for comparison with what OpenSSL does with the file. */
export async function importKey(
  token: Token,
  file: string,
  { label = 'signer', id = '01' }: KeyOptions = {},
) {
  await run('softhsm2-util', [
    ...['--import', file, '--token', token.label, '--pin', PIN],
    ...['--label', label, '--id', id],
  ])
}

/** A token with one key that is in a PEM file too, and certificates for it. */
export interface ImportedKeyToken {
  readonly token: Token
  readonly keyFile: string
  /** Path of a PEM file. */
  readonly publicKey: string
  readonly certificates: Certificates
  /** What the service needs to sign with it. */
  readonly environment: Record<string, string>
}

export async function createImportedKeyToken(directory: string): Promise<ImportedKeyToken> {
  const keyFile = join(directory, 'key.pem')
  const publicKey = join(directory, 'key.pub.pem')
  await run('openssl', ['genpkey', '-algorithm', 'RSA', '-out', keyFile])
  await run('openssl', ['pkey', '-in', keyFile, '-pubout', '-out', publicKey])
  const token = await createToken(join(directory, 'token'))
  await importKey(token, keyFile)
  const certificates = await issueCertificates(join(directory, 'certificates'), publicKey)
  return { token, keyFile, publicKey, certificates, environment: signingEnvironment(token, certificates) }
}

/** Issues a leaf for a public key from a CA in `directory`, which is made at the first call. */
export async function issueCertificates(
  directory: string,
  publicKey: string,
  leaf = 'leaf.pem',
): Promise<Certificates> {
  const path = (name: string) => join(directory, name)
  await run(join(SCRIPTS, 'certificates.sh'), [
    ...[directory, '--public-key', publicKey, '--leaf', path(leaf)],
    ...['--signer-name', 'Test signer'],
  ])
  return {
    root: path('root.pem'),
    intermediate: path('intermediate.pem'),
    bundle: path('ca-bundle.pem'),
    leaf: path(leaf),
  }
}

/** A token with one key, certificates for it, and the environment that the service needs to sign with it. */
export async function createSigningToken(directory: string, options: KeyOptions = {}) {
  const token = await createToken(join(directory, 'token'))
  const publicKey = await generateKey(token, options)
  const certificates = await issueCertificates(join(directory, 'certificates'), publicKey)
  return { token, publicKey, certificates, environment: signingEnvironment(token, certificates) }
}

export function signingEnvironment(
  { environment }: Token,
  certificates: Certificates,
): Record<string, string> {
  return {
    ...environment,
    SIGNER_CERTIFICATE_FILE: certificates.leaf,
    CA_CERTIFICATES_FILE: certificates.bundle,
    HSM_SESSIONS: '2',
  }
}
