import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { INVALID_REQUEST } from '../errors.ts'
import { decodeBase64, notBase64 } from './fields.ts'
import type { EncodedField } from './request.ts'

/** The decoded bytes of a field, or their digests. */
export interface Contents {
  /** Absent if the bytes were hashed while they arrived, which happens only above MAX_MESSAGE_LENGTH. */
  readonly bytes?: Buffer
  /**
   * Returns the digest of the bytes. May be called once.
   *
   * @throws INVALID_REQUEST if the bytes were hashed with other algorithms while they arrived
   */
  digest(algorithm: HashAlgorithm): Buffer
}

/**
 * Decodes a field, or takes the digests that were computed while it arrived.
 *
 * @throws INVALID_REQUEST naming the field
 */
export function decodeContents({ field, text, hashed }: EncodedField): Contents {
  if (hashed === undefined) {
    const bytes = decodeBase64(field, text)
    return { bytes, digest: (algorithm) => digest(algorithm, bytes) }
  }
  if (!hashed.isBase64) {
    throw notBase64(field)
  }
  return {
    digest(algorithm) {
      const found = hashed.digest(algorithm)
      if (found === undefined) {
        // The signers changed while the contents arrived
        throw new INVALID_REQUEST(
          `${field}: arrived before this signer allowed ${algorithm.name}; send the request again`,
        )
      }
      return found
    },
  }
}
