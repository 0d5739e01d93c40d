import type { SigningKey } from './signing-key.ts'

/**
 * Whether bytes that are to be signed name the certificate of a signer, as signed attributes do (RFC 5035 3): by its
 * digest. They stay opaque: what looks like the digest by chance does not exist.
 */
export function mentions(message: Uint8Array, key: Pick<SigningKey, 'knownSigner'>): boolean {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
  return key.knownSigner()?.digests.some((digest) => bytes.includes(digest)) ?? false
}
