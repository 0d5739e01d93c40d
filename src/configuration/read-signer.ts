/** Builds the configuration of a signer from its document. */
import { defined } from '../common/defined.ts'
import type { ConfigurationError, ConfigurationProblem } from '../errors.ts'
import { readContainer, warnAboutStatements } from './container.ts'
import { describeFile, readCertificateFile } from './files.ts'
import { findHashAlgorithms } from './lists.ts'
import type { Findings } from './problem.ts'
import { certificateFromFiles, checkHashAlgorithms } from './signer-certificate.ts'
import type { RawSigning, SettingNames, SignerConfiguration, SignerRules } from './signer-configuration.ts'
import { fromVariables, type SignerDocument } from './signer-document.ts'
import { readTokenAccess } from './token-access.ts'

/** Builds the configuration of a signer, and its certificate. The result is complete if no problem was found. */
export function readSigner(
  document: SignerDocument,
  revocationCheck: boolean,
  findings: Findings,
): SignerConfiguration {
  const { problems, warnings } = findings
  const { name, settings, placeOf } = document
  const certificateFile = describeFile(placeOf('certificateFile'), settings.certificateFile)
  const caFile = describeFile(placeOf('caFile'), settings.caFile)
  const certificates = readCertificateFile(certificateFile, findings)
  const caCertificates = readCertificateFile(caFile, findings) ?? []
  const rules = readRules(document, problems)
  warnings.push(...warnAboutStatements(document, rules))
  const { label, id } = settings.key
  return withCertificate(
    {
      name,
      access: readTokenAccess(document, findings),
      key: defined({ label, id: id?.toLowerCase() }),
      rules,
      container: readContainer(document, revocationCheck, findings),
      caCertificates,
      settings: {
        ...nameSettings(document),
        ...defined({ certificatePath: certificateFile?.shown, caPath: caFile?.shown }),
      },
      ...defined({ algorithm: settings.signatureAlgorithm, certificates }),
    },
    problems,
  )
}

/** Returns the names of a signer's settings. */
function nameSettings({ settings: { token, timestamps }, placeOf }: SignerDocument): SettingNames {
  const name = (path: string) => placeOf(path).setting
  return {
    module: name('token/module'),
    pin: name(findPinSetting(token)),
    token: name('token/label'),
    slot: name('token/slot'),
    key: name('key'),
    certificate: name('certificateFile'),
    caCertificates: name('caFile'),
    timestamps: name(Array.isArray(timestamps) ? 'timestamps' : 'timestamps/url'),
    algorithm: name('signatureAlgorithm'),
    hashAlgorithms: name('hashAlgorithms'),
  }
}

function findPinSetting({ pin, pinSecretId }: SignerDocument['settings']['token']): string {
  if (pin !== undefined) {
    return 'token/pin'
  }
  return pinSecretId === undefined ? 'token/pinFile' : 'token/pinSecretId'
}

/** Names of the settings of a signer that variables describe. */
export const VARIABLE_SETTINGS = nameSettings(fromVariables({}, []))

function readRules({ settings, placeOf }: SignerDocument, problems: ConfigurationProblem[]): SignerRules {
  const { containers, signatureTypes, hashAlgorithms = [], minimumDaysLeft, raw, rawSigning } = settings
  return {
    containers: containers ?? ['raw', 'pkcs7'],
    signatureTypes: signatureTypes ?? ['cms', 'cades'],
    hashAlgorithms: findHashAlgorithms(placeOf('hashAlgorithms').setting, hashAlgorithms, problems),
    minimumDaysLeft: minimumDaysLeft ?? 0,
    raw: raw ?? false,
    rawSigning: rawSigning as RawSigning,
  }
}

/** Adds the certificate that the files give. If no signer can use it, adds problems. */
function withCertificate(signer: SignerConfiguration, problems: ConfigurationProblem[]): SignerConfiguration {
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
