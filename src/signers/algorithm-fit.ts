import type { X509Certificate } from 'node:crypto'
import type { SignatureAlgorithmName } from '../signature/signature-algorithm.ts'

/** By the type that node:crypto gives keys; rsa-pss is a key that its certificate keeps to RSASSA-PSS (RFC 4055 1.2). */
const ALGORITHMS: Readonly<Record<string, readonly SignatureAlgorithmName[]>> = {
  rsa: ['rsassa-pkcs1-v1_5', 'rsassa-pss'],
  'rsa-pss': ['rsassa-pss'],
  ec: ['ecdsa'],
}

/** Why the key of a certificate does not sign with an algorithm; undefined where it does, or never signs here. */
export function describeUnfitAlgorithm(
  certificate: X509Certificate,
  algorithm: SignatureAlgorithmName,
): string | undefined {
  const type = keyTypeOf(certificate)
  const fitting = ALGORITHMS[type]
  return fitting === undefined || fitting.includes(algorithm)
    ? undefined
    : `does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
}

function keyTypeOf(certificate: X509Certificate): string {
  try {
    return String(certificate.publicKey.asymmetricKeyType)
  } catch {
    return 'unknown to OpenSSL'
  }
}
