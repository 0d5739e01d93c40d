import { digest } from '../signature/digest.ts'
import { RSA_PKCS1 } from '../signature/rsa-pkcs1.ts'
import { createSignedData } from '../signature/signed-data.ts'
import type { CallbackContext } from './context.ts'
import type { Digested } from './prepare.ts'

/** @returns the DER PKCS#7 container over the contents that the digest is of */
export async function signContainer(
  { type, hashAlgorithm, digest: messageDigest }: Digested,
  { signingKey, options }: CallbackContext,
): Promise<Buffer> {
  // One signer for the whole request: the certificate that is embedded is the one that the signature verifies with
  const signer = signingKey.validSigner()
  return createSignedData({
    type,
    hashAlgorithm,
    algorithm: RSA_PKCS1,
    messageDigest,
    certificates: signer.encoded,
    sign: async (attributes) =>
      signingKey.sign(signer, hashAlgorithm, await digest(hashAlgorithm, attributes), options),
  })
}
