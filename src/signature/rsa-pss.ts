import { constants, type KeyObject, verify } from 'node:crypto'
import * as pkijs from 'pkijs'
import { copyDigest, type HashAlgorithm } from './hash-algorithms.ts'
import { encodePssParameters, ID_RSASSA_PSS } from './pss-parameters.ts'
import { messageOf, type SignatureAlgorithm } from './signature-algorithm.ts'
import { modulusLength } from './verification.ts'

/**
 * RSASSA-PSS (RFC 8017 8.1) with MGF1 of the same hash and a salt as long as its digests, which FIPS 186-5 5.4 allows
 * at most. The token pads and signs the bare digest, and returns the signature's octets.
 */
export const RSA_PSS: SignatureAlgorithm = {
  name: 'rsassa-pss',
  keyTypes: ['rsa', 'rsa-pss'],
  mechanism: ({ name }) => ({ name: 'CKM_RSA_PKCS_PSS', hash: name }),
  tokenInput: copyDigest,
  verify: (publicKey, hash, signed, signature) =>
    verifyPss(publicKey, hash, hash.digestLength, messageOf(signed), signature),
  maxLength: modulusLength,
  encode: (signature) => signature,
  signerInfoIdentifier: identify,
  certificateIdentifier: identify,
}

/**
 * Whether a signature is that of a message, with MGF1 of the same hash.
 *
 * @param saltLength bytes, exactly
 */
export function verifyPss(
  key: KeyObject,
  hash: HashAlgorithm,
  saltLength: number,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  // RFC 8017 8.1.2, step 1: OpenSSL takes those without the zeros that they begin with
  if (signature.length !== modulusLength(key)) {
    return false
  }
  try {
    return verify(
      hash.nodeName,
      message,
      { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength },
      signature,
    )
  } catch {
    // OpenSSL throws where the key's own parameters forbid this hash or salt (RFC 4055 1.2)
    return false
  }
}

/** RFC 4056 3, RFC 4055 3.1. */
function identify(hash: HashAlgorithm): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({
    algorithmId: ID_RSASSA_PSS,
    algorithmParams: encodePssParameters(hash),
  })
}
