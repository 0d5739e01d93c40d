import type { KeyObject, X509Certificate } from 'node:crypto'
import { curveOf, hasExplicitCurve, OWN_EXPLICIT_CURVE } from '../algorithms/elliptic-curves.ts'
import { keyDetails } from '../algorithms/key-details.ts'
import { isPointAtInfinity } from '../algorithms/public-key.ts'
import { findUnknownPss, findUnsupportedPss, type RsaDetails } from '../algorithms/rsa-pss.ts'
import { readCertificateFields } from './certificate-fields.ts'

/** The supported keys, for messages. */
export const SUPPORTED_KEYS = 'RSA with 2048 to 4096 bits, or EC on P-256, P-384 or P-521'

/** Finds what keeps a signer certificate's key from signing here, as a sentence. */
export function findKeyProblem(certificate: X509Certificate): string | undefined {
  const unsupported = findUnsupportedKey(readPublicKey(certificate), publicKeyInfoOf(certificate))
  return (
    unsupported &&
    `the signer certificate must have a key that is ${SUPPORTED_KEYS}; this one has ${unsupported}`
  )
}

/**
 * Describes a key if it cannot sign here.
 *
 * @param publicKeyInfo DER as it was received, which may spell out the curve
 */
export function findUnsupportedKey(
  key: KeyObject | undefined,
  publicKeyInfo: Buffer | undefined = key?.export({ type: 'spki', format: 'der' }),
): string | undefined {
  if (key !== undefined && isPointAtInfinity(key)) {
    return 'the point at infinity in place of a key'
  }
  if (publicKeyInfo !== undefined && hasExplicitCurve(publicKeyInfo)) {
    return OWN_EXPLICIT_CURVE
  }
  if (key === undefined) {
    return 'a key of an unknown type'
  }
  const { asymmetricKeyType: type } = key
  const details = keyDetails(key)
  // Node's type rsa-pss is for keys that are restricted to PSS (RFC 4055 1.2)
  if (type === 'rsa' || type === 'rsa-pss') {
    const { modulusLength: bits } = details as RsaDetails
    const unsupported = findUnsupportedPss(key) ?? findUnknownPss(publicKeyInfo as Buffer)
    return unsupported ?? (bits < 2048 || bits > 4096 ? `RSA with ${bits} bits` : undefined)
  }
  if (curveOf(key) !== undefined) {
    return undefined
  }
  return type === 'ec' ? `EC on ${details.namedCurve}` : `a key of type ${type}`
}

/**
 * The largest public exponent of RSA. OpenSSL has this limit only for keys of more than 3072 bits. Without it, a
 * hostile signature takes 20 ms to verify, and certificates can come in dozens.
 */
const MAX_EXPONENT = 2n ** 64n - 1n

/** The longest modulus, in bits. OpenSSL takes 3 to 30 ms for those that it allows. */
const MAX_BITS = 8192

/** Names of curves over prime fields, in node:crypto's spelling. OpenSSL takes up to 5 ms for a signature on others. */
const PRIME_CURVE = /^(?:prime|secp|brainpool)/

/** Types of keys whose signatures are verified, as node:crypto names them. Node.js 24 knows further ones, which Node.js 20 does not. */
const KNOWN_TYPES: readonly (string | undefined)[] = ['rsa', 'rsa-pss', 'ec', 'ed25519', 'ed448']

/** Returns a certificate's public key; undefined if its type is not one of those above, or verifying with it takes long. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  const publicKey = readPublicKey(certificate)
  return KNOWN_TYPES.includes(publicKey?.asymmetricKeyType) && isQuick(publicKey as KeyObject)
    ? publicKey
    : undefined
}

function readPublicKey(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey
  } catch {
    return undefined
  }
}

/** Returns whether verifying a signature takes some 1 ms at most. */
function isQuick(key: KeyObject): boolean {
  const { publicExponent = 0n, modulusLength = 0, namedCurve = '' } = keyDetails(key)
  return (
    publicExponent <= MAX_EXPONENT &&
    modulusLength <= MAX_BITS &&
    (key.asymmetricKeyType !== 'ec' || PRIME_CURVE.test(namedCurve))
  )
}

/** Returns the DER SubjectPublicKeyInfo as it is in a certificate; undefined if that is not DER. */
function publicKeyInfoOf(certificate: X509Certificate): Buffer | undefined {
  try {
    return readCertificateFields(certificate).publicKeyInfo
  } catch {
    return undefined
  }
}
