/** Verifies a timestamp in a container of others (EN 319 122-1 5.3). */
import type { X509Certificate } from 'node:crypto'
import { digest, findHashByOid } from '../algorithms/hash-algorithms.ts'
import { TimestampError } from './timestamp-error.ts'
import { readTimestampToken, readTstInfo } from './timestamp-token.ts'
import { type VerificationContext, verifyToken } from './verify-response.ts'

export interface SignatureTimestamp {
  readonly time: Date
  /** The authority's certificate first, then its issuers as far as they are known. */
  readonly path: readonly X509Certificate[]
}

/**
 * Verifies the timestamp of a signature. It does not check revocation, and not the clock.
 *
 * @param encoded DER TimeStampToken
 * @throws TimestampError that says what is wrong with it, and Error when it is malformed
 */
export function verifySignatureTimestamp(
  encoded: Buffer,
  signature: Uint8Array,
  trust: Pick<VerificationContext, 'trustAnchors' | 'known'>,
): SignatureTimestamp {
  const token = readTimestampToken(encoded)
  const info = readTstInfo(token.tstInfo)
  const hash = findHashByOid(info.oid)
  if (hash === undefined || !digest(hash, signature).equals(info.digest)) {
    throw new TimestampError('mismatch', 'is over something else than the signature')
  }
  return { time: info.genTime, path: verifyToken(token, info, trust) }
}
