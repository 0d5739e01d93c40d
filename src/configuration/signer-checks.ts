import type { ConfigurationError, ConfigurationProblem } from '../errors.ts'
import { checkHashAlgorithms } from './algorithm-fit.ts'
import { signerFromFiles } from './signer-certificate.ts'
import type { SignersConfiguration } from './signer-configuration.ts'

/** What can be told of the certificates in files before a token is reached. */
export function findCertificateProblems({ signers }: SignersConfiguration): ConfigurationProblem[] {
  return signers.flatMap((signer) => {
    try {
      const described = signerFromFiles(signer)
      // If none is configured, that problem has been told
      if (described !== undefined && signer.rules.hashAlgorithms.length > 0) {
        checkHashAlgorithms(signer, described.algorithm)
      }
      return []
    } catch (error) {
      return (error as ConfigurationError).problems
    }
  })
}
