/** Signature algorithms whose hash functions have collisions, so that others can forge certificates. */
import { ECDSA_WITH_HASH } from './ecdsa.ts'
import { SHA_1 } from './hash-algorithms.ts'
import { RSA_WITH_HASH } from './rsa-pkcs1.ts'

export interface WeakSignature {
  /** Name of the hash function, for messages. */
  readonly hash: string
  /**
   * How signatures of revocations are verified, which count nevertheless; undefined for hash functions that OpenSSL does not
   * have by default, and for DSA, which is supported with no hash function.
   */
  readonly scheme?: {
    /** Types of keys that make such signatures, as node:crypto names them. */
    readonly keyTypes: readonly string[]
    /** node:crypto's spelling. */
    readonly nodeHash: string
  }
}

const MD5_WITH_RSA: WeakSignature = { hash: 'MD5', scheme: { keyTypes: ['rsa'], nodeHash: 'md5' } }
const SHA_1_WITH_RSA: WeakSignature = {
  hash: 'SHA-1',
  scheme: { keyTypes: ['rsa'], nodeHash: SHA_1.nodeName },
}
const SHA_1_WITH_DSA: WeakSignature = { hash: 'SHA-1' }
const SHA_1_WITH_ECDSA: WeakSignature = {
  hash: 'SHA-1',
  scheme: { keyTypes: ['ec'], nodeHash: SHA_1.nodeName },
}

/** The algorithms of RFC 3279 2.2 and, under 1.3.14.3.2, those of the OIW, keyed by dotted object identifiers. */
export const WEAK_SIGNATURES: ReadonlyMap<string, WeakSignature> = new Map([
  ['1.2.840.113549.1.1.2', { hash: 'MD2' }],
  ['1.2.840.113549.1.1.3', { hash: 'MD4' }],
  ['1.2.840.113549.1.1.4', MD5_WITH_RSA],
  ['1.3.14.3.2.3', MD5_WITH_RSA],
  [RSA_WITH_HASH.sha160, SHA_1_WITH_RSA],
  ['1.3.14.3.2.29', SHA_1_WITH_RSA],
  ['1.2.840.10040.4.3', SHA_1_WITH_DSA],
  ['1.3.14.3.2.27', SHA_1_WITH_DSA],
  [ECDSA_WITH_HASH.sha160, SHA_1_WITH_ECDSA],
])
