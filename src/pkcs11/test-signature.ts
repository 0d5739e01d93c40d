import { createHash, type KeyObject } from 'node:crypto'
import { encodeDigestInfo } from '../signature/digest-info.ts'
import { findHashAlgorithm, type HashAlgorithm } from '../signature/hash-algorithms.ts'
import { verifyDigestInfo } from '../signature/verification.ts'
import type { Work } from './job.ts'

/**
 * What test signatures sign: the SHA-256 DigestInfo of a sentence that says so. A constant, so that a test signature
 * can never be taken for one over a document, and an auditor who finds it can tell what it is.
 */
export const TEST_DIGEST_INFO = encodeDigestInfo(
  findHashAlgorithm('sha256') as HashAlgorithm,
  createHash('sha256')
    .update('This is a test signature of the signing service. It signs no document.')
    .digest(),
)

/** What became of it shows in the state of the session that it is given to. */
export function createTestWork(publicKey: KeyObject): Work {
  return {
    data: TEST_DIGEST_INFO,
    verify: (signature) => verifyDigestInfo(publicKey, TEST_DIGEST_INFO, signature),
  }
}
