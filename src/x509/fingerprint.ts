import { createHash } from 'node:crypto'

/**
 * Returns SHA-256 over a DER SubjectPublicKeyInfo in hex, as `openssl pkey -pubin -outform DER | openssl sha256`
 * prints.
 */
export function fingerprint(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}
