import type { KeyObject, X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { publicKeyOf } from '../../signers/key-type.ts'

/** The least that publicly trusted authorities may certify (CA/Browser Forum, Baseline Requirements 6.1.5). */
const RSA_BITS = 2048
const EC_BITS = 256
/** For messages. */
export const GOOD_KEYS = `RSA with at least ${RSA_BITS} bits, or EC with at least ${EC_BITS}`
/** SEC 1 2.3.3. */
const UNCOMPRESSED = 4

/** Names a certificate's key if it can be broken, or is of no type that signs; undefined if it is good. */
export function describeWeakKey(certificate: X509Certificate): string | undefined {
  const key = publicKeyOf(certificate)
  switch (key?.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      const { modulusLength: bits } = key.asymmetricKeyDetails as { modulusLength: number }
      return bits < RSA_BITS ? `RSA with ${bits} bits` : undefined
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

/** Node only tells a curve's name. A point is its form, and one coordinate or two. */
function fieldBits(key: KeyObject): number {
  const { subjectPublicKey } = pkijs.PublicKeyInfo.fromBER(key.export({ type: 'spki', format: 'der' }))
  const [form, ...coordinates] = subjectPublicKey.valueBlock.valueHexView
  return form === UNCOMPRESSED ? coordinates.length * 4 : coordinates.length * 8
}
