import type { KeyObject } from 'node:crypto'
import { ECDSA } from './ecdsa.ts'
import { RSA_PKCS1 } from './rsa-pkcs1.ts'
import { RSA_PSS, rsaPssFor } from './rsa-pss.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'

/** Of several for a key, the first is the one that more software verifies. */
export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [RSA_PKCS1, RSA_PSS, ECDSA]

/**
 * @param name one that fits the type of the key, as was checked where it was configured; undefined for the default
 * @throws TypeError for a key that is neither RSA nor EC
 */
export function chooseSignatureAlgorithm(
  publicKey: KeyObject,
  name: SignatureAlgorithm['name'] | undefined,
): SignatureAlgorithm {
  const named = SIGNATURE_ALGORITHMS.find((one) => one.name === name)
  return named === undefined ? defaultSignatureAlgorithm(publicKey) : withRestriction(named, publicKey)
}

/**
 * The algorithm for a key where none is asked for: for RSA that of PKCS#1 v1.5, unless the key says that it is for
 * PSS alone (RFC 4055 1.2).
 *
 * @throws TypeError for a key that is neither RSA nor EC
 */
export function defaultSignatureAlgorithm(publicKey: KeyObject): SignatureAlgorithm {
  const type = `${publicKey.asymmetricKeyType}`
  const algorithm = SIGNATURE_ALGORITHMS.find(({ keyTypes }) => keyTypes.includes(type))
  if (algorithm === undefined) {
    throw new TypeError(`keys of type ${type} do not sign here`)
  }
  return withRestriction(algorithm, publicKey)
}

/** Returns the algorithm with what the certificate of the key restricts it to. */
function withRestriction(algorithm: SignatureAlgorithm, publicKey: KeyObject): SignatureAlgorithm {
  return algorithm === RSA_PSS ? rsaPssFor(publicKey) : algorithm
}
