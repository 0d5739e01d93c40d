import { createHash, type KeyObject } from 'node:crypto'
import { findHashAlgorithm, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm, SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { SignOrder } from './messages.ts'

/**
 * Test signatures sign this constant sentence, so that none can be taken for a signature over a document, and an auditor
 * who finds one can tell what it is.
 */
const MESSAGE = Buffer.from('This is a test signature of the signing service. It signs no document.')
const SHA256 = findHashAlgorithm('sha256') as HashAlgorithm

/** The algorithm that a key signs with, and the public key that its signatures must verify with. */
export interface KeyUse {
  readonly publicKey: KeyObject
  readonly algorithm: SignatureAlgorithm
}

/** Input of one signature. */
export interface SigningInput extends Pick<SignOrder, 'key' | 'mechanism' | 'data'> {
  /** Tells whether a signature, in the form that the token gives it, is the right one: no other is returned. */
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

/**
 * Builds what a session signs to be tested.
 *
 * @param key its place among the keys of the pool
 * @param hash one that the key may be used with
 */
export function createTestInput(key: number, use: KeyUse, hash = testHash(use)): SigningInput {
  const digest = createHash(hash.nodeName).update(MESSAGE).digest()
  return createSigningInput(key, use, hash, { digest, message: MESSAGE })
}

/** Returns SHA-256 unless the certificate of the key demands another hash, with which alone its signatures verify. */
function testHash({ algorithm: { hashes } }: KeyUse): HashAlgorithm {
  return hashes.includes(SHA256) ? SHA256 : (hashes[0] as HashAlgorithm)
}
