/** Describes how digests are signed: the mechanism of the token, and the encoding of its answer. */
import type { KeyObject } from 'node:crypto'
import type { AlgorithmIdentifier } from 'pkijs'
import type { HashAlgorithm } from './hash-algorithms.ts'

/** A PKCS#11 mechanism. It is sent to other processes, so it holds plain data. */
export type SignMechanism =
  | { readonly name: 'CKM_RSA_PKCS' }
  /** MGF1 uses the same hash. The length of the salt is in bytes. */
  | { readonly name: 'CKM_RSA_PKCS_PSS'; readonly hash: HashAlgorithm['name']; readonly saltLength: number }
  | { readonly name: 'CKM_ECDSA' }

/** A message to sign, or its digest. */
export interface SignedMessage {
  readonly digest: Uint8Array
  /** The bytes that were hashed. node:crypto needs them to verify PSS and ECDSA. */
  readonly message?: Uint8Array
}

export interface SignatureAlgorithm {
  readonly name: 'rsassa-pkcs1-v1_5' | 'rsassa-pss' | 'ecdsa'

  /** Types of keys that it signs with, as node:crypto names them. */
  readonly keyTypes: readonly string[]

  /** Hash algorithms that it signs with. A certificate may restrict its key to one of them (RFC 4055 3.3). */
  readonly hashes: readonly HashAlgorithm[]

  mechanism(hash: HashAlgorithm): SignMechanism

  /**
   * Builds the bytes that the token signs.
   *
   * @param digest bytes, exactly `hash.digestLength` of them
   * @throws RangeError when the digest has another length
   */
  tokenInput(hash: HashAlgorithm, digest: Uint8Array, publicKey: KeyObject): Buffer

  /**
   * Returns whether the token's answer, in the token's own form, is the signature.
   *
   * @throws TypeError when the algorithm needs the message and there is none
   */
  verify(
    publicKey: KeyObject,
    hash: HashAlgorithm,
    signed: SignedMessage,
    tokenSignature: Uint8Array,
  ): boolean

  /** Returns the most bytes that an encoded signature can have, so that space can be kept before signing. */
  maxLength(publicKey: KeyObject): number

  /** Converts a verified signature from the token's form to that of CMS, X.509 and Document Engine. */
  encode(tokenSignature: Uint8Array): Uint8Array

  /** Builds the signatureAlgorithm of a SignerInfo (RFC 5652 5.3). */
  signerInfoIdentifier(hash: HashAlgorithm): AlgorithmIdentifier

  /** Builds the signatureAlgorithm of certificates and requests (RFC 5280 4.1.1.2, RFC 2986 4.2). */
  certificateIdentifier(hash: HashAlgorithm): AlgorithmIdentifier
}

/**
 * Returns the message, which callers must keep for some algorithms.
 *
 * @throws TypeError when there is none
 */
export function messageOf({ message }: SignedMessage): Uint8Array {
  if (message === undefined) {
    throw new TypeError('this algorithm verifies messages, not digests')
  }
  return message
}
