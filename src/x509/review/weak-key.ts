import type { AsymmetricKeyDetails, KeyObject, X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { EXPLICIT_CURVE, hasExplicitCurve } from '../../algorithms/explicit-curve.ts'
import { readCertificateFields } from '../certificate-fields.ts'
import { publicKeyOf } from '../key-type.ts'

/** The least that publicly trusted authorities may certify (CA/Browser Forum, Baseline Requirements 6.1.5). */
const RSA_BITS = 2048
const EC_BITS = 256
/** The keys that are not weak, for messages. */
export const GOOD_KEYS = `RSA with at least ${RSA_BITS} bits, or EC with at least ${EC_BITS}`
/** First octets of compressed points, which have one coordinate; others have two (SEC 1 2.3.3, X9.62 4.3.6). */
const COMPRESSED: readonly (number | undefined)[] = [2, 3]

/**
 * Describes a certificate's key if it can be broken, or cannot sign.
 *
 * @throws Error when the certificate is not DER
 */
export function findWeakKey(certificate: X509Certificate): string | undefined {
  if (hasExplicitCurve(readCertificateFields(certificate).publicKeyInfo)) {
    return EXPLICIT_CURVE
  }
  const key = publicKeyOf(certificate)
  switch (key?.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      return findWeakRsa(key.asymmetricKeyDetails as RsaDetails)
    }
    case 'ec': {
      const bits = fieldBits(key)
      return bits < EC_BITS ? `EC with ${bits} bits` : undefined
    }
    case 'ed25519':
    case 'ed448':
      return undefined
    default:
      return key === undefined ? 'one of an unknown type' : `one of type ${key.asymmetricKeyType}`
  }
}

type RsaDetails = Required<Pick<AsymmetricKeyDetails, 'modulusLength' | 'publicExponent'>>

/** Checks size and exponent, which must be odd and at least 3 (FIPS 186-5 A.1.1): with 1, everybody could sign. */
function findWeakRsa({ modulusLength: bits, publicExponent: exponent }: RsaDetails): string | undefined {
  if (bits < RSA_BITS) {
    return `RSA with ${bits} bits`
  }
  return exponent < 3n || exponent % 2n === 0n ? `RSA with the public exponent ${exponent}` : undefined
}

/** Returns the size of a curve from the length of a point, since Node knows only the curve's name. */
function fieldBits(key: KeyObject): number {
  const { subjectPublicKey } = pkijs.PublicKeyInfo.fromBER(key.export({ type: 'spki', format: 'der' }))
  const [form, ...coordinates] = subjectPublicKey.valueBlock.valueHexView
  return COMPRESSED.includes(form) ? coordinates.length * 8 : coordinates.length * 4
}
