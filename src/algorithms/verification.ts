import { constants, type KeyObject, publicDecrypt, timingSafeEqual } from 'node:crypto'

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
  return Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}
