import { constants, type KeyObject, publicDecrypt, timingSafeEqual } from 'node:crypto'

/**
 * Whether `signature` is the RSASSA-PKCS1-v1_5 signature of exactly this DigestInfo (RFC 8017 8.2.2). The comparison
 * is over the whole of what the padding holds, so that no lenient parsing of the DigestInfo can be fooled.
 *
 * @param publicKey RSA
 * @param digestInfo DER
 * @param signature as many bytes as the modulus
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
    // OpenSSL throws when the padding is not that of a signature
    return false
  }
}

/** Bytes that an RSA signature has; 0 for other keys. */
export function modulusLength(publicKey: KeyObject): number {
  return Math.ceil((publicKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
}
