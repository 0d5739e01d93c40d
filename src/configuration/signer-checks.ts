import type { ConfigurationError, ConfigurationProblem } from '../errors.ts'
import { signerFromFiles } from '../signers/signer.ts'
import type { SignersConfiguration } from './signer-configuration.ts'

/** What can be told of the certificates in files before a token is reached. */
export function findCertificateProblems({ signers }: SignersConfiguration): ConfigurationProblem[] {
  return signers.flatMap((signer) => {
    try {
      signerFromFiles(signer)
      return []
    } catch (error) {
      return (error as ConfigurationError).problems
    }
  })
}
