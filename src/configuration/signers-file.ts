import type { Environment } from '../../schemas/configuration.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { HashAlgorithm } from '../signature/hash-algorithms.ts'
import type { SignersConfiguration } from './signer-configuration.ts'
import type { GivenVariables } from './variables.ts'

/** @returns what can be made of the file, whole where no problem was found */
export function readSignersFile(
  _given: GivenVariables,
  _values: Partial<Environment>,
  _hashAlgorithms: readonly HashAlgorithm[],
  _problems: ConfigurationProblem[],
): SignersConfiguration {
  throw new Error('to be written')
}
