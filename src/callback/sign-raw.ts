import type { CallbackContext } from './context.ts'
import type { Digested } from './prepare.ts'

/**
 * Signs the digest of `data_to_be_signed`, which stays opaque: Document Engine built it.
 *
 * @returns the bare octets of the signature: those of RSA as many as the modulus has, those of ECDSA DER
 */
export async function signRaw(
  { hashAlgorithm, ...signed }: Pick<Digested, 'hashAlgorithm' | 'digest' | 'message'>,
  { signingKey, options }: CallbackContext,
): Promise<Uint8Array> {
  return signingKey.sign(signingKey.validSigner(), hashAlgorithm, signed, options)
}
