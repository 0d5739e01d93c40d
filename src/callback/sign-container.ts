import type { CallbackBody } from '../../schemas/callback.ts'
import { digest } from '../signature/digest.ts'
import { createSignedData } from '../signature/signed-data.ts'
import type { CallbackContext } from './context.ts'
import { parseHashAlgorithm, parseSignatureType } from './fields.ts'
import { findMessageDigest } from './message-digest.ts'
import type { EncodedField } from './request.ts'

/** @returns the DER PKCS#7 container over the contents, or over the digest where that is all there is */
export async function signContainer(
  body: CallbackBody,
  request: { readonly contents?: EncodedField; readonly digest?: EncodedField },
  { configuration, signingKey, options }: CallbackContext,
): Promise<Buffer> {
  const hashAlgorithm = parseHashAlgorithm(body.hash_algorithm, configuration)
  const type = parseSignatureType(body.signature_type)
  const messageDigest = await findMessageDigest(request, hashAlgorithm, configuration)
  const { encoded } = signingKey.validSigner()
  return createSignedData({
    type,
    hashAlgorithm,
    messageDigest,
    certificates: encoded,
    sign: async (attributes) =>
      signingKey.sign(hashAlgorithm, await digest(hashAlgorithm, attributes), options),
  })
}
