import { createHash } from 'node:crypto'
import type { HashAlgorithm } from './signature-options.ts'

/** Object identifiers of RFC 8017 appendix B.1. */
export const HASH_OIDS: Readonly<Record<HashAlgorithm, string>> = {
  sha160: '1.3.14.3.2.26',
  sha224: '2.16.840.1.101.3.4.2.4',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}

/** The digest of `bytes`, under the callback's name of the hash. */
export function digest(hash: HashAlgorithm, bytes: Uint8Array): Buffer {
  return createHash(hash === 'sha160' ? 'sha1' : hash)
    .update(bytes)
    .digest()
}
