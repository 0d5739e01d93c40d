import { hash } from 'node:crypto'
import type { HashAlgorithm } from './hash-algorithms.ts'

/** Hashes bytes that are in memory. Whole documents are hashed while they are read. */
export function digest({ nodeName }: HashAlgorithm, data: Uint8Array): Buffer {
  return hash(nodeName, data, 'buffer')
}
