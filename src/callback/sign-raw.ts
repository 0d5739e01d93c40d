import type { CallbackContext } from './context.ts'
import type { Digested } from './prepare.ts'

/**
 * Signs the digest of `data_to_be_signed`, which stays opaque: Document Engine built it.
 *
 * @returns the bare RSASSA-PKCS1-v1_5 octets, as many as the modulus has
 */
export async function signRaw(
  { hashAlgorithm, digest }: Digested,
  { signingKey, options }: CallbackContext,
): Promise<Uint8Array> {
  return signingKey.sign(signingKey.validSigner(), hashAlgorithm, digest, options)
}
