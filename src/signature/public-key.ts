import { createPublicKey, type KeyObject } from 'node:crypto'
import * as asn1js from 'asn1js'

/**
 * DER SubjectPublicKeyInfo of a key as it is on a token. A certificate may say that its RSA key is for RSASSA-PSS alone
 * (RFC 4055 1.2), which the token knows nothing of: there it is an RSA key like others.
 */
export function encodePublicKey(publicKey: KeyObject): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' })
  if (publicKey.asymmetricKeyType !== 'rsa-pss') {
    return der
  }
  const [, bits] = (asn1js.fromBER(der).result as asn1js.Sequence).valueBlock.value
  const key = Buffer.from((bits as asn1js.BitString).valueBlock.valueHexView)
  return createPublicKey({ key, type: 'pkcs1', format: 'der' }).export({ type: 'spki', format: 'der' })
}
