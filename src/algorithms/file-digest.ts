import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import type { HashAlgorithm } from './hash-algorithms.ts'

/**
 * Hashes a file piece by piece, so that it need not fit into memory.
 *
 * @throws Error of the file system
 */
export async function digestFile(algorithm: HashAlgorithm, path: string): Promise<Buffer> {
  const hash = createHash(algorithm.nodeName)
  await pipeline(createReadStream(path), hash)
  return hash.digest()
}
