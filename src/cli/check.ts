/** Implements `signing-service check`, which takes all steps to a signature once, and reports each. */
import { type Command, InvalidArgumentError } from 'commander'
import { nameLevels } from '../configuration/european-names.ts'
import { loadConfiguration } from '../configuration/load.ts'
import { ConfigurationError, EXIT_CONFIGURATION } from '../errors.ts'
import { type CheckedSigners, checkSigners } from './check/check-signers.ts'
import { formatStep, Report, type Step } from './check/report.ts'
import { checkService, SERVICE_STEPS } from './check/service-steps.ts'
import { TOKEN_STEPS } from './check/token-steps.ts'
import { CommandFailed, EXIT_FAILED } from './exit-codes.ts'
import type { Io } from './io.ts'
import { chooseSigners, PinPrompt, signerOption } from './signer-option.ts'
import { addTokenOptions, applyOptions, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
Takes the configuration of the service, and all steps to a signature with each of its signers. The PIN is tried once for
each signer; if a token refuses it, it is not tried again. One fixed sentence, which says that it is a test, is signed
50 times, with each hash algorithm of the signer in turn. The check opens as many sessions as the service, beside those
of a running service; with --url that service is checked too. It asks each timestamp authority for one timestamp and,
unless REVOCATION_CHECK is off, OCSP responders and CRLs whether certificates were revoked.

A key of which there may be copies outside the token is a warning, or a failure with REQUIRE_NON_EXTRACTABLE_KEYS.

Exit code 0: no step failed; 1: one did; 78: the configuration is wrong.

Examples:
  signing-service check
  signing-service check --url http://127.0.0.1:6000 --json
  signing-service check --signer contracts
`

interface CheckOptions extends TokenOptions {
  readonly url?: URL
  readonly signer?: string
}

export function addCheckCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('check'))
    .description('go the whole way to a signature once, and tell what is found')
    .option('--url <url>', 'address of the running service, to ask it as well', parseUrl)
    .addOption(signerOption('look at this one of the signers alone'))
    .addHelpText('after', EXAMPLES)
    .action((options: CheckOptions) => check(io, options))
}

function parseUrl(value: string): URL {
  if (!/^https?:/.test(value) || !URL.canParse(value)) {
    throw new InvalidArgumentError('It must be an address such as http://127.0.0.1:6000.')
  }
  return new URL(value)
}

async function check(io: Io, options: CheckOptions): Promise<void> {
  const limitMs = options.timeout * 1000
  const reported: { step: Step; signer?: string }[] = []
  const reportOn = (signer?: string) =>
    new Report((step) => {
      reported.push({ step, ...(signer === undefined ? {} : { signer }) })
      if (!options.json) {
        io.output.write(formatStep(step))
      }
    })
  const report = reportOn()
  const configured = await configure(io, options, report)
  if (configured === undefined) {
    report.skip(TOKEN_STEPS, 'the configuration is wrong')
  }
  const answers =
    options.url === undefined ? undefined : await checkService(report, { url: options.url, limitMs })
  if (configured !== undefined) {
    await checkSigners(configured, { io, ...options, report, reportOn, answers })
  } else if (answers !== undefined) {
    report.skip(SERVICE_STEPS, 'the certificate is not known')
  }
  conclude(io, options, reported)
}

/** Loads the configuration, asks for a missing PIN, and reports the step. */
async function configure(io: Io, options: CheckOptions, report: Report): Promise<CheckedSigners | undefined> {
  try {
    const environment = applyOptions(io.environment, options)
    const { configuration, warnings } = PinPrompt.load(environment, loadConfiguration)
    const pins = new PinPrompt(io)
    const chosen = chooseSigners(configuration.signers, options.signer)
    const signers = await Promise.all(chosen.map(async (signer) => ({ signer, pin: await pins.ask(signer) })))
    const levels = Object.entries(nameLevels(chosen)).map(([level, names]) => `level ${level}: ${names}`)
    const found = ['in order', ...levels, ...warnings].join('; ')
    if (warnings.length === 0) {
      report.passed('configuration', found)
    } else {
      report.warned('configuration', found)
    }
    return { configuration, signers }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    report.failed('configuration', error.message)
    return undefined
  }
}

function conclude(
  io: Io,
  { json }: CheckOptions,
  reported: readonly { step: Step; signer?: string }[],
): void {
  const failed = reported.filter(({ step }) => step.status === 'failed')
  if (json) {
    const steps = reported.map(({ step, signer }) => ({
      ...(signer === undefined ? {} : { signer }),
      ...step,
    }))
    io.output.write(`${JSON.stringify({ ok: failed.length === 0, steps }, null, 2)}\n`)
  }
  if (failed.length > 0) {
    const names = failed.map(({ step, signer }) =>
      signer === undefined ? step.name : `${signer}: ${step.name}`,
    )
    const code = failed.some(({ step }) => step.name === 'configuration') ? EXIT_CONFIGURATION : EXIT_FAILED
    throw new CommandFailed(json ? '' : `Not all is well: ${names.join(', ')}`, code)
  }
}
