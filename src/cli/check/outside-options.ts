/** Options of `check --sign`, which checks a service from outside, and what they ask for. */
import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { SignatureType } from '../../cms/signed-attributes.ts'
import type { Level } from '../../configuration/container-configuration.ts'
import type { SignatureForm } from '../../configuration/signer-configuration.ts'
import { parseCertificates } from '../../x509/certificate-file.ts'
import { CommandFailed, type Io, useFile } from '../io.ts'
import { hashOption, parseInteger, readHash } from '../options.ts'
import { FORMS, type OutsideRequest } from './outside.ts'
import type { Service } from './service-client.ts'

export interface OutsideOptions {
  readonly sign?: boolean
  readonly container?: readonly SignatureForm[]
  readonly type: SignatureType
  readonly hash: string
  readonly level?: Level
  readonly signerCa?: string
  readonly tsaCa?: string
  readonly warningDays: number
  readonly criticalDays: number
  readonly warningSeconds: number
  readonly criticalSeconds: number
  readonly warningClock: number
  readonly criticalClock: number
}

/** Names of the options that only `--sign` has, as commander knows them. */
const OWN: readonly (keyof OutsideOptions)[] = [
  ...(['container', 'type', 'hash', 'level', 'signerCa', 'tsaCa'] as const),
  ...(['warningDays', 'criticalDays', 'warningSeconds', 'criticalSeconds'] as const),
  ...(['warningClock', 'criticalClock'] as const),
]

/** Options about the token, which is not looked at from outside. */
const OF_TOKEN = ['module', 'tokenLabel', 'tokenSerial', 'slot', 'pinFile', 'pinSecretId']

const MAX_DAYS = 3650
const MAX_SECONDS = 3600

export function addOutsideOptions(command: Command): Command {
  const days = (value: string) => parseInteger(value, 0, MAX_DAYS)
  return command
    .addOption(
      new Option(
        '--sign',
        'look from outside: have signatures made at --url, verify them, and end as a monitoring plugin does',
      ).conflicts(OF_TOKEN),
    )
    .addOption(
      new Option(
        '--container <form>',
        'what each signer has to make; can be repeated, by default what it makes',
      )
        .choices(FORMS)
        .argParser(collectForms),
    )
    .addOption(new Option('--type <type>', 'signed attributes').choices(['cms', 'cades']).default('cades'))
    .addOption(hashOption())
    .addOption(
      new Option('--level <level>', 'least level of containers, by default that of the signer').choices([
        'b-b',
        'b-t',
        'b-lt',
      ]),
    )
    .option('--signer-ca <file>', 'trust anchors of the signers, or their certificates')
    .option('--tsa-ca <file>', 'trust anchors of timestamp authorities')
    .option('--warning-days <days>', 'certificates that end sooner are a warning', days, 30)
    .option('--critical-days <days>', 'certificates that end sooner are critical', days, 7)
    .option('--warning-seconds <seconds>', 'signatures that take longer are a warning', parseSeconds, 2)
    .option('--critical-seconds <seconds>', 'answers that take longer are critical', parseSeconds, 5)
    .option('--warning-clock <seconds>', 'clocks that differ by more are a warning', parseSeconds, 5)
    .option('--critical-clock <seconds>', 'clocks that differ by more are critical', parseSeconds, 60)
}

function collectForms(value: string, before: readonly SignatureForm[] = []): readonly SignatureForm[] {
  const form = FORMS.find((one) => one === value)
  if (form === undefined) {
    throw new InvalidArgumentError(`Allowed choices are ${FORMS.join(', ')}.`)
  }
  return [...new Set([...before, form])]
}

/** Parses seconds, with up to three decimals. */
function parseSeconds(value: string): number {
  const seconds = Number(value)
  if (!/^\d+(\.\d{1,3})?$/.test(value) || seconds <= 0 || seconds > MAX_SECONDS) {
    throw new InvalidArgumentError(`It must be a number of seconds up to ${MAX_SECONDS}, such as 2.5.`)
  }
  return seconds
}

/** Returns which of the options do not go together, in words; undefined if all do. */
export function findMisuse(
  options: OutsideOptions & { readonly url?: URL },
  command: Command,
): string | undefined {
  const given = OWN.find((name) => command.getOptionValueSource(name) === 'cli')
  if (!options.sign) {
    return given && `option '${nameOption(given, command)}' needs '--sign'`
  }
  if (options.url === undefined) {
    return "option '--sign' needs '--url'"
  }
  const { warningDays, criticalDays, warningSeconds, criticalSeconds, warningClock, criticalClock } = options
  const isOrdered =
    warningDays >= criticalDays && warningSeconds <= criticalSeconds && warningClock <= criticalClock
  return isOrdered ? undefined : 'what is critical must be a warning before'
}

function nameOption(attribute: string, command: Command): string {
  return `${command.options.find((option) => option.attributeName() === attribute)?.long}`
}

/**
 * Returns what the options ask for.
 *
 * @param signers names of signers
 * @param limitMs time limit of the whole check, in ms
 * @throws CommandFailed if a file cannot be used
 */
export function readOutsideRequest(
  options: OutsideOptions,
  service: Omit<Service, 'limitMs'>,
  signers: readonly string[],
  limitMs: number,
): OutsideRequest {
  const { container: containers = [], type, level } = options
  return {
    ...{ service, signers, containers, type, level, limitMs },
    hash: readHash(options),
    signerAnchors: readAnchors(options.signerCa),
    timestampAnchors: readAnchors(options.tsaCa),
    limits: {
      days: { warning: options.warningDays, critical: options.criticalDays },
      seconds: { warning: options.warningSeconds, critical: options.criticalSeconds },
      clock: { warning: options.warningClock, critical: options.criticalClock },
    },
  }
}

function readAnchors(file: string | undefined) {
  return file === undefined ? [] : useFile(file, 'used', () => parseCertificates(readFileSync(file)))
}

/** Characters of a token in a Bearer header (RFC 6750 2.1). */
const TOKEN = /^[\w.~+/-]+=*$/

/**
 * Reads the token by which the service knows who asks, from its file or from CHECK_TOKEN. It is never an argument, since
 * every user of the machine can read arguments.
 *
 * @throws CommandFailed that quotes nothing of it
 */
export function readToken(io: Pick<Io, 'environment'>, file: string | undefined): string | undefined {
  const given =
    file === undefined ? io.environment.CHECK_TOKEN : useFile(file, 'used', () => readFileSync(file, 'utf8'))
  const token = given?.trim()
  if (token === undefined || (token === '' && file === undefined)) {
    return undefined
  }
  if (!TOKEN.test(token)) {
    throw new CommandFailed(`${file ?? 'CHECK_TOKEN'} holds something else than a token`)
  }
  return token
}
