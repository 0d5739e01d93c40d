/** Builds the certificate of a signer with its chain, and reviews them. */
import type { X509Certificate } from 'node:crypto'
import { digest, HASH_ALGORITHMS } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { chooseSignatureAlgorithm } from '../algorithms/signature-algorithms.ts'
import { ContainerTemplate } from '../cms/container-template.ts'
import { defined } from '../common/defined.ts'
import { ConfigurationError, type ConfigurationProblem, refuseProblems } from '../errors.ts'
import { buildChain } from '../x509/chain.ts'
import { findKeyProblem } from '../x509/key-type.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { reviewCertificates } from '../x509/review/certificate-review.ts'
import { findMissingRevocationSources } from '../x509/review/warnings.ts'
import { validityPeriod } from '../x509/validity.ts'
import { findUnfitAlgorithm } from './algorithm-fit.ts'
import type { ContainerConfiguration } from './container-configuration.ts'
import { problemWith } from './problem.ts'
import type { CertificateFiles, SignerCertificate, SignerConfiguration } from './signer-configuration.ts'

type CertifiedConfiguration = CertificateFiles &
  Pick<SignerConfiguration, 'settings' | 'algorithm' | 'container'>

/**
 * Builds the certificate of a signer from its files; returns undefined if it is on the token.
 *
 * @throws ConfigurationError if its key is not supported, or the review of its chain found problems
 */
export function certificateFromFiles(configuration: CertifiedConfiguration): SignerCertificate | undefined {
  const [leaf, ...following] = configuration.certificates ?? []
  if (leaf === undefined) {
    return undefined
  }
  const { certificatePath } = configuration.settings
  const describe = (setting: string, wrong: string) => problemWith(setting, wrong, certificatePath)
  return createCertificate(leaf, following, configuration, describe)
}

/**
 * Builds the certificate of a signer from its object on the token.
 *
 * @param certificate DER
 * @throws ConfigurationError as `certificateFromFiles` does
 */
export function certificateFromToken(
  certificate: Uint8Array,
  configuration: CertifiedConfiguration,
): SignerCertificate {
  const leaf = readCertificate(certificate)
  const { algorithm, settings } = configuration
  // The message names no path, since the setting would replace the certificate on the token
  const describe = (variable: string, message: string) => ({ variable, message: `on the token: ${message}` })
  const signerCertificate = createCertificate(leaf, [], configuration, describe)
  // Certificates in files are checked where they are read
  const unfit = algorithm && findUnfitAlgorithm(leaf.publicKey, algorithm)
  if (unfit !== undefined) {
    throw new ConfigurationError([problemWith(settings.algorithm, unfit)])
  }
  return signerCertificate
}

/**
 * Builds the chain of a certificate, and reviews it.
 *
 * @param following further certificates of the same file
 * @param describe describes a problem of the leaf, or of one of those
 */
function createCertificate(
  certificate: X509Certificate,
  following: readonly X509Certificate[],
  { caCertificates, settings, algorithm, container }: CertifiedConfiguration,
  describe: (setting: string, wrong: string) => ConfigurationProblem,
): SignerCertificate {
  const unsupported = findKeyProblem(certificate)
  if (unsupported !== undefined) {
    throw new ConfigurationError([describe(settings.certificate, unsupported)])
  }
  const { publicKey } = certificate
  const at = new Date()
  const chain = buildChain(certificate, [...following, ...caCertificates], at)
  const review = reviewCertificates({ leaf: certificate, following, caCertificates, chain, at })
  refuseProblems(
    review.problems.map(({ of, message }) =>
      of === 'caCertificates'
        ? problemWith(settings.caCertificates, message, settings.caPath)
        : describe(settings.certificate, message),
    ),
  )
  const path = [certificate, ...chain.issuers] as const
  const unprovable = container.level === 'b-lt' ? findMissingRevocationSources(path) : []
  if (container.revocationFallback === 'refuse') {
    refuseProblems(unprovable.map((why) => describeUnreachable(settings.certificate, why)))
  }
  const chosen = chooseSignatureAlgorithm(publicKey, algorithm)
  return {
    ...chain,
    digests: new Map(
      HASH_ALGORITHMS.map((algorithm) => [algorithm.name, digest(algorithm, certificate.raw)]),
    ),
    warnings: [...review.warnings, ...unprovable.map((why) => `containers have level b-t, not b-lt: ${why}`)],
    certificate,
    publicKey,
    algorithm: chosen,
    path,
    template: createTemplate(path, chosen, container),
    validity: path.map(validityPeriod),
  }
}

function describeUnreachable(variable: string, why: string): ConfigurationProblem {
  const message =
    `containers of level b-lt cannot be made: ${why}, or choose another level (LEVEL, or level of the signer), or what is ` +
    'made in their place (REVOCATION_FALLBACK, or revocationFallback of the signer)'
  return {
    variable,
    message,
    publicMessage: 'level b-lt is out of reach of a chain about which nobody can be asked',
  }
}

function createTemplate(
  path: SignerCertificate['path'],
  algorithm: SignatureAlgorithm,
  { rsaSignatureIdentifier, policy, commitmentType, location }: ContainerConfiguration,
): ContainerTemplate {
  const [leaf, ...issuers] = path
  return new ContainerTemplate({
    certificates: [leaf.raw, ...issuers.map(({ raw }) => raw)],
    algorithm,
    rsaSignatureIdentifier,
    statements: defined({ policy, commitmentType, location }),
  })
}
