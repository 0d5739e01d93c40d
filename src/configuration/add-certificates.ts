import type { ConfigurationError, ConfigurationProblem } from '../errors.ts'
import { checkHashAlgorithms } from './algorithm-fit.ts'
import { certificateFromFiles } from './signer-certificate.ts'
import type { SignerConfiguration, SignersConfiguration } from './signer-configuration.ts'

/**
 * Builds the certificates of signers from their files.
 *
 * @param problems gets those of certificates that no signer can use
 */
export function addCertificates(
  { signers, ...rest }: SignersConfiguration,
  problems: ConfigurationProblem[],
): SignersConfiguration {
  return { ...rest, signers: signers.map((signer) => addCertificate(signer, problems)) }
}

function addCertificate(signer: SignerConfiguration, problems: ConfigurationProblem[]): SignerConfiguration {
  try {
    const signerCertificate = certificateFromFiles(signer)
    if (signerCertificate === undefined) {
      return signer
    }
    // If none is configured, that problem was reported before
    if (signer.rules.hashAlgorithms.length > 0) {
      checkHashAlgorithms(signer, signerCertificate.algorithm)
    }
    return { ...signer, signerCertificate }
  } catch (error) {
    problems.push(...(error as ConfigurationError).problems)
    return signer
  }
}
