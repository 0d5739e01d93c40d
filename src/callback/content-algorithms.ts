import { findHashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignerRules } from '../configuration/signer-configuration.ts'
import { type ChooseAlgorithms, certificatesTooLarge } from '../requests/body/body-text.ts'

/** Fields that hold documents. */
export const DOCUMENT_FIELDS: readonly string[] = ['encoded_contents', 'encodedContents']

/** Fields whose values can have megabytes. */
const CONTENT_FIELDS: readonly string[] = [...DOCUMENT_FIELDS, 'data_to_be_signed']

/** The signers, with the hash algorithms that each allows. */
interface AllowingSigners {
  all(): readonly { readonly rules: Pick<SignerRules, 'hashAlgorithms'> }[]
}

/**
 * Returns a function that chooses how contents are hashed while they arrive: with the algorithm that was named before
 * them, or with each that may still be named, since contents are not kept. It refuses contents for get_certificates.
 */
export function createAlgorithmChooser(signers: AllowingSigners): ChooseAlgorithms {
  return (before) => {
    if (before?.fields.action === 'get_certificates') {
      throw certificatesTooLarge()
    }
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
