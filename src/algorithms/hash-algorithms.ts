/** The supported hash algorithms: their spellings, object identifiers and digest lengths. */
import { hash } from 'node:crypto'

export interface HashAlgorithm {
  /** The callback's spelling. */
  readonly name: 'sha160' | 'sha224' | 'sha256' | 'sha384' | 'sha512'
  /** node:crypto's spelling. */
  readonly nodeName: string
  /** Dotted object identifier. */
  readonly oid: string
  /** Length of a digest in bytes. */
  readonly digestLength: number
}

export const SHA_1: HashAlgorithm = {
  name: 'sha160',
  nodeName: 'sha1',
  oid: '1.3.14.3.2.26',
  digestLength: 20,
}
export const SHA_256: HashAlgorithm = {
  name: 'sha256',
  nodeName: 'sha256',
  oid: '2.16.840.1.101.3.4.2.1',
  digestLength: 32,
}

export const HASH_ALGORITHMS: readonly HashAlgorithm[] = [
  SHA_1,
  { name: 'sha224', nodeName: 'sha224', oid: '2.16.840.1.101.3.4.2.4', digestLength: 28 },
  SHA_256,
  { name: 'sha384', nodeName: 'sha384', oid: '2.16.840.1.101.3.4.2.2', digestLength: 48 },
  { name: 'sha512', nodeName: 'sha512', oid: '2.16.840.1.101.3.4.2.3', digestLength: 64 },
]

/** Names the algorithm of requests that name none. */
export const DEFAULT_HASH_ALGORITHM = 'sha256'

/**
 * Finds the algorithm that a name means: `sha256`, `SHA256` and `SHA-256` alike; `sha1` is `sha160`. MD5 is not among
 * them, since signatures with it can be forged.
 */
export function findHashAlgorithm(name: string): HashAlgorithm | undefined {
  const plain = name.toLowerCase().replace(/^sha-/, 'sha')
  const canonical = plain === 'sha1' ? 'sha160' : plain
  return HASH_ALGORITHMS.find((algorithm) => algorithm.name === canonical)
}

/** Finds the algorithm with a dotted object identifier. */
export function findHashByOid(oid: string): HashAlgorithm | undefined {
  return HASH_ALGORITHMS.find((algorithm) => algorithm.oid === oid)
}

/**
 * Copies a digest.
 *
 * @throws RangeError when the digest has not the length that its algorithm makes
 */
export function copyDigest({ name, digestLength }: HashAlgorithm, digest: Uint8Array): Buffer {
  if (digest.length !== digestLength) {
    throw new RangeError(`${name} digests have ${digestLength} bytes, not ${digest.length}`)
  }
  return Buffer.from(digest)
}

/** Hashes bytes that are in memory. Whole documents are hashed while they are read. */
export function digest({ nodeName }: HashAlgorithm, data: Uint8Array): Buffer {
  return hash(nodeName, data, 'buffer')
}
