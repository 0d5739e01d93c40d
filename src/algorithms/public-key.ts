import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { curveOf } from './elliptic-curves.ts'

/**
 * Encodes a key as DER SubjectPublicKeyInfo in one form, so that equal octets mean equal keys. Certificates may
 * compress a point (RFC 5480 2.2), or restrict an RSA key to RSASSA-PSS (RFC 4055 1.2), and tokens know neither.
 */
export function encodePublicKey(publicKey: KeyObject): Buffer {
  if (curveOf(publicKey) !== undefined) {
    const key = publicKey.export({ format: 'jwk' })
    return createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'der' })
  }
  const der = publicKey.export({ type: 'spki', format: 'der' })
  if (publicKey.asymmetricKeyType !== 'rsa-pss') {
    return der
  }
  const info = DerReader.enterOnly(der, TAG.sequence)
  info.element(TAG.sequence)
  return createPublicKey({ key: info.bits(), type: 'pkcs1', format: 'der' }).export({
    type: 'spki',
    format: 'der',
  })
}

/**
 * Returns whether a key is the point at infinity of its curve, which is none (SEC 1 3.2.2.1), though OpenSSL reads it. Must
 * be asked of keys that others made before anything else is: Node.js 20 ends the process when it is asked for their details.
 */
export function isPointAtInfinity(publicKey: KeyObject): boolean {
  if (publicKey.asymmetricKeyType !== 'ec') {
    return false
  }
  try {
    publicKey.export({ type: 'spki', format: 'der' })
    return false
  } catch {
    return true
  }
}

/**
 * Returns SHA-256 over a DER SubjectPublicKeyInfo in hex, as `openssl pkey -pubin -outform DER | openssl sha256`
 * prints.
 */
export function fingerprint(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}
