/**
 * Reads NIST's test vectors for verifiers, which a package of Python's cryptography holds: signatures (CAVP, files *.rsp), and
 * certificates and CRLs (PKITS).
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findHashAlgorithm, type HashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { runTool } from './validators/run-tool.ts'

/** The system's, as packages are installed for it. */
const PYTHON = '/usr/bin/python3'
const PROGRAM = 'import cryptography_vectors, os; print(os.path.dirname(cryptography_vectors.__file__))'

export interface NistVector {
  /** In brackets above it, such as `mod = 2048`. */
  readonly section: string
  readonly hash: HashAlgorithm
  readonly publicKey: KeyObject
  readonly message: Buffer
  /** Of ECDSA r and s one after the other. */
  readonly signature: Buffer
  /** Bytes. */
  readonly saltLength: number
  readonly valid: boolean
  /** In NIST's words. */
  readonly result: string
}

/**
 * Returns the path of a folder of vectors; undefined where they are not installed.
 *
 * @param folder holds signatures, or certificates and CRLs
 */
export async function findNistVectors(folder: 'asymmetric' | 'x509/PKITS_data'): Promise<string | undefined> {
  if (!existsSync(PYTHON)) return undefined
  const { exitCode, stdout } = await runTool(PYTHON, ['-c', PROGRAM])
  return exitCode === 0 ? join(stdout.trim(), folder) : undefined
}

/** @param file of RSA, whose sections are sizes of the modulus; those of a size have one modulus */
export function readRsaVectors(file: string): NistVector[] {
  return readResults(file).map((fields) => {
    const key = { kty: 'RSA', n: toUrl(unpadded(fields.n)), e: toUrl(unpadded(fields.e)) }
    return {
      ...common(fields),
      hash: findHashAlgorithm(`${fields.SHAAlg}`) as HashAlgorithm,
      publicKey: createPublicKey({ key, format: 'jwk' }),
      signature: bytesOf(fields.S),
    }
  })
}

/** @param file of ECDSA, whose sections are curves and hashes: of those of the curves of `sizes` alone */
export function readEcdsaVectors(file: string, sizes: Readonly<Record<string, number>>): NistVector[] {
  return readResults(file).flatMap((fields) => {
    const [crv = '', hash = ''] = `${fields.section}`.split(',')
    const size = sizes[crv]
    if (size === undefined) return []
    const number = (name: string) => Buffer.from(`${fields[name]}`.padStart(2 * size, '0'), 'hex')
    const key = { kty: 'EC', crv, x: toUrl(number('Qx')), y: toUrl(number('Qy')) }
    return {
      ...common(fields),
      hash: findHashAlgorithm(hash) as HashAlgorithm,
      publicKey: createPublicKey({ key, format: 'jwk' }),
      signature: Buffer.concat([number('R'), number('S')]),
    }
  })
}

type Fields = Readonly<Record<string, string>>

/** All fields that hold where there is a result: those of the section, and of the vector. */
function readResults(file: string): Fields[] {
  const results: Fields[] = []
  let fields: Fields = {}
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const section = line.match(/^\[(.*)\]/)?.[1]
    const [, name, value = ''] = line.match(/^(\w+) = (.*?)\s*$/) ?? []
    if (section !== undefined) fields = { section }
    if (name !== undefined) fields = { ...fields, [name]: value }
    if (name === 'Result') results.push(fields)
  }
  return results
}

function common({ section = '', Msg, SaltVal, Result = '' }: Fields) {
  const [message, { length: saltLength }] = [bytesOf(Msg), bytesOf(SaltVal)]
  return { section, message, saltLength, valid: Result.startsWith('P'), result: Result }
}

function bytesOf(hex = ''): Buffer {
  return Buffer.from(hex, 'hex')
}

function unpadded(hex = ''): Buffer {
  return bytesOf(hex.replace(/^(00)+/, ''))
}

function toUrl(bytes: Buffer): string {
  return bytes.toString('base64url')
}
