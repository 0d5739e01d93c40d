/** Reads which signatures a certificate allows of a key for RSASSA-PSS alone: its key has parameters (RFC 4055 3.3). */
import type { AsymmetricKeyDetails, KeyObject } from 'node:crypto'
import { HASH_ALGORITHMS } from './hash-algorithms.ts'
import type { PssParameters } from './pss-parameters.ts'

/** Node has a modulus for every RSA key. */
type RsaDetails = AsymmetricKeyDetails & { readonly modulusLength: number }

/**
 * Returns the hash that signatures must have, and the shortest salt; undefined where the key has no such parameters, or
 * has some that are not supported, which `findUnsupportedPss` tells.
 */
export function readPssRestriction({ asymmetricKeyDetails }: KeyObject): PssParameters | undefined {
  const { hashAlgorithm, saltLength } = asymmetricKeyDetails as AsymmetricKeyDetails
  const hash = HASH_ALGORITHMS.find(({ nodeName }) => nodeName === hashAlgorithm)
  return hash === undefined || saltLength === undefined ? undefined : { hash, saltLength }
}

/** Describes the parameters of an RSA key that nothing can be signed with here; returns undefined where it can. */
export function findUnsupportedPss(publicKey: KeyObject): string | undefined {
  const { hashAlgorithm, mgf1HashAlgorithm, modulusLength } = publicKey.asymmetricKeyDetails as RsaDetails
  if (hashAlgorithm === undefined) {
    return undefined
  }
  const restriction = readPssRestriction(publicKey)
  if (restriction === undefined) {
    return `RSASSA-PSS parameters with the hash ${hashAlgorithm}`
  }
  // RFC 4055 3.1 recommends the same one; tokens refuse others
  if (mgf1HashAlgorithm !== hashAlgorithm) {
    return `RSASSA-PSS parameters with two hashes (${hashAlgorithm}, and ${mgf1HashAlgorithm} for MGF1)`
  }
  const { hash, saltLength } = restriction
  // RFC 8017 9.1.1, step 3: the padding must have room for the digest and the salt
  const room = Math.ceil((modulusLength - 1) / 8) - hash.digestLength - 2
  return saltLength > room
    ? `RSASSA-PSS parameters with a salt of ${saltLength} bytes, where its ${modulusLength} bits have room for ${room}`
    : undefined
}
