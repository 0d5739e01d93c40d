import { digest } from '../algorithms/digest.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { INVALID_REQUEST } from '../errors.ts'
import { decodeBase64, notBase64 } from './fields.ts'
import type { EncodedField } from './request.ts'

/** The bytes that a field is base64 of. */
export interface Contents {
  /** Absent where they were hashed while they arrived: then they are more than MAX_MESSAGE_LENGTH. */
  readonly bytes?: Buffer
  /**
   * To be asked once.
   *
   * @throws INVALID_REQUEST when they were hashed otherwise
   */
  digest(algorithm: HashAlgorithm): Buffer
}

/** @throws INVALID_REQUEST naming the field */
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
