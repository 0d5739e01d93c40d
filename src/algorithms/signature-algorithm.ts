/** How digests are signed: what the token is asked for, and what becomes of its answer. */
import type { KeyObject } from 'node:crypto'
import type { AlgorithmIdentifier } from 'pkijs'
import type { HashAlgorithm } from './hash-algorithms.ts'

/** What the token is asked for. It crosses processes. */
export type SignMechanism =
  | { readonly name: 'CKM_RSA_PKCS' }
  /** MGF1 uses the same hash; the length of the salt is in bytes. */
  | { readonly name: 'CKM_RSA_PKCS_PSS'; readonly hash: HashAlgorithm['name']; readonly saltLength: number }
  | { readonly name: 'CKM_ECDSA' }

/** What a signature is about. */
export interface SignedMessage {
  readonly digest: Uint8Array
  /** What the digest is of: node:crypto verifies PSS and ECDSA with it alone. */
  readonly message?: Uint8Array
}

export interface SignatureAlgorithm {
  readonly name: 'rsassa-pkcs1-v1_5' | 'rsassa-pss' | 'ecdsa'

  /** Keys that it signs with, by the names that node:crypto has for their types. */
  readonly keyTypes: readonly string[]

  /** The hash algorithms that it signs with; a certificate may restrict its key to one of them (RFC 4055 3.3). */
  readonly hashes: readonly HashAlgorithm[]

  mechanism(hash: HashAlgorithm): SignMechanism

  /**
   * What the token signs.
   *
   * @param digest bytes, exactly `hash.digestLength` of them
   * @throws RangeError when it has another length
   */
  tokenInput(hash: HashAlgorithm, digest: Uint8Array, publicKey: KeyObject): Buffer

  /**
   * Whether what the token returned is the signature, in the token's own form.
   *
   * @throws TypeError where the algorithm needs the message and there is none
   */
  verify(
    publicKey: KeyObject,
    hash: HashAlgorithm,
    signed: SignedMessage,
    tokenSignature: Uint8Array,
  ): boolean

  /** Bytes that an encoded signature has at most: known before there is one. */
  maxLength(publicKey: KeyObject): number

  /** A verified signature as the token returned it, in the form that CMS, X.509 and Document Engine know. */
  encode(tokenSignature: Uint8Array): Uint8Array

  /** Of a SignerInfo (RFC 5652 5.3). */
  signerInfoIdentifier(hash: HashAlgorithm): AlgorithmIdentifier

  /** Of certificates and requests for them (RFC 5280 4.1.1.2, RFC 2986 4.2). */
  certificateIdentifier(hash: HashAlgorithm): AlgorithmIdentifier
}

/** @throws TypeError when there is none: whoever signs with such an algorithm has to keep it */
export function messageOf({ message }: SignedMessage): Uint8Array {
  if (message === undefined) {
    throw new TypeError('this algorithm verifies messages, not digests')
  }
  return message
}
