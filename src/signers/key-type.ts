import type { KeyObject, X509Certificate } from 'node:crypto'

/** What keeps a certificate's key from signing here; undefined for RSA with 2048 to 4096 bits. */
export function describeUnsupportedKey(certificate: X509Certificate): string | undefined {
  const key = publicKeyOf(certificate)
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? 0
  if (key?.asymmetricKeyType === 'rsa' && bits >= 2048 && bits <= 4096) {
    return undefined
  }
  return `the signer certificate must have an RSA key of 2048 to 4096 bits; this one has ${describe(key, bits)}`
}

function describe(key: KeyObject | undefined, bits: number): string {
  if (key === undefined) {
    return 'a key of an unknown type'
  }
  const { asymmetricKeyType: type } = key
  return type === 'rsa' ? `RSA with ${bits} bits` : `a key of type ${type}`
}

/** A certificate's public key; undefined where it is of a kind that OpenSSL does not know. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey
  } catch {
    return undefined
  }
}
