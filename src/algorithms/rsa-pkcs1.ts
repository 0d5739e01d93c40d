import { constants, type KeyObject, publicDecrypt, timingSafeEqual } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'
import { copyDigest, HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { keyDetails } from './key-details.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'

/** rsaEncryption (RFC 3370 3.2), the signature algorithm that every validator of PDF signatures knows. */
export const RSA_ENCRYPTION = '1.2.840.113549.1.1.1'

/** RSASSA-PKCS1-v1_5 with each hash (RFC 8017 A.2.4). */
export const RSA_WITH_HASH: Readonly<Record<HashAlgorithm['name'], string>> = {
  sha160: '1.2.840.113549.1.1.5',
  sha224: '1.2.840.113549.1.1.14',
  sha256: '1.2.840.113549.1.1.11',
  sha384: '1.2.840.113549.1.1.12',
  sha512: '1.2.840.113549.1.1.13',
}

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

/**
 * Encodes `DigestInfo ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING }` (RFC 8017 9.2), which
 * `CKM_RSA_PKCS` pads and signs. The parameters are NULL, as RFC 8017 A.2.4 demands for PKCS#1 v1.5.
 *
 * @param digest bytes, exactly `algorithm.digestLength` of them
 */
export function encodeDigestInfo(algorithm: HashAlgorithm, digest: Uint8Array): Buffer {
  return Buffer.concat([DIGEST_INFO_PREFIXES.get(algorithm) as Buffer, copyDigest(algorithm, digest)])
}

/** The beginning of a DigestInfo, up to the digest in its last field, keyed by hash algorithm. */
const DIGEST_INFO_PREFIXES = new Map(
  HASH_ALGORITHMS.map((algorithm) => {
    const identifier = encode(TAG.sequence, encodeObjectIdentifier(algorithm.oid), encode(TAG.null))
    const octets = encode(TAG.octetString, Buffer.alloc(algorithm.digestLength))
    return [algorithm, encode(TAG.sequence, identifier, octets).subarray(0, -algorithm.digestLength)]
  }),
)

/**
 * Returns whether `signature` is the RSASSA-PKCS1-v1_5 signature of exactly this DigestInfo (RFC 8017 8.2.2). It
 * compares all bytes inside the padding, so that no lenient parser of the DigestInfo can be fooled.
 *
 * @param publicKey RSA
 * @param digestInfo DER
 * @param signature bytes of any length
 */
export function verifyDigestInfo(
  publicKey: KeyObject,
  digestInfo: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== modulusLength(publicKey)) {
    return false
  }
  try {
    const recovered = publicDecrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, signature)
    return recovered.length === digestInfo.length && timingSafeEqual(recovered, digestInfo)
  } catch {
    // OpenSSL throws if the padding is not that of a signature
    return false
  }
}

/** Returns the length of an RSA key's modulus, and so of its signatures, in bytes; 0 for other keys. */
export function modulusLength(publicKey: KeyObject): number {
  return Math.ceil((keyDetails(publicKey).modulusLength ?? 0) / 8)
}
