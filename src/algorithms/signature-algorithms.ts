import type { KeyObject } from 'node:crypto'
import { ECDSA, ECDSA_WITH_HASH } from './ecdsa.ts'
import { RSA_PKCS1, RSA_WITH_HASH } from './rsa-pkcs1.ts'
import { RSA_PSS, rsaPssFor } from './rsa-pss.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'

/** The algorithms in the order of preference: more software verifies the first that fits a key. */
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [RSA_PKCS1, RSA_PSS, ECDSA]

/** Object identifiers of the signatures over certificates that all validators know, by RSASSA-PKCS1-v1_5 and ECDSA with SHA-1 and SHA-2. */
export const USUAL_SIGNATURES: ReadonlySet<string> = new Set([
  ...Object.values(RSA_WITH_HASH),
  ...Object.values(ECDSA_WITH_HASH),
])

/**
 * Returns the algorithm for a key, with the restrictions of the key's certificate.
 *
 * @param name fits the type of the key, as the configuration has checked. By default it is PKCS#1 v1.5 for RSA, unless
 * the key is for PSS alone (RFC 4055 1.2)
 * @throws TypeError for a key that is neither RSA nor EC
 */
export function chooseSignatureAlgorithm(
  publicKey: KeyObject,
  name?: SignatureAlgorithm['name'],
): SignatureAlgorithm {
  const type = `${publicKey.asymmetricKeyType}`
  const algorithm = SIGNATURE_ALGORITHMS.find((one) =>
    name === undefined ? one.keyTypes.includes(type) : one.name === name,
  )
  if (algorithm === undefined) {
    throw new TypeError(`keys of type ${type} do not sign here`)
  }
  return algorithm === RSA_PSS ? rsaPssFor(publicKey) : algorithm
}
