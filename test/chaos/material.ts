import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import {
  type Certificates,
  createToken,
  importKey,
  issueCertificates,
  PIN,
  signingEnvironment,
  type Token,
} from '../support/token.ts'

/** A SoftHSM token whose key is in a file too, so that it can be put onto another token of the same label. */
export interface Material {
  readonly directory: string
  readonly token: Token
  /** Path of a PEM file. */
  readonly publicKey: string
  readonly certificates: Certificates
  /** What the service needs to sign with it. */
  readonly environment: Readonly<Record<string, string>>
  /** Deletes the token, and all that is on it, under the feet of those who use it. */
  deleteToken(): void
  /** Makes another token of the same label and PIN, with the same key. */
  recreateToken(): Promise<void>
}

export async function createMaterial(directory: string): Promise<Material> {
  const keyFile = join(directory, 'key.pem')
  const publicKey = join(directory, 'key.pub.pem')
  execFileSync('openssl', ['genpkey', '-algorithm', 'RSA', '-out', keyFile], { stdio: 'ignore' })
  execFileSync('openssl', ['pkey', '-in', keyFile, '-pubout', '-out', publicKey])
  const token = await createToken(join(directory, 'token'))
  await importKey(token, keyFile)
  const certificates = await issueCertificates(join(directory, 'certificates'), publicKey)
  return {
    directory,
    token,
    publicKey,
    certificates,
    environment: signingEnvironment(token, certificates),
    deleteToken: () => {
      execFileSync('softhsm2-util', ['--delete-token', '--token', token.label], { stdio: 'ignore' })
    },
    recreateToken: async () => {
      await createToken(token.directory, token.label)
      await importKey(token, keyFile)
    },
  }
}

/** The environment with a PIN that is not the token's. */
export function withWrongPin({ HSM_PIN_FILE: _, ...environment }: Readonly<Record<string, string>>) {
  return { ...environment, HSM_PIN: `not-${PIN}` }
}
