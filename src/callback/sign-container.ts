import { digest } from '../signature/digest.ts'
import { createSignedData } from '../signature/signed-data.ts'
import type { CallbackContext } from './context.ts'
import type { Digested } from './prepare.ts'

/** @returns the DER PKCS#7 container over the contents that the digest is of */
export async function signContainer(
  { type, hashAlgorithm, digest: messageDigest }: Pick<Digested, 'type' | 'hashAlgorithm' | 'digest'>,
  { signingKey, options }: CallbackContext,
): Promise<Buffer> {
  // One signer for the whole request: the certificate that is embedded is the one that the signature verifies with
  const signer = signingKey.validSigner()
  return createSignedData({
    type,
    hashAlgorithm,
    algorithm: signer.algorithm,
    messageDigest,
    certificates: signer.encoded,
    sign: async (message) => {
      const signed = { digest: await digest(hashAlgorithm, message), message }
      return signingKey.sign(signer, hashAlgorithm, signed, options)
    },
  })
}
