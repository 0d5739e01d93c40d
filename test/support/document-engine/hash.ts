import { createHash } from 'node:crypto'
import type { HashAlgorithm } from './signature-options.ts'

/** The digest of `bytes`, under the callback's name of the hash. */
export function digest(hash: HashAlgorithm, bytes: Uint8Array): Buffer {
  return createHash(hash === 'sha160' ? 'sha1' : hash)
    .update(bytes)
    .digest()
}
