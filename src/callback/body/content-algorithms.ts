import { findHashAlgorithm, type HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignerRules } from '../../configuration/signer-configuration.ts'
import type { Before, ChooseAlgorithms } from './body-text.ts'

/** Fields that can be contents of megabytes. */
const CONTENTS: readonly string[] = ['encoded_contents', 'encodedContents', 'data_to_be_signed']

/** Those who may be asked to sign. */
export interface RuledSigners {
  all(): readonly { readonly rules: Pick<SignerRules, 'hashAlgorithms'> }[]
}

/**
 * What contents are hashed with while they arrive: with the algorithm that was named before them, or else with each that
 * may yet be named, since once hashed they are gone.
 */
export function contentAlgorithms(signers: RuledSigners): ChooseAlgorithms {
  return (before: Before | undefined): readonly HashAlgorithm[] => {
    if (before !== undefined && !CONTENTS.includes(before.field)) {
      return []
    }
    const name = before?.fields.hash_algorithm
    if (typeof name === 'string') {
      // What nobody knows is refused when all is read
      return [findHashAlgorithm(name)].filter((algorithm) => algorithm !== undefined)
    }
    return [...new Set(signers.all().flatMap(({ rules }) => rules.hashAlgorithms))]
  }
}
