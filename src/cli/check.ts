/** `signing-service check`: the whole way to a signature once, with what was found at each step. */
import { type Command, InvalidArgumentError } from 'commander'
import { type Configuration, isPinConfigured, loadConfiguration } from '../config.ts'
import type { Variables } from '../configuration/variables.ts'
import { ConfigurationError, EXIT_CONFIGURATION } from '../errors.ts'
import { askPin } from './ask-pin.ts'
import { formatStep, Report } from './check/report.ts'
import { checkService } from './check/service-steps.ts'
import { TOKEN_STEPS, TokenSteps } from './check/token-steps.ts'
import { CommandFailed, EXIT_FAILED } from './exit-codes.ts'
import type { Io } from './io.ts'
import { addTokenOptions, applyOptions, type TokenOptions } from './token-options.ts'

const EXAMPLES = `
Takes the configuration of the service. The PIN is tried once. Signed is one fixed sentence that says it is a test, 50
times. As many sessions are opened as the service opens, beside those of one that is running; with --url that is asked
as well.

Exit code 0: all is ok; 1: something is not; 78: the configuration is not.

Examples:
  signing-service check
  signing-service check --url http://127.0.0.1:6000 --json
`

interface CheckOptions extends TokenOptions {
  readonly url?: URL
}

export function addCheckCommand(program: Command, io: Io): void {
  addTokenOptions(program.command('check'))
    .description('go the whole way to a signature once, and tell what is found')
    .option('--url <url>', 'address of the running service, to ask it as well', parseUrl)
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
  const report = new Report((step) => {
    if (!options.json) {
      io.output.write(formatStep(step))
    }
  })
  const configured = await configure(io, applyOptions(io.environment, options), report)
  const token = configured && new TokenSteps(configured.configuration, report)
  if (configured !== undefined) {
    const { configuration, askedPin } = configured
    const asked = askedPin === undefined ? {} : { askedPin }
    await token?.go({ ...configuration.hsm, ...asked }, limitMs)
  }
  report.skip(TOKEN_STEPS, 'the configuration is wrong')
  if (options.url !== undefined) {
    await checkService(report, { url: options.url, limitMs, signer: token?.signer })
  }
  conclude(io, options, report)
}

interface Configured {
  readonly configuration: Configuration
  readonly askedPin?: string
}

/** Asks for the PIN where all but that is configured. */
async function configure(io: Io, environment: Variables, report: Report): Promise<Configured | undefined> {
  const asks = !isPinConfigured(environment)
  try {
    // Only where the PIN will be found becomes part of the configuration, never the PIN
    const configuration = loadConfiguration(asks ? { ...environment, HSM_PIN: 'asked for' } : environment)
    const configured = asks ? { configuration, askedPin: await askPin(io) } : { configuration }
    const warnings = configuration.warnings.filter((warning) => !asks || !warning.startsWith('HSM_PIN: '))
    report.passed('configuration', ['in order', ...warnings].join('; '))
    return configured
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    report.failed('configuration', error.message)
    return undefined
  }
}

function conclude(io: Io, { json }: CheckOptions, report: Report): void {
  const failures = report.failures()
  if (json) {
    io.output.write(`${JSON.stringify({ ok: failures.length === 0, steps: report.steps }, null, 2)}\n`)
  }
  if (failures.length > 0) {
    const code = failures.includes('configuration') ? EXIT_CONFIGURATION : EXIT_FAILED
    throw new CommandFailed(json ? '' : `Not all is well: ${failures.join(', ')}`, code)
  }
}
