import type { CallbackBody } from '../../schemas/callback.ts'
import { digest } from '../signature/digest.ts'
import type { CallbackContext } from './context.ts'
import { decodeBase64, parseHashAlgorithm, parseSignatureType } from './fields.ts'
import type { EncodedField } from './request.ts'

/**
 * Hashes and signs `data_to_be_signed`, which stays opaque: Document Engine built it.
 *
 * @returns the bare RSASSA-PKCS1-v1_5 octets, as many as the modulus has
 */
export async function signRaw(
  body: CallbackBody,
  data: EncodedField,
  { configuration, signingKey, options }: CallbackContext,
): Promise<Uint8Array> {
  const algorithm = parseHashAlgorithm(body.hash_algorithm, configuration)
  parseSignatureType(body.signature_type)
  const bytes = decodeBase64(data.field, data.text)
  return signingKey.sign(algorithm, await digest(algorithm, bytes), options)
}
