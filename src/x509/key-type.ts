import type { AsymmetricKeyDetails, KeyObject, X509Certificate } from 'node:crypto'
import { curveOf } from '../algorithms/elliptic-curves.ts'
import { hasExplicitCurve, OWN_EXPLICIT_CURVE } from '../algorithms/explicit-curve.ts'
import { findUnsupportedPss } from '../algorithms/pss-restriction.ts'
import { readCertificateFields } from './certificate-fields.ts'

/** For messages. */
export const SUPPORTED_KEYS = 'RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521'

/** What keeps a certificate's key from signing here; undefined for RSA with 2048 to 4096 bits, and EC on three curves. */
export function findKeyProblem(certificate: X509Certificate): string | undefined {
  const unsupported = findUnsupportedKey(publicKeyOf(certificate), publicKeyInfoOf(certificate))
  return (
    unsupported &&
    `the signer certificate must have a key that is ${SUPPORTED_KEYS}; this one has ${unsupported}`
  )
}

/**
 * Describes a key that cannot sign here, in words; returns undefined where it can.
 *
 * @param publicKeyInfo DER of the key as somebody encoded it
 */
export function findUnsupportedKey(
  key: KeyObject | undefined,
  publicKeyInfo: Buffer | undefined = key?.export({ type: 'spki', format: 'der' }),
): string | undefined {
  if (publicKeyInfo !== undefined && hasExplicitCurve(publicKeyInfo)) {
    return OWN_EXPLICIT_CURVE
  }
  return key !== undefined && isSupported(key) ? undefined : describe(key)
}

function isSupported(key: KeyObject): boolean {
  const bits = rsaBitsOf(key)
  if (bits === undefined) {
    return curveOf(key) !== undefined
  }
  return bits >= 2048 && bits <= 4096 && findUnsupportedPss(key) === undefined
}

/** The type rsa-pss is RSA too, for keys whose certificates restrict them to PSS (RFC 4055 1.2). */
function rsaBitsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): number | undefined {
  return ['rsa', 'rsa-pss'].includes(`${asymmetricKeyType}`) ? asymmetricKeyDetails?.modulusLength : undefined
}

function describe(key: KeyObject | undefined): string {
  if (key === undefined) {
    return 'a key of an unknown type'
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  const bits = rsaBitsOf(key)
  if (bits !== undefined) {
    return findUnsupportedPss(key) ?? `RSA with ${bits} bits`
  }
  return type === 'ec' ? `EC on ${details?.namedCurve}` : `a key of type ${type}`
}

/**
 * The public exponents of RSA that are used, in 64 bits. OpenSSL has this limit for keys of more than 3072 bits; below,
 * a signature of somebody who wants that takes 20 ms to verify, and certificates can come in dozens.
 */
const MAX_EXPONENT = 2n ** 64n - 1n

/**
 * Returns a certificate's public key; undefined where it is of a kind that OpenSSL does not know, or an RSA key whose
 * exponent has more than 64 bits.
 */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    const { publicKey } = certificate
    const { publicExponent = 0n } = publicKey.asymmetricKeyDetails as AsymmetricKeyDetails
    return publicExponent > MAX_EXPONENT ? undefined : publicKey
  } catch {
    return undefined
  }
}

/** DER SubjectPublicKeyInfo as it stands in a certificate; undefined where that is not DER. */
function publicKeyInfoOf(certificate: X509Certificate): Buffer | undefined {
  try {
    return readCertificateFields(certificate).publicKeyInfo
  } catch {
    return undefined
  }
}
