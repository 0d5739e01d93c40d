import type { X509Certificate } from 'node:crypto'

/** What keeps a certificate's key from signing here; undefined for RSA with 2048 to 4096 bits. */
export function describeUnsupportedKey(certificate: X509Certificate): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey
  const bits = details?.modulusLength ?? 0
  if (type === 'rsa' && bits >= 2048 && bits <= 4096) {
    return undefined
  }
  const found = type === 'rsa' ? `RSA with ${bits} bits` : `a key of type ${type}`
  return `the signer certificate must have an RSA key of 2048 to 4096 bits; this one has ${found}`
}
