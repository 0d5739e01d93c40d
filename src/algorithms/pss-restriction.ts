/** Reads the parameters that restrict a key to some RSASSA-PSS signatures (RFC 4055 3.3). */
import type { AsymmetricKeyDetails, KeyObject } from 'node:crypto'
import { HASH_ALGORITHMS } from './hash-algorithms.ts'
import type { PssParameters } from './pss-parameters.ts'

/** Details of an RSA key, whose modulus Node always has. */
type RsaDetails = AsymmetricKeyDetails & { readonly modulusLength: number }

/**
 * Returns the hash that signatures must have, and the shortest salt; undefined if the key has no such parameters, or
 * unsupported ones, which `findUnsupportedPss` describes.
 */
export function readPssRestriction({ asymmetricKeyDetails }: KeyObject): PssParameters | undefined {
  const { hashAlgorithm, saltLength } = asymmetricKeyDetails as AsymmetricKeyDetails
  const hash = HASH_ALGORITHMS.find(({ nodeName }) => nodeName === hashAlgorithm)
  return hash === undefined || saltLength === undefined ? undefined : { hash, saltLength }
}

/** Describes the parameters of an RSA key if this service cannot sign with them. */
export function findUnsupportedPss(publicKey: KeyObject): string | undefined {
  const { hashAlgorithm, mgf1HashAlgorithm, modulusLength } = publicKey.asymmetricKeyDetails as RsaDetails
  if (hashAlgorithm === undefined) {
    return undefined
  }
  const restriction = readPssRestriction(publicKey)
  if (restriction === undefined) {
    return `RSASSA-PSS parameters with the hash ${hashAlgorithm}`
  }
  // RFC 4055 3.1 recommends the same hash, and tokens refuse others
  if (mgf1HashAlgorithm !== hashAlgorithm) {
    return `RSASSA-PSS parameters with two hashes (${hashAlgorithm}, and ${mgf1HashAlgorithm} for MGF1)`
  }
  const { hash, saltLength } = restriction
  // The padding must have room for the digest and the salt (RFC 8017 9.1.1, step 3)
  const room = Math.ceil((modulusLength - 1) / 8) - hash.digestLength - 2
  return saltLength > room
    ? `RSASSA-PSS parameters with a salt of ${saltLength} bytes, where its ${modulusLength} bits have room for ${room}`
    : undefined
}
