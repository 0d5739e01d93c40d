/** Types of an entry of the signers file, and of the context in which it is read. */
import type { X509Certificate } from 'node:crypto'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ContainerDefaults } from './container.ts'
import type { GivenPath } from './given-path.ts'
import type { LibraryConfiguration, PinSource, RawSigning, TokenSelector } from './signer-configuration.ts'

/** A signer of the file, without properties that the schema does not allow. */
export interface FileEntry extends SignerEntry {
  readonly name: string
  /** True if the schema allows all properties. Otherwise a property may only seem to be missing. */
  readonly isValid: boolean
}

export interface TokenContext {
  /** Folder in which relative paths start. */
  readonly folder: string
  /** The token that HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL and HSM_SLOT select. */
  readonly token: TokenSelector
  /** Returns HSM_MODULE with its parameters. Adds a problem if it is missing. */
  readonly library: () => LibraryConfiguration
  /** Returns the source of the PIN of the environment. Adds a problem if it is missing. */
  readonly pin: () => PinSource
  readonly problems: ConfigurationProblem[]
  readonly warnings: string[]
}

export interface FileContext extends TokenContext {
  /** Value of HASH_ALGORITHMS. */
  readonly hashAlgorithms: readonly HashAlgorithm[]
  /** Value of RAW_SIGNING. */
  readonly rawSigning: RawSigning
  /** Settings of containers from variables. */
  readonly containers: ContainerDefaults
  readonly readCertificates: (setting: string, file: GivenPath) => readonly X509Certificate[] | undefined
}
