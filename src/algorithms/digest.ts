import { hash } from 'node:crypto'
import type { HashAlgorithm } from './hash-algorithms.ts'

/** The digest of `data`, which is never more than a body keeps: a document is hashed while it is read. */
export function digest({ nodeName }: HashAlgorithm, data: Uint8Array): Buffer {
  return hash(nodeName, data, 'buffer')
}
