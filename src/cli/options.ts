/** Options that several commands have. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  DEFAULT_HASH_ALGORITHM,
  findHashAlgorithm,
  type HashAlgorithm,
} from '../algorithms/hash-algorithms.ts'
import { parseAlternativeName } from './issuing/alternative-name.ts'
import { parseDistinguishedName } from './issuing/distinguished-name.ts'
import { EXTENDED_KEY_USAGES } from './issuing/extensions.ts'

const DEFAULT_TIMEOUT_S = 30
const MAX_TIMEOUT_S = 3600
const HASHES = ['sha256', 'sha384', 'sha512']

/** Options in place of variables. */
export interface AccessOptions {
  readonly module?: string
  readonly tokenLabel?: string
  readonly tokenSerial?: string
  readonly slot?: string
  readonly pinFile?: string
  readonly pinSecretId?: string
}

export interface ModuleOptions extends Pick<AccessOptions, 'module'> {
  readonly timeout: number
  readonly json?: boolean
}

export type TokenOptions = AccessOptions & ModuleOptions

export interface KeyOptions extends TokenOptions {
  readonly label?: string
  /** CKA_ID in hex. */
  readonly id?: string
}

/** Adds the options of all commands that load the library. */
export function addModuleOptions(command: Command): Command {
  return addModuleOption(command)
    .option('--json', 'print JSON, for machines')
    .option(
      '--timeout <seconds>',
      'how long the library may go without a sign of life',
      (value) => parseInteger(value, 1, MAX_TIMEOUT_S),
      DEFAULT_TIMEOUT_S,
    )
}

/** Adds the options of all commands that log in. */
export function addTokenOptions(command: Command): Command {
  return addLoginOptions(addModuleOptions(command))
}

/** Options of commands that delete something from a token. */
export interface DeletionOptions extends TokenOptions {
  readonly confirm?: string
}

/** Adds the options of all commands that delete something from a token. */
export function addDeletionOptions(command: Command): Command {
  return addTokenOptions(command).option(
    '--confirm <name>',
    'label of what is deleted, its id where it has no label, or else its fingerprint, in place of typing it',
  )
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
    .option(
      '--pin-file <path>',
      'file that holds the PIN, in place of HSM_PIN, HSM_PIN_FILE and HSM_PIN_SECRET_ID',
    )
    .option('--pin-secret-id <id>', 'the same by the secret of AWS Secrets Manager that holds it')
}

/**
 * Adds the options for the key of a command, and for the hash algorithm of its signatures.
 *
 * @param what describes the key, in a few words
 */
export function addKeyOptions(command: Command, what: string): Command {
  return command
    .addOption(hashOption())
    .option('--label <label>', `${what}, in place of HSM_KEY_LABEL and HSM_KEY_ID`)
    .option('--id <hex>', 'the same by CKA_ID', parseId)
}

export function hashOption(): Option {
  return new Option('--hash <name>', 'hash algorithm').choices(HASHES).default(DEFAULT_HASH_ALGORITHM)
}

/** Returns the hash algorithm of `hashOption`. */
export function readHash({ hash }: { readonly hash: string }): HashAlgorithm {
  return findHashAlgorithm(hash) as HashAlgorithm
}

export function keyUsageOption(): Option {
  return new Option('--eku <usage>', 'extended key usage').choices(EXTENDED_KEY_USAGES).default('documents')
}

/** @param what describes the subject, in a few words */
export function subjectOption(what: string): Option {
  return new Option('--subject <name>', `${what}, such as CN=Signer,O=Example,C=DE`).argParser(
    parsing(parseDistinguishedName),
  )
}

/** @param what describes the name, in a few words */
export function alternativeNameOption(what: string): Option {
  const parse = parsing(parseAlternativeName)
  type Names = ReturnType<typeof parse>[]
  return new Option('--san <name>', `${what}: DNS:, email:, URI: or IP:; can be repeated`).argParser(
    (value, names: Names = []) => [...names, parse(value)],
  )
}

/** Wraps a parser so that commander reports its errors with the name of the option and exit code 2. */
function parsing<T>(parse: (value: string) => T): (value: string) => T {
  return (value) => {
    try {
      return parse(value)
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`)
    }
  }
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

/**
 * Parses a CKA_ID in hex.
 *
 * @throws InvalidArgumentError
 */
export function parseId(value: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(value)) {
    throw new InvalidArgumentError('It must be hexadecimal, two digits a byte.')
  }
  return value.toLowerCase()
}

/**
 * Parses a SHA-256.
 *
 * @returns lower-case hex
 * @throws InvalidArgumentError
 */
export function parseFingerprint(value: string): string {
  const hex = value.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new InvalidArgumentError('It must be a SHA-256 in hex, 64 digits, with or without colons.')
  }
  return hex
}
