/** Options that choose the token, and that take precedence over the environment. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { loadTokenConfiguration } from '../configuration/load.ts'
import { SETTINGS } from '../configuration/single-signer.ts'
import type { Variables } from '../configuration/variables.ts'
import type { AdministrationAccess } from '../pkcs11/administration/session.ts'
import type { Io } from './io.ts'
import { PinPrompt } from './signer-option.ts'

const DEFAULT_TIMEOUT_S = 30
const MAX_TIMEOUT_S = 3600

/** Options in place of variables. */
export interface AccessOptions {
  readonly module?: string
  readonly tokenLabel?: string
  readonly tokenSerial?: string
  readonly slot?: string
  readonly pinFile?: string
}

export interface ModuleOptions extends Pick<AccessOptions, 'module'> {
  readonly timeout: number
  readonly json?: boolean
}

export type TokenOptions = AccessOptions & ModuleOptions

/** Adds the options of all commands that load the library. */
export function addModuleOptions(command: Command): Command {
  return addModuleOption(command)
    .option('--json', 'print JSON, for machines')
    .addOption(
      new Option('--timeout <seconds>', 'how long the library may go without a sign of life')
        .default(DEFAULT_TIMEOUT_S)
        .argParser((value) => parseInteger(value, 1, MAX_TIMEOUT_S)),
    )
}

/** Adds the options of all commands that log in. */
export function addTokenOptions(command: Command): Command {
  return addLoginOptions(addModuleOptions(command))
}

/** Adds only the options in place of variables. */
export function addAccessOptions(command: Command): Command {
  return addLoginOptions(addModuleOption(command))
}

function addModuleOption(command: Command): Command {
  return command.option('--module <path>', 'PKCS#11 library, in place of HSM_MODULE')
}

/** Adds the options for a login. There is none for the PIN, since every user of the machine can read arguments. */
function addLoginOptions(command: Command): Command {
  return command
    .option('--token-label <label>', 'token, in place of HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL and HSM_SLOT')
    .option('--token-serial <serial>', 'the same by serial number')
    .option('--slot <index>', 'the same by index in the slot list')
    .option('--pin-file <path>', 'file that holds the PIN, in place of HSM_PIN and HSM_PIN_FILE')
}

/**
 * Parses a decimal integer.
 *
 * @throws InvalidArgumentError, which commander reports with the name of the option
 */
export function parseInteger(value: string, minimum: number, maximum: number): number {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < minimum || number > maximum) {
    throw new InvalidArgumentError(`It must be an integer from ${minimum} to ${maximum}.`)
  }
  return number
}

/** Returns the environment with the variables that options replace. */
export function applyOptions(environment: Variables, options: AccessOptions): Variables {
  return { ...environment, ...listVariables(options) }
}

/** Returns the variables that options replace. Variables that must not count beside an option are undefined. */
export function listVariables(options: AccessOptions): Variables {
  const { module, tokenLabel, tokenSerial, slot, pinFile } = options
  // An option that names a token replaces all three variables, so that the token need not match the others as well
  const namesToken = tokenLabel !== undefined || tokenSerial !== undefined || slot !== undefined
  return {
    ...(module !== undefined && { HSM_MODULE: module }),
    ...(namesToken && { HSM_TOKEN_LABEL: tokenLabel, HSM_TOKEN_SERIAL: tokenSerial, HSM_SLOT: slot }),
    ...(pinFile !== undefined && { HSM_PIN: undefined, HSM_PIN_FILE: pinFile }),
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
  const given = await new PinPrompt({ ...io, environment }).ask({ access: { ...token, pin } })
  return { ...token, pin, ...given, settings: SETTINGS }
}
