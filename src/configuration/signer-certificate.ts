/** Builds the certificate of a signer with its chain, reviews them, and finds the algorithms that it allows. */
import type { KeyObject, X509Certificate } from 'node:crypto'
import { digest, HASH_ALGORITHMS, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { RSA_PKCS1 } from '../algorithms/rsa-pkcs1.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { chooseSignatureAlgorithm, SIGNATURE_ALGORITHMS } from '../algorithms/signature-algorithms.ts'
import { ContainerTemplate } from '../cms/container-template.ts'
import { defined } from '../common/defined.ts'
import { listSome } from '../common/quote.ts'
import { ConfigurationError, type ConfigurationProblem, refuseProblems } from '../errors.ts'
import { findKeyProblem } from '../x509/key-type.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { reviewSigner } from '../x509/review/certificate-review.ts'
import { bestFirst } from '../x509/review/signer-candidates.ts'
import { findMissingRevocationSources } from '../x509/review/warnings.ts'
import { describeSubject, findValidityProblem, validityPeriod } from '../x509/validity.ts'
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
 * Builds the certificate of a signer from the objects on the token: of those that can be used the one that `bestFirst` prefers.
 *
 * @param certificates DER of all that belong to the key, at least one
 * @param present the one that is in use, which is kept while it is among them and valid: a token that is opened anew changes no signer
 * @throws ConfigurationError as `certificateFromFiles` and `checkHashAlgorithms` do, if none can be used
 */
export function certificateFromToken(
  certificates: readonly Uint8Array[],
  configuration: CertifiedConfiguration & Pick<SignerConfiguration, 'rules'>,
  present?: Pick<SignerCertificate, 'certificate' | 'validity'>,
): SignerCertificate {
  // The message names no path, since the setting would replace the certificate on the token
  const describe = (variable: string, message: string) => ({ variable, message: `on the token: ${message}` })
  const { caCertificates, rules } = configuration
  const ranked = bestFirst(certificates.map(readCertificate), caCertificates, rules.minimumDaysLeft)
  const isValid = present && !findValidityProblem(present.validity, new Date(), rules.minimumDaysLeft)
  const kept = ranked.filter(({ raw }) => isValid && present.certificate.raw.equals(raw))
  const candidates = [...kept, ...ranked.filter((one) => !kept.includes(one))]
  const refusals: ConfigurationError[] = []
  for (const candidate of candidates) {
    try {
      const signerCertificate = createCertificate(candidate, [], configuration, describe)
      checkHashAlgorithms(configuration, signerCertificate.algorithm)
      return { ...signerCertificate, unused: candidates.filter((one) => one !== candidate) }
    } catch (error) {
      refusals.push(error as ConfigurationError)
    }
  }
  const [first, ...others] = refusals as [ConfigurationError, ...ConfigurationError[]]
  if (others.length === 0) {
    throw first
  }
  const several =
    `of the ${candidates.length} certificates of the private key none can be used: ${listSome(candidates, nameCertificate)}; ` +
    `configure another one, or import it with "signing-service import-cert"; ${DELETE_ADVICE}`
  throw new ConfigurationError([...first.problems, describe(configuration.settings.certificate, several)])
}

const DELETE_ADVICE = '"signing-service certs" lists them, and "signing-service delete-cert" deletes one'

function nameCertificate(certificate: X509Certificate): string {
  return `${describeSubject(certificate)}, serial number ${certificate.serialNumber}`
}

/** Returns a warning that names the certificates on the token that are not used; undefined if there are none. */
export function warnAboutUnused({
  certificate,
  unused,
}: Pick<SignerCertificate, 'certificate' | 'unused'>): string | undefined {
  return unused.length === 0
    ? undefined
    : `the token holds ${unused.length + 1} certificates of the private key: used is ${nameCertificate(certificate)}; not used: ` +
        `${listSome(unused, nameCertificate)}; ${DELETE_ADVICE}`
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
  const { chain, ...review } = reviewSigner({ leaf: certificate, following, caCertificates })
  const unfit = algorithm && findUnfitAlgorithm(publicKey, algorithm)
  refuseProblems([
    ...(unfit === undefined ? [] : [problemWith(settings.algorithm, unfit, algorithm)]),
    ...review.problems.map(({ of, message }) =>
      of === 'caCertificates'
        ? problemWith(settings.caCertificates, message, settings.caPath)
        : describe(settings.certificate, message),
    ),
  ])
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
    unused: [],
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

/** Returns why a supported key cannot sign with an algorithm; undefined if it can. */
function findUnfitAlgorithm(publicKey: KeyObject, algorithm: SignatureAlgorithm['name']): string | undefined {
  const type = `${publicKey.asymmetricKeyType}`
  const fitting = SIGNATURE_ALGORITHMS.filter(({ keyTypes }) => keyTypes.includes(type)).map(
    ({ name }) => name,
  )
  return fitting.includes(algorithm)
    ? undefined
    : `does not fit the certificate, whose key is of type ${type}: leave it out, or set ${fitting.join(' or ')}`
}

/** Returns the hash algorithms of a signer that its certificate allows (RFC 4055 3.3). */
export function permittedHashes(
  { hashAlgorithms }: Pick<SignerConfiguration['rules'], 'hashAlgorithms'>,
  { hashes }: Pick<SignatureAlgorithm, 'hashes'>,
): readonly HashAlgorithm[] {
  return hashAlgorithms.filter((hash) => hashes.includes(hash))
}

/**
 * Refuses a signer whose certificate allows none of its hash algorithms.
 *
 * @throws ConfigurationError
 */
export function checkHashAlgorithms(
  { rules, settings }: Pick<SignerConfiguration, 'rules' | 'settings'>,
  algorithm: Pick<SignatureAlgorithm, 'hashes'>,
): void {
  if (permittedHashes(rules, algorithm).length === 0) {
    const message =
      `has none that the signer certificate allows: by its RSASSA-PSS parameters its key signs with ` +
      `${nameHashes(algorithm.hashes)} alone; add that one, or have the certificate issued without such parameters`
    const configured = rules.hashAlgorithms.map(({ name }) => name).join(',')
    throw new ConfigurationError([problemWith(settings.hashAlgorithms, message, configured)])
  }
}

/** Returns warnings of requests that the rules allow, and that are refused because of the certificate or its chain. */
export function findRestrictions(
  { rules, container }: Pick<SignerConfiguration, 'rules' | 'container'>,
  { algorithm, template }: Pick<SignerCertificate, 'algorithm' | 'template'>,
): string[] {
  const { hashes, name } = algorithm
  const makesContainers = rules.containers.includes('pkcs7')
  const refused = rules.hashAlgorithms.filter((hash) => !hashes.includes(hash))
  const warnings: string[] = []
  if (refused.length > 0) {
    warnings.push(
      `the signer certificate allows signatures with ${nameHashes(hashes)} alone, by its RSASSA-PSS ` +
        `parameters: requests for ${nameHashes(refused)} are refused`,
    )
  }
  if (name !== RSA_PKCS1.name && !rules.raw && !makesContainers) {
    warnings.push(
      `every request for a signature is refused: the signer makes raw ones alone, with ${name}, and Document Engine ` +
        `documents only ${RSA_PKCS1.name}; allow containers (pkcs7), or set "raw": true in the signers file`,
    )
  }
  if (makesContainers && template.certificatesLength > container.sizeLimit) {
    warnings.push(
      `every container is refused: its chain alone has ${template.certificatesLength} bytes, more than the ${container.sizeLimit} that ` +
        "CONTAINER_SIZE_LIMIT allows; raise it together with Document Engine's estimatedSize",
    )
  }
  return warnings
}

function nameHashes(hashes: readonly HashAlgorithm[]): string {
  return hashes.map(({ name }) => name).join(', ')
}
