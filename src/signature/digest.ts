import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { HashAlgorithm } from './hash-algorithms.ts'

/** Bytes hashed in one turn of the event loop: 2 to 4 ms. */
const CHUNK = 2 * 1024 * 1024

/** The digest of `data`. Lets other requests run between chunks, since a document can be hundreds of megabytes. */
export async function digest(algorithm: HashAlgorithm, data: Uint8Array): Promise<Buffer> {
  const hash = createHash(algorithm.nodeName)
  for (let offset = 0; offset < data.length; offset += CHUNK) {
    if (offset > 0) {
      await nextTurn()
    }
    hash.update(data.subarray(offset, offset + CHUNK))
  }
  return hash.digest()
}
