import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { SignOrder } from './messages.ts'
import type { KeyUse } from './pool-key.ts'

/** What a session is given to sign. */
export interface SigningInput extends SignOrder {
  /** Whether a signature over it is the right one. */
  verify(signature: Uint8Array): boolean
}

/**
 * @param key its place among the keys of the pool
 * @param signed with the message where the algorithm verifies nothing else
 */
export function createSigningInput(
  key: number,
  { algorithm, publicKey }: KeyUse,
  hash: HashAlgorithm,
  signed: SignedMessage,
): SigningInput {
  return {
    key,
    mechanism: algorithm.mechanism(hash),
    data: algorithm.tokenInput(hash, signed.digest, publicKey),
    verify: (signature) => algorithm.verify(publicKey, hash, signed, signature),
  }
}
