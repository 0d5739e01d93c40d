import { timingSafeEqual } from 'node:crypto'
import type { Configuration } from '../config.ts'
import { DIGEST_MISMATCH, INVALID_REQUEST } from '../errors.ts'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import { decodeContents } from './contents.ts'
import { decodeHexDigest } from './fields.ts'
import type { EncodedField } from './request.ts'

/**
 * The digest that a container is about: of the contents where they are given, or else the one given. Where both are,
 * the contents win, and unless DIGEST_MISMATCH is `ignore` they must agree.
 *
 * @throws INVALID_REQUEST, DIGEST_MISMATCH
 */
export function findMessageDigest(
  request: { readonly contents?: EncodedField; readonly digest?: EncodedField },
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
