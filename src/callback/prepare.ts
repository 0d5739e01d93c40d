/**
 * From a body to the digest that the signature is about. What comes out holds nothing of the document: a signature
 * may wait seconds for the HSM, and the text of a document can be hundreds of megabytes.
 */
import type { CallbackBody } from '../../schemas/callback.ts'
import type { Configuration } from '../config.ts'
import { digest } from '../signature/digest.ts'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import type { SignatureType } from '../signature/signed-attributes.ts'
import { decodeBase64, parseHashAlgorithm, parseSignatureType } from './fields.ts'
import { findMessageDigest } from './message-digest.ts'
import type { CallbackRequest } from './request.ts'

/** What a signature is made of. */
export interface Digested {
  readonly kind: Exclude<CallbackRequest['kind'], 'certificates'>
  readonly type: SignatureType
  readonly hashAlgorithm: HashAlgorithm
  /** Of the contents for a container, of `data_to_be_signed` for a raw signature. */
  readonly digest: Buffer
}

/** @throws INVALID_REQUEST, UNSUPPORTED_HASH_ALGORITHM, DIGEST_MISMATCH */
export async function prepare(
  body: CallbackBody,
  asked: CallbackRequest,
  configuration: Pick<Configuration, 'hashAlgorithms' | 'digestMismatch'>,
): Promise<Digested | { readonly kind: 'certificates' }> {
  if (asked.kind === 'certificates') {
    return asked
  }
  const hashAlgorithm = parseHashAlgorithm(body.hash_algorithm, configuration)
  const type = parseSignatureType(body.signature_type)
  const bytes =
    asked.kind === 'raw'
      ? await digest(hashAlgorithm, decodeBase64(asked.data.field, asked.data.text))
      : await findMessageDigest(asked, hashAlgorithm, configuration)
  return { kind: asked.kind, type, hashAlgorithm, digest: bytes }
}
