/** SoftHSM tokens for tests, made by the scripts that the demo and the development image run too. */
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beginMaterial, findMaterial, keepMaterial } from './material.ts'
import { repositoryPath } from './repository.ts'
import { keepSecret } from './secret-watch.ts'

const run = promisify(execFile)
const SCRIPTS = repositoryPath('docker/softhsm')

export const PIN = 'test-pin-4711'
keepSecret('PIN', PIN)

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

/**
 * Makes a token that nobody sees before `appear` is called: a service that waits for one would end if it saw it without
 * its key.
 *
 * @param visible a token in whose folder it appears
 * @param elsewhere the folder that it is made in
 * @param fill puts keys onto it
 */
export async function createHiddenToken(
  visible: Token,
  { elsewhere, label }: { readonly elsewhere: string; readonly label: string },
  fill: (token: Token) => Promise<unknown>,
): Promise<{ appear(): void }> {
  const { SOFTHSM2_CONF } = process.env
  await fill(await createToken(elsewhere, label))
  process.env.SOFTHSM2_CONF = SOFTHSM2_CONF
  const [name = ''] = readdirSync(join(elsewhere, 'tokens'))
  return {
    appear: () => renameSync(join(elsewhere, 'tokens', name), join(visible.directory, 'tokens', name)),
  }
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
  // The open access of a service for more than this host would be warned about
  return { directory, label, environment: { ...environment, SIGNING_SERVICE_HOST: '127.0.0.1' } }
}

/** Generates an RSA key pair on the token. Returns the path of its public key, PEM. */
export async function generateKey(token: Token, options: KeyOptions = {}): Promise<string> {
  const { label = 'signer', id = '01', bits = 2048 } = options
  const publicKey = publicKeyFile(token, options)
  await run(join(SCRIPTS, 'generate-key.sh'), [
    ...[token.directory, '--token-label', token.label, '--pin', PIN],
    ...['--key-label', label, '--key-id', id, '--bits', String(bits), '--public-key', publicKey],
  ])
  return publicKey
}

function publicKeyFile({ directory, label }: Token, { id = '01' }: KeyOptions): string {
  return join(directory, `${label}-${id}.pub.pem`)
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

/** Deletes the public key objects of an id: of a key on a curve the token does not show the public half any more. */
export async function deletePublicKey({ environment, label }: Token, id: string) {
  await run('pkcs11-tool', [
    ...['--module', `${environment.HSM_MODULE}`, '--token-label', label, '--login', '--pin', PIN],
    ...['--delete-object', '--type', 'pubkey', '--id', id],
  ])
}

/** Puts a certificate from a PEM file onto the token, whatever it is: `import-cert` refuses those that the service would refuse. */
export async function importCertificate(
  token: Token,
  file: string,
  { label = 'signer', id = '01' }: Pick<KeyOptions, 'label' | 'id'> = {},
) {
  const der = join(mkdtempSync(join(token.directory, 'certificate-')), 'certificate.der')
  await run('openssl', ['x509', '-in', file, '-outform', 'DER', '-out', der])
  await run('pkcs11-tool', [
    ...['--module', `${token.environment.HSM_MODULE}`, '--token-label', token.label, '--login', '--pin', PIN],
    ...['--write-object', der, '--type', 'cert', '--label', label, '--id', id],
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
  const token = await copyToken(directory, ['imported key'], async (folder) => {
    const keyFile = join(folder, 'key.pem')
    const publicKey = join(folder, 'key.pub.pem')
    await run('openssl', ['genpkey', '-algorithm', 'RSA', '-out', keyFile])
    await run('openssl', ['pkey', '-in', keyFile, '-pubout', '-out', publicKey])
    await importKey(await createToken(join(folder, 'token')), keyFile)
    return publicKey
  })
  const certificates = certificatesIn(join(directory, 'certificates'))
  const environment = signingEnvironment(token, certificates)
  const [keyFile, publicKey] = [join(directory, 'key.pem'), join(directory, 'key.pub.pem')]
  return { token, keyFile, publicKey, certificates, environment }
}

/**
 * Copies a token that was made once, and the certificates for its key.
 *
 * @param make makes it in the folder `token` of another one; returns the path of the public key
 */
async function copyToken(
  directory: string,
  what: readonly unknown[],
  make: (folder: string) => Promise<string>,
): Promise<Token> {
  let made = findMaterial(what)
  if (made === undefined) {
    const folder = beginMaterial()
    await issueCertificates(join(folder, 'certificates'), await make(folder))
    // It names the folder
    rmSync(join(folder, 'token/softhsm2.conf'))
    made = keepMaterial(folder, what)
  }
  cpSync(made, directory, { recursive: true })
  return createToken(join(directory, 'token'))
}

/** Issues a leaf for a public key from a CA in `directory`, which is put there at the first call. */
export async function issueCertificates(
  directory: string,
  publicKey: string,
  leaf = 'leaf.pem',
): Promise<Certificates> {
  if (!existsSync(join(directory, 'root.pem'))) {
    cpSync(await findAuthority(publicKey), directory, { recursive: true })
  }
  await certify(directory, publicKey, leaf)
  return certificatesIn(directory, leaf)
}

/** @param publicKey of the leaf that the script wants to issue with the CA */
async function findAuthority(publicKey: string): Promise<string> {
  const made = findMaterial(['CA'])
  if (made !== undefined) {
    return made
  }
  const folder = beginMaterial()
  await certify(folder, publicKey, 'first.pem')
  return keepMaterial(folder, ['CA'])
}

function certify(directory: string, publicKey: string, leaf: string) {
  return run(join(SCRIPTS, 'certificates.sh'), [
    ...[directory, '--public-key', publicKey, '--leaf', join(directory, leaf)],
    ...['--signer-name', 'Test signer'],
  ])
}

function certificatesIn(directory: string, leaf = 'leaf.pem'): Certificates {
  const path = (name: string) => join(directory, name)
  return {
    root: path('root.pem'),
    intermediate: path('intermediate.pem'),
    bundle: path('ca-bundle.pem'),
    leaf: path(leaf),
  }
}

/** A token with one key, certificates for it, and the environment that the service needs to sign with it. */
export async function createSigningToken(directory: string, options: KeyOptions = {}) {
  const token = await copyToken(directory, ['signing token', options], async (folder) =>
    generateKey(await createToken(join(folder, 'token')), options),
  )
  const publicKey = publicKeyFile(token, options)
  const certificates = certificatesIn(join(directory, 'certificates'))
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
