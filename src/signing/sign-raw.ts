import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignedMessage } from '../algorithms/signature-algorithm.ts'
import type { SignOptions } from '../pkcs11/signing-jobs.ts'
import type { Signer } from '../signers/signer.ts'

export interface RawContext {
  readonly signer: Pick<Signer, 'validCertificate' | 'sign'>
  readonly options: SignOptions
}

/**
 * Signs the digest of `data_to_be_signed`, which stays opaque: Document Engine built it.
 *
 * @returns the bare octets of the signature: those of RSA as many as the modulus has, those of ECDSA DER
 */
export async function signRaw(
  signed: SignedMessage & { readonly hashAlgorithm: HashAlgorithm },
  { signer, options }: RawContext,
): Promise<Uint8Array> {
  return signer.sign(signer.validCertificate(), signed.hashAlgorithm, signed, options)
}
