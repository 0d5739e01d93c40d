/** One entry of the signers file, and what it takes to read it. */
import type { X509Certificate } from 'node:crypto'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { ConfigurationProblem } from '../errors.ts'
import type { ContainerDefaults } from './container.ts'
import type { GivenPath } from './given-path.ts'
import type { LibraryConfiguration, PinSource, RawSigning, TokenSelector } from './signer-configuration.ts'

/** A signer as it stands in the file, without what the schema does not allow. */
export interface FileEntry extends SignerEntry {
  readonly name: string
  /** Whether the schema allows all of it: else what seems to be missing may be in what is wrong. */
  readonly sound: boolean
}

export interface TokenContext {
  /** Where relative paths start. */
  readonly folder: string
  /** What HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL and HSM_SLOT select. */
  readonly token: TokenSelector
  /** HSM_MODULE with its parameters, and the PIN of the environment: a problem when they are asked for and not there. */
  readonly library: () => LibraryConfiguration
  readonly pin: () => PinSource
  readonly problems: ConfigurationProblem[]
  readonly warnings: string[]
}

/** What the signers of a file have in common. */
export interface FileContext extends TokenContext {
  /** HASH_ALGORITHMS. */
  readonly hashAlgorithms: readonly HashAlgorithm[]
  /** RAW_SIGNING. */
  readonly rawSigning: RawSigning
  /** What the variables say of containers. */
  readonly containers: ContainerDefaults
  readonly readCertificates: (setting: string, file: GivenPath) => readonly X509Certificate[] | undefined
}
