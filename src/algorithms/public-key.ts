import { createPublicKey, type KeyObject } from 'node:crypto'
import * as asn1js from 'asn1js'
import { curveOf } from './elliptic-curves.ts'

/**
 * Returns a key as DER SubjectPublicKeyInfo in the one form that all comparisons and fingerprints are over: two keys are
 * the same where these octets are. A point may be compressed in a certificate (RFC 5480 2.2) and not on the token, and
 * a certificate may say that its RSA key is for RSASSA-PSS alone (RFC 4055 1.2), which no token knows.
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
  const [, bits] = (asn1js.fromBER(der).result as asn1js.Sequence).valueBlock.value
  const key = Buffer.from((bits as asn1js.BitString).valueBlock.valueHexView)
  return createPublicKey({ key, type: 'pkcs1', format: 'der' }).export({ type: 'spki', format: 'der' })
}
