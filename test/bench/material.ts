/** A SoftHSM token with a key, as it is and behind a module that makes a network HSM of it. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { encodeDigestInfo } from '../../src/algorithms/rsa-pkcs1.ts'
import { buildFaultyModule } from '../support/faulty-module/build.ts'
import { type Certificates, createSigningToken } from '../support/token.ts'

export interface Material {
  /** For the service. */
  readonly softhsm: Readonly<Record<string, string>>
  /** The same with the simulated HSM. */
  readonly simulated: Readonly<Record<string, string>>
  readonly certificates: Certificates
}

/** What a session of the simulated HSM takes for a signature. */
export const SIMULATED_SIGNATURE_MS = 5

/** Signatures are the token's, but remembered: what an HSM does costs the processors of its clients nothing. */
const NETWORK_HSM = [
  'C_SignInit take 2',
  'C_SignInit remember',
  'C_Sign take 3',
  'C_Sign remember',
  '* take 1',
]

/** @param rules for the simulated HSM, in addition to its own */
export async function createMaterial(directory: string, rules: readonly string[] = []): Promise<Material> {
  const { environment, certificates } = await createSigningToken(directory)
  const plan = join(directory, 'plan')
  writeFileSync(plan, `${[...NETWORK_HSM, ...rules].join('\n')}\n`)
  const simulated = {
    ...environment,
    HSM_MODULE: await buildFaultyModule(),
    FAULTY_MODULE_TARGET: environment.HSM_MODULE ?? '',
    FAULTY_MODULE_PLAN: plan,
  }
  return { softhsm: environment, simulated, certificates }
}

/** What a raw signature with SHA-256 is made of. */
export function digestInfo(data: Uint8Array): Buffer {
  const sha256 = findHashAlgorithm('sha256') as HashAlgorithm
  return encodeDigestInfo(sha256, createHash('sha256').update(data).digest())
}

export function leafOf({ certificates }: Material): Buffer {
  return readFileSync(certificates.leaf)
}
