import { timingSafeEqual } from 'node:crypto'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { Configuration } from '../configuration/configuration.ts'
import { DIGEST_MISMATCH, INVALID_REQUEST } from '../errors.ts'
import { decodeContents } from './contents.ts'
import { decodeHexDigest } from './fields.ts'
import type { EncodedField } from './request.ts'

/** Hash algorithms that a digest is told by its length to be of. Weaker ones have to be named. */
const TOLD_BY_LENGTH: readonly HashAlgorithm['name'][] = ['sha256', 'sha384', 'sha512']

/** The message of a container: contents, their digest, or both. */
interface Message {
  readonly contents?: EncodedField
  readonly digest?: EncodedField
}

/**
 * Returns the hash algorithm that the length of a digest tells, for requests that name none: Document Engine may be
 * configured to use another one than the default. A digest that is ignored tells nothing.
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

/** Returns the hash algorithm that so many bytes of a digest tell; undefined where they tell none. */
export function hashAlgorithmOfLength(length: number | undefined): HashAlgorithm['name'] | undefined {
  return HASH_ALGORITHMS.find(
    ({ name, digestLength }) => digestLength === length && TOLD_BY_LENGTH.includes(name),
  )?.name
}

/**
 * The digest that a container is about: of the contents where they are given, or else the one given. Where both are,
 * the contents win, and unless DIGEST_MISMATCH is `ignore` they must agree.
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
