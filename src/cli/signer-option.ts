/** Chooses the signers of a command, and asks a person for their PINs. */
import { Option } from 'commander'
import type { Configuration } from '../configuration/configuration.ts'
import { isPinConfigured, pinOfEnvironment } from '../configuration/pin.ts'
import type { SignerConfiguration, SignersConfiguration } from '../configuration/signer-configuration.ts'
import type { Variables } from '../configuration/variables.ts'
import { ConfigurationError } from '../errors.ts'
import { askPin } from './ask-pin.ts'
import type { Io } from './io.ts'

export function signerOption(description: string): Option {
  return new Option('--signer <name>', description)
}

/**
 * Returns the signer of a name, or all signers.
 *
 * @param name undefined for all signers
 * @throws ConfigurationError that lists the names if none matches
 */
export function chooseSigners(
  { signers }: SignersConfiguration,
  name: string | undefined,
): readonly SignerConfiguration[] {
  const chosen = name === undefined ? signers : signers.filter((signer) => signer.name === name)
  if (chosen.length === 0) {
    const message = `there is no signer ${JSON.stringify(name)}; there are: ${signers.map((one) => one.name).join(', ')}`
    throw new ConfigurationError([{ variable: '--signer', message }])
  }
  return chosen
}

const VARIABLE = 'HSM_PIN'

/** PIN that the environment holds, or that a person typed; empty if a file holds the PIN. */
export interface GivenPin {
  readonly givenPin?: string
}

/** Asks a person for the PIN that is configured nowhere, once. */
export class PinPrompt {
  readonly #io: Io
  #answer: Promise<string> | undefined

  constructor(io: Io) {
    this.#io = io
  }

  /**
   * Loads a configuration in which the PIN may be missing. The PIN itself never becomes a part of it.
   *
   * @throws ConfigurationError
   */
  static load(
    environment: Variables,
    load: (environment: Variables) => Configuration,
  ): Pick<Configuration, 'warnings'> & { configuration: Configuration } {
    if (isPinConfigured(environment)) {
      const configuration = load(environment)
      return { configuration, warnings: configuration.warnings }
    }
    const configuration = load({ ...environment, [VARIABLE]: 'asked for' })
    const warnings = configuration.warnings.filter((warning) => !warning.startsWith(`${VARIABLE}: `))
    return { configuration, warnings }
  }

  /**
   * Returns the PIN of a signer, unless a file holds it.
   *
   * @throws ConfigurationError if there is nobody to ask
   */
  async ask({ access }: Pick<SignerConfiguration, 'access'>): Promise<GivenPin> {
    if ('file' in access.pin) {
      return {}
    }
    const configured = pinOfEnvironment(access.pin, this.#io.environment)
    if (configured !== undefined && configured !== '') {
      return { givenPin: configured }
    }
    this.#answer ??= askPin(this.#io)
    return { givenPin: await this.#answer }
  }
}
