import { timingSafeEqual } from 'node:crypto'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { DIGEST_MISMATCH, INVALID_REQUEST } from '../errors.ts'
import { decodeContents, decodeHexDigest, type EncodedField } from './fields.ts'
import type { Message } from './request.ts'

/** Hash algorithms that the length of a digest implies. A request has to name weaker ones. */
const IMPLIED_BY_LENGTH: readonly HashAlgorithm['name'][] = ['sha256', 'sha384', 'sha512']

/**
 * Returns the hash algorithm that the length of a digest implies, for requests that name none: Document Engine may be
 * configured to use another one than the default. Returns undefined for a digest that is ignored.
 *
 * @throws INVALID_REQUEST for a digest that is not hex
 */
export function hashAlgorithmOfDigest(
  { contents, digest }: Message,
  { digestMismatch }: Pick<Configuration, 'digestMismatch'>,
): HashAlgorithm['name'] | undefined {
  if (digest === undefined || (contents !== undefined && digestMismatch === 'ignore')) {
    return undefined
  }
  return hashAlgorithmOfLength(decodeHexDigest(digest.field, digest.text).length)
}

/** Returns the hash algorithm that the length of a digest, in bytes, implies; undefined if it implies none. */
export function hashAlgorithmOfLength(length: number | undefined): HashAlgorithm['name'] | undefined {
  return HASH_ALGORITHMS.find(
    ({ name, digestLength }) => digestLength === length && IMPLIED_BY_LENGTH.includes(name),
  )?.name
}

/**
 * Returns the digest that a container signs: that of the contents, or the given one if there are no contents. If both
 * are given, the contents count, and unless DIGEST_MISMATCH is `ignore` the two must agree.
 *
 * @throws INVALID_REQUEST, DIGEST_MISMATCH
 */
export function findMessageDigest(
  request: Message,
  algorithm: HashAlgorithm,
  { digestMismatch }: Pick<Configuration, 'digestMismatch'>,
): Buffer {
  const given = request.digest && decodeHexDigest(request.digest.field, request.digest.text)
  const mustFit = request.contents === undefined || digestMismatch === 'reject'
  if (given !== undefined && mustFit && given.length !== algorithm.digestLength) {
    const { field } = request.digest as EncodedField
    throw new INVALID_REQUEST(
      `${field}: a ${algorithm.name} digest has ${algorithm.digestLength} bytes, this one ${given.length}`,
    )
  }
  if (request.contents === undefined) {
    return given as Buffer
  }
  const computed = decodeContents(request.contents).digest(algorithm)
  if (given !== undefined && digestMismatch === 'reject' && !timingSafeEqual(given, computed)) {
    throw new DIGEST_MISMATCH((request.digest as EncodedField).field, algorithm.name)
  }
  return computed
}
