import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { encodeDigestInfo } from './digest-info.ts'
import { HASH_ALGORITHMS } from './hash-algorithms.ts'
import { RSA_ENCRYPTION, RSA_WITH_HASH } from './object-identifiers.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'
import { modulusLength, verifyDigestInfo } from './verification.ts'

/** RSASSA-PKCS1-v1_5 (RFC 8017 8.2). The token pads and signs a DER DigestInfo, and returns the signature's octets. */
export const RSA_PKCS1: SignatureAlgorithm = {
  name: 'rsassa-pkcs1-v1_5',
  keyTypes: ['rsa'],
  hashes: HASH_ALGORITHMS,
  mechanism: () => ({ name: 'CKM_RSA_PKCS' }),
  tokenInput: encodeDigestInfo,
  verify: (publicKey, hash, { digest }, signature) =>
    verifyDigestInfo(publicKey, encodeDigestInfo(hash, digest), signature),
  maxLength: modulusLength,
  encode: (signature) => signature,
  signerInfoIdentifier: () => withNull(RSA_ENCRYPTION),
  // Certificates must name the hash here, a SignerInfo need not
  certificateIdentifier: ({ name }) => withNull(RSA_WITH_HASH[name]),
}

/** Builds an identifier whose parameters are NULL (RFC 3370 3.2, RFC 4055 5). */
function withNull(algorithmId: string): pkijs.AlgorithmIdentifier {
  return new pkijs.AlgorithmIdentifier({ algorithmId, algorithmParams: new asn1js.Null() })
}
