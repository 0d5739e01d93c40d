import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage, SignMechanism } from '../algorithms/signature-algorithm.ts'
import type { KeyUse } from './pool-key.ts'

/** What a session is given to sign. */
export interface SigningInput {
  /** Place of the key among the keys of the pool. */
  readonly key: number
  readonly mechanism: SignMechanism
  /** What the mechanism signs: a DER DigestInfo for `CKM_RSA_PKCS`, else a digest. */
  readonly data: Uint8Array
  /** Whether a signature, in the form that the token gives it, is the right one: no other is returned. */
  readonly verify: (signature: Uint8Array) => boolean
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
