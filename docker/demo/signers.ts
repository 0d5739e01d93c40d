import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SignersFile } from '../../schemas/signers-file.ts'
import { type DemoCertificates, PATHS } from './certificates.ts'

/** One signer as the page offers it. */
export interface OfferedSigner {
  readonly name: string
  readonly description: string
}

export const SIGNERS: readonly OfferedSigner[] = [
  { name: 'rsa', description: 'RSA-2048, PKCS#1 v1.5' },
  { name: 'p256', description: 'ECDSA with P-256' },
  { name: 'rsa-pss', description: 'RSA-2048, PSS (PKCS#7 container alone)' },
]

/**
 * Writes a signers file: two keys and three ways to sign with them, up to level b-lt.
 *
 * @param folder gets the file
 * @param authorities address of the demo's own authorities
 * @returns the path of the file
 */
export async function writeSignersFile(
  folder: string,
  authorities: string,
  { leaves, bundle, root }: DemoCertificates,
): Promise<string> {
  const common = {
    caFile: bundle,
    level: 'b-lt',
    timestamps: { url: `${authorities}${PATHS.timestamps}`, caFile: root.certificateFile },
  } as const
  const rsa = { ...common, certificateFile: leaves.rsa.certificateFile }
  const content: SignersFile = {
    default: 'rsa',
    signers: {
      rsa,
      p256: { ...common, certificateFile: leaves.p256.certificateFile, raw: true },
      'rsa-pss': { ...rsa, signatureAlgorithm: 'rsassa-pss' },
    },
  }
  const file = join(folder, 'signers.json')
  await writeFile(file, JSON.stringify(content, undefined, 2))
  return file
}
