import type { Configuration } from '../../configuration/configuration.ts'
import { loadConfiguration } from '../../configuration/load.ts'
import type { SignerConfiguration, SignersConfiguration } from '../../configuration/signer-configuration.ts'
import { ConfigurationError } from '../../errors.ts'
import type { Io } from '../io.ts'
import { chooseSigners, PinPrompt } from '../signer-option.ts'
import { applyOptions, type TokenOptions } from '../token-options.ts'

export interface KeyOptions extends TokenOptions {
  readonly label?: string
  /** CKA_ID in hex. */
  readonly id?: string
}

/** The configuration of the service, and the signer that signs. */
export interface SigningConfiguration {
  readonly configuration: Configuration
  readonly signer: SignerConfiguration
  /** PIN, if no file holds it. */
  readonly givenPin?: string
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
  const { configuration } = PinPrompt.load(environment, loadConfiguration)
  const { signers } = configuration
  const [signer] = chooseSigners(signers, name ?? signers.default ?? requireName(signers)) as [
    SignerConfiguration,
  ]
  const pin = await new PinPrompt({ ...io, environment }).ask(signer)
  return { configuration, signer, ...pin }
}

function requireName({ signers }: SignersConfiguration): never {
  const names = signers.map((one) => one.name).join(', ')
  throw new ConfigurationError([
    {
      variable: '--signer',
      message: `is required, since the signers file has no default; there are: ${names}`,
    },
  ])
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
