import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { SignOptions } from '../pkcs11/pool/signing-jobs.ts'
import type { Signer } from '../signers/signer.ts'

export interface RawContext {
  readonly signer: Pick<Signer, 'validCertificate' | 'sign'>
  readonly options: SignOptions
}

/**
 * Signs the digest of `data_to_be_signed`, which stays opaque: Document Engine built it.
 *
 * @returns the bare signature: for RSA as many octets as the modulus has, for ECDSA DER (RFC 3279 2.2.3)
 * @throws the errors of `Signer.sign`
 */
export async function signRaw(
  signed: SignedMessage & { readonly hashAlgorithm: HashAlgorithm },
  { signer, options }: RawContext,
): Promise<Uint8Array> {
  return signer.sign(signer.validCertificate(), signed.hashAlgorithm, signed, options)
}
