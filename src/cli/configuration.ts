/**
 * Loads the configuration of a command. Options take precedence over the environment, and a person is asked for a PIN that
 * is configured nowhere.
 */
import type { Configuration } from '../configuration/configuration.ts'
import { loadConfiguration, loadTokenConfiguration } from '../configuration/load.ts'
import { isPinConfigured, pinOfEnvironment } from '../configuration/pin.ts'
import type {
  SignerConfiguration,
  SignersConfiguration,
  TokenAccess,
} from '../configuration/signer-configuration.ts'
import { hasUsers } from '../configuration/users.ts'
import type { Variables } from '../configuration/variables.ts'
import { ConfigurationError } from '../errors.ts'
import type { AdministrationAccess } from '../pkcs11/administration/session.ts'
import type { Io } from './io.ts'
import type { AccessOptions, KeyOptions, TokenOptions } from './options.ts'
import { askPin } from './prompts.ts'

/** Returns the environment with the variables that options replace. */
export function applyOptions(environment: Variables, options: AccessOptions): Variables {
  return { ...environment, ...listVariables(options) }
}

/** Returns the variables that options replace. Variables that must not count beside an option are undefined. */
export function listVariables(options: AccessOptions): Variables {
  const { module, tokenLabel, tokenSerial, slot, pinFile, pinSecretId } = options
  // An option that names a token replaces all three variables, so that the token need not match the others as well
  const namesToken = tokenLabel !== undefined || tokenSerial !== undefined || slot !== undefined
  const namesPin = pinFile !== undefined || pinSecretId !== undefined
  return {
    ...(module !== undefined && { HSM_MODULE: module }),
    ...(namesToken && { HSM_TOKEN_LABEL: tokenLabel, HSM_TOKEN_SERIAL: tokenSerial, HSM_SLOT: slot }),
    ...(namesPin && { HSM_PIN: undefined, HSM_PIN_FILE: pinFile, HSM_PIN_SECRET_ID: pinSecretId }),
  }
}

/**
 * Returns how to reach the token, and asks for the PIN if none is configured.
 *
 * @throws ConfigurationError, also if there is nobody to ask
 */
export async function findAccess(io: Io, options: TokenOptions): Promise<AdministrationAccess> {
  const environment = applyOptions(io.environment, options)
  const { pin = { variable: 'HSM_PIN' }, ...token } = loadTokenConfiguration(environment)
  const given = await createPinPrompt({ ...io, environment })({ pin })
  return { ...token, pin, ...given }
}

/** The configuration of the service, and the signer that signs. */
export interface SigningConfiguration extends GivenPin {
  readonly configuration: Configuration
  readonly signer: SignerConfiguration
}

/**
 * Loads the configuration of the service for one signature, and asks for the PIN if none is configured.
 *
 * @throws ConfigurationError, also if there is nobody to ask
 */
export async function loadForSigning(
  io: Io,
  { signer: name, ...options }: TokenOptions & { readonly signer?: string },
): Promise<SigningConfiguration> {
  const environment = { ...applyOptions(io.environment, options), HSM_SESSIONS: '1' }
  const { configuration } = loadWithoutPin(environment)
  const { signers } = configuration
  const [signer] = chooseSigners(signers, [name ?? signers.default ?? requireName(signers)])
  const pin = await createPinPrompt({ ...io, environment })(signer.access)
  return { configuration, signer, ...pin }
}

function requireName(signers: SignersConfiguration): never {
  const message = `is required, since the signers file has no default; there are: ${listNames(signers)}`
  throw new ConfigurationError([{ variable: '--signer', message }])
}

function listNames({ signers }: SignersConfiguration): string {
  return signers.map((one) => one.name).join(', ')
}

/** Loads the configuration of a key without a certificate. Only variables about the HSM count. */
export function loadForCertification(
  io: Io,
  { label, id, ...options }: KeyOptions,
): Promise<SigningConfiguration> {
  const ofHsm = Object.entries(io.environment).filter(
    ([name]) => name.startsWith('HSM_') || name === 'REQUIRE_NON_EXTRACTABLE_KEYS',
  )
  const environment = Object.fromEntries(ofHsm)
  // An option that names a key replaces both variables, so that the key need not match the other one as well
  if (label !== undefined || id !== undefined) {
    Object.assign(environment, { HSM_KEY_LABEL: label, HSM_KEY_ID: id })
  }
  return loadForSigning({ ...io, environment }, options)
}

/**
 * Returns the signers of these names, or all signers.
 *
 * @param names empty for all signers
 * @throws ConfigurationError that lists the names if one matches none
 */
export function chooseSigners(
  configured: SignersConfiguration,
  names: readonly string[],
): readonly [SignerConfiguration, ...SignerConfiguration[]] {
  const { signers } = configured
  const missing = names.find((name) => !signers.some((signer) => signer.name === name))
  if (missing !== undefined) {
    const message = `there is no signer ${JSON.stringify(missing)}; there are: ${listNames(configured)}`
    throw new ConfigurationError([{ variable: '--signer', message }])
  }
  const chosen = signers.filter(({ name }) => names.length === 0 || names.includes(name))
  return chosen as [SignerConfiguration, ...SignerConfiguration[]]
}

/**
 * Loads a configuration in which the PIN may be missing. The PIN itself never becomes a part of it. With HSM_USER, who runs
 * commands that work on a token, files that only SIGNING_SERVICE_USER may use are left out.
 *
 * @throws ConfigurationError
 */
export function loadWithoutPin(environment: Variables): {
  readonly configuration: Configuration
  readonly warnings: readonly string[]
  /** Variables of the files that were left out. */
  readonly hidden: readonly string[]
} {
  const hidden: string[] = []
  const load = (variables: Variables) =>
    loadConfiguration(variables, false, hasUsers(environment) ? hidden : undefined)
  if (isPinConfigured(environment)) {
    const configuration = load(environment)
    return { configuration, warnings: configuration.warnings, hidden }
  }
  const configuration = load({ ...environment, HSM_PIN: 'asked for' })
  const warnings = configuration.warnings.filter((warning) => !warning.startsWith('HSM_PIN: '))
  return { configuration, warnings, hidden }
}

/** PIN that the environment holds, or that a person typed; empty if a file or a secret holds the PIN. */
export interface GivenPin {
  readonly givenPin?: string
}

/**
 * Returns a function that returns the PIN of a token, unless a file or a secret holds it. Asks a person once, however many
 * tokens have a PIN that is configured nowhere. It throws a ConfigurationError if there is nobody to ask.
 */
export function createPinPrompt(io: Io): (access: Pick<TokenAccess, 'pin'>) => Promise<GivenPin> {
  let answer: Promise<string> | undefined
  return async ({ pin }) => {
    if (!('variable' in pin)) {
      return {}
    }
    const configured = pinOfEnvironment(pin, io.environment)
    if (configured !== undefined && configured !== '') {
      return { givenPin: configured }
    }
    answer ??= askPin(io)
    return { givenPin: await answer }
  }
}
