import { findHashAlgorithm, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignerRules } from '../../configuration/signer-configuration.ts'
import type { Before, ChooseAlgorithms } from './body-text.ts'

/** Fields whose values can have megabytes. */
const CONTENTS: readonly string[] = ['encoded_contents', 'encodedContents', 'data_to_be_signed']

/** The signers, with the hash algorithms that each allows. */
export interface RuledSigners {
  all(): readonly { readonly rules: Pick<SignerRules, 'hashAlgorithms'> }[]
}

/**
 * Returns a function that chooses how contents are hashed while they arrive: with the algorithm that was named before
 * them, or with each that may still be named, since contents are not kept.
 */
export function contentAlgorithms(signers: RuledSigners): ChooseAlgorithms {
  return (before: Before | undefined): readonly HashAlgorithm[] => {
    if (before !== undefined && !CONTENTS.includes(before.field)) {
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
