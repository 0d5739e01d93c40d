import type { AsymmetricKeyDetails, KeyObject } from 'node:crypto'

/**
 * Returns what Node.js tells of a key: bits, curve, or parameters.
 *
 * @returns an empty object for a DSA key, which signs nothing here: Node.js 20 would end the process for one with a negative number, and
 *   everybody can send one in a certificate
 */
export function keyDetails(key: KeyObject): AsymmetricKeyDetails {
  return key.asymmetricKeyType === 'dsa' ? {} : (key.asymmetricKeyDetails ?? {})
}
