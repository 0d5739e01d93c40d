import { findHashAlgorithm, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignerRules } from '../../configuration/signer-configuration.ts'
import type { ChooseAlgorithms, PrecedingFields } from './body-text.ts'

/** Fields whose values can have megabytes. */
const CONTENT_FIELDS: readonly string[] = ['encoded_contents', 'encodedContents', 'data_to_be_signed']

/** The signers, with the hash algorithms that each allows. */
export interface SignersWithRules {
  all(): readonly { readonly rules: Pick<SignerRules, 'hashAlgorithms'> }[]
}

/**
 * Returns a function that chooses how contents are hashed while they arrive: with the algorithm that was named before
 * them, or with each that may still be named, since contents are not kept.
 */
export function createAlgorithmChooser(signers: SignersWithRules): ChooseAlgorithms {
  return (before: PrecedingFields | undefined): readonly HashAlgorithm[] => {
    if (before !== undefined && !CONTENT_FIELDS.includes(before.field)) {
      return []
    }
    const name = before?.fields.hash_algorithm
    if (typeof name === 'string') {
      // An unknown algorithm is refused when the whole body was read
      return [findHashAlgorithm(name)].filter((algorithm) => algorithm !== undefined)
    }
    return [...new Set(signers.all().flatMap(({ rules }) => rules.hashAlgorithms))]
  }
}
