import type { KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '../../algorithms/signature-algorithm.ts'

/** A key that signs certificates, or requests for them, wherever it is. */
export interface CertifyingKey {
  readonly publicKey: KeyObject
  /** With which `sign` signs. */
  readonly algorithm: Pick<SignatureAlgorithm, 'certificateIdentifier'>
  /** Hashes what it is given, with the hash that both sides know, and signs the digest; the signature is encoded. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>
}
