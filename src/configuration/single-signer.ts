/** Reads the variables that describe a single signer. */
import type { Environment } from '../../schemas/configuration.ts'
import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { defined } from '../common/defined.ts'
import type { ConfigurationProblem } from '../errors.ts'
import { buildContainer, findLevelProblems, warnAboutLevel } from './container.ts'
import { readContainerVariables } from './container-variables.ts'
import { isReadable, readCertificateFile } from './files.ts'
import { describePath, type GivenPath } from './given-path.ts'
import { findPin } from './pin.ts'
import { problemWith } from './problem.ts'
import type {
  KeySelector,
  LibraryConfiguration,
  PinSource,
  RawSigning,
  SettingNames,
  SignersConfiguration,
  TokenSelector,
} from './signer-configuration.ts'
import type { GivenVariables } from './variables.ts'

/** Name of the only signer in metrics. */
const NAME = 'default'

export const SETTINGS: SettingNames = {
  module: 'HSM_MODULE',
  pin: 'HSM_PIN_FILE',
  token: 'HSM_TOKEN_LABEL',
  tokenParts: { label: 'HSM_TOKEN_LABEL', serial: 'HSM_TOKEN_SERIAL', slot: 'HSM_SLOT' },
  key: 'HSM_KEY_LABEL',
  certificate: 'SIGNER_CERTIFICATE_FILE',
  caCertificates: 'CA_CERTIFICATES_FILE',
  // The type of the key decides the algorithm
  algorithm: 'HSM_KEY_LABEL',
  hashAlgorithms: 'HASH_ALGORITHMS',
  tokenChoice: 'HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL or HSM_SLOT',
  keyChoice: 'HSM_KEY_LABEL or HSM_KEY_ID',
}

/** Reads the only signer. The result is complete if no problem was found. */
export function readSingleSigner(
  given: GivenVariables,
  values: Partial<Environment>,
  hashAlgorithms: readonly HashAlgorithm[],
  problems: ConfigurationProblem[],
  warnings: string[],
): SignersConfiguration {
  const library = requireLibrary(values, problems)
  const pin = findPin(given, problems, warnings) as PinSource
  const files: string[] = []
  const readCertificates = (setting: string, file: GivenPath | undefined) => {
    files.push(...(file === undefined ? [] : [file.path]))
    return readCertificateFile(setting, file, problems)
  }
  const certificateFile = describePath(values.SIGNER_CERTIFICATE_FILE)
  const caFile = describePath(values.CA_CERTIFICATES_FILE)
  const certificates = readCertificates('SIGNER_CERTIFICATE_FILE', certificateFile)
  const caCertificates = readCertificates('CA_CERTIFICATES_FILE', caFile) ?? []
  const containers = readContainerVariables(given, values, { readCertificates, problems, warnings })
  problems.push(...findLevelProblems(containers))
  warnings.push(...warnAboutLevel(containers))
  const signer = {
    name: NAME,
    access: { ...library, token: describeToken(values), pin },
    key: describeKey(values),
    rules: {
      containers: ['raw', 'pkcs7'] as const,
      signatureTypes: ['cms', 'cades'] as const,
      hashAlgorithms,
      minimumDaysLeft: 0,
      raw: false,
      rawSigning: values.RAW_SIGNING as RawSigning,
    },
    container: buildContainer(containers),
    caCertificates,
    ...defined({ certificates }),
    settings: {
      ...SETTINGS,
      ...(values.HSM_KEY_LABEL === undefined && values.HSM_KEY_ID !== undefined && { key: 'HSM_KEY_ID' }),
      ...defined({ certificatePath: certificateFile?.shown, caPath: caFile?.shown }),
    },
  }
  return { default: NAME, signers: [signer], files }
}

/** Reads HSM_MODULE with its parameters. If it is missing, adds a problem and returns an empty path. */
export function requireLibrary(
  { HSM_MODULE: module = '', HSM_MODULE_PARAMETERS: moduleParameters }: Partial<Environment>,
  problems: ConfigurationProblem[],
): LibraryConfiguration {
  if (module === '') {
    problems.push(problemWith('HSM_MODULE', 'is required'))
  } else {
    isReadable('HSM_MODULE', describePath(module), problems)
  }
  return { module, ...defined({ moduleParameters }) }
}

export function describeToken({
  HSM_TOKEN_LABEL: label,
  HSM_TOKEN_SERIAL: serial,
  HSM_SLOT: slot,
}: Partial<Environment>): TokenSelector {
  return defined({ label, serial, slot: slot === undefined ? undefined : readSlot(slot) })
}

/** Largest number that is read as an index of a slot. Slot ids can be larger, and exceed 2^53. */
const MAX_SLOT_INDEX = 65_535

/** @param digits a decimal number */
export function readSlot(digits: string): number | string {
  const number = BigInt(digits)
  return number > MAX_SLOT_INDEX ? number.toString() : Number(number)
}

export function describeKey({ HSM_KEY_LABEL: label, HSM_KEY_ID: id }: Partial<Environment>): KeySelector {
  return defined({ label, id: id?.toLowerCase() })
}
