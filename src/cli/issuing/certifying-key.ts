import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../../algorithms/signature-algorithm.ts'

/** A key that signs certificates, or requests for them, on a token or in a file. */
export interface CertifyingKey {
  readonly publicKey: KeyObject
  /** Algorithm of `sign`. */
  readonly algorithm: Pick<SignatureAlgorithm, 'certificateIdentifier'>
  /** Hashes data with the hash algorithm that the key was made for, and returns the encoded signature. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>
}
