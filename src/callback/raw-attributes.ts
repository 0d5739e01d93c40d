import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureType } from '../cms/signed-attributes.ts'
import { readSignedAttributes, type SignedAttributes } from '../cms/signed-attributes-reader.ts'
import type { SignerRules } from '../configuration/signer-configuration.ts'
import { INVALID_REQUEST, NOT_ALLOWED_FOR_SIGNER } from '../errors.ts'
import { MAX_MESSAGE_LENGTH } from './body/body-text.ts'

const FIELD = 'data_to_be_signed'

/**
 * Reads the signed attributes that a raw signature is to be made over.
 *
 * @param message undefined for more than MAX_MESSAGE_LENGTH bytes, which signed attributes never have
 * @returns undefined for opaque bytes
 * @throws INVALID_REQUEST for attributes that name a certificate and can't be read
 */
export function readRawAttributes(message: Buffer | undefined): SignedAttributes | undefined {
  try {
    return message && readSignedAttributes(message)
  } catch (error) {
    throw new INVALID_REQUEST(
      `${FIELD}: are signed attributes that name a certificate, but ${(error as Error).message}`,
    )
  }
}

/**
 * Refuses attributes whose message-digest has another hash algorithm than the signature, which no verifier would
 * accept. If RAW_SIGNING is `any`, other bytes are signed as they are.
 *
 * @throws INVALID_REQUEST; NOT_ALLOWED_FOR_SIGNER if RAW_SIGNING is `signed-attributes` and these are not those of data
 */
export function checkRawAttributes(
  attributes: SignedAttributes | undefined,
  type: SignatureType,
  hashAlgorithm: HashAlgorithm,
  { rawSigning }: Pick<SignerRules, 'rawSigning'>,
): void {
  if (rawSigning === 'signed-attributes') {
    requireAttributes(attributes, type)
  }
  const digestLength = attributes?.digestLength ?? hashAlgorithm.digestLength
  // The message-digest and the signature have the same hash algorithm (RFC 5652 5.4)
  if (digestLength !== hashAlgorithm.digestLength) {
    throw new INVALID_REQUEST(
      `${FIELD}: has a message-digest of ${digestLength} bytes, but hash_algorithm ${hashAlgorithm.name} has ` +
        `${hashAlgorithm.digestLength}`,
    )
  }
}

function requireAttributes(attributes: SignedAttributes | undefined, type: SignatureType): void {
  if (!attributes?.hasDataContentType || attributes.digestLength === undefined) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      `${FIELD}: must be signed attributes, the DER SET OF Attribute with content-type id-data and message-digest ` +
        `(RFC 5652 5.4) in at most ${MAX_MESSAGE_LENGTH} bytes: RAW_SIGNING or rawSigning of the signer allows nothing else`,
    )
  }
  // EN 319 122-1 6.3 requires signing-certificate-v2
  if (type === 'cades' && attributes.certificates.length === 0) {
    throw new NOT_ALLOWED_FOR_SIGNER(
      `${FIELD}: must have signing-certificate-v2 (RFC 5035 3) for signature_type cades, so that it is known whose they are`,
    )
  }
}
