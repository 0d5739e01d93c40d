/** Implements `signing-service check`, which takes all steps to a signature once, and reports each. */
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { type Command, InvalidArgumentError } from 'commander'
import { defined } from '../common/defined.ts'
import type { HttpRequest } from '../common/http-client.ts'
import { nameLevels } from '../configuration/european-names.ts'
import { ConfigurationError, EXIT_CONFIGURATION } from '../errors.ts'
import type { ToldPin } from '../pkcs11/pin-version.ts'
import { accessId } from '../signers/token-pool.ts'
import { parseCertificates } from '../x509/certificate-file.ts'
import { NetworkSteps } from './check/network-steps.ts'
import { checkFromOutside } from './check/outside.ts'
import {
  addOutsideOptions,
  findMisuse,
  type OutsideOptions,
  readOutsideRequest,
  readToken,
} from './check/outside-options.ts'
import { Report } from './check/report.ts'
import { checkCertificate, checkService, SERVICE_STEPS } from './check/service-steps.ts'
import { TOKEN_STEPS, TokenSteps } from './check/token-steps.ts'
import { formatVerdict, VerdictTold } from './check/verdict.ts'
import { applyOptions, chooseSigners, createPinPrompt, loadWithoutPin } from './configuration.ts'
import { CommandFailed, EXIT_FAILED, type Io, printResult, useFile } from './io.ts'
import { addTokenOptions, type TokenOptions } from './options.ts'

const EXAMPLES = `
Takes the configuration of the service, and all steps to a signature with each of its signers. The PIN is tried once for
each signer; if a token refuses it, it is not tried again. One fixed sentence, which says that it is a test, is signed
50 times, with each hash algorithm of the signer in turn. The check opens as many sessions as the service, beside those
of a running service; with --url that service is checked too. It asks each timestamp authority for one timestamp and,
unless REVOCATION_CHECK is off, OCSP responders and CRLs whether certificates were revoked.

A key of which there may be copies outside the token is a warning, or a failure with REQUIRE_NON_EXTRACTABLE_KEYS.

Exit code 0: no step failed; 1: one did; 78: the configuration is wrong.

With --sign it looks from outside, and takes no configuration: it has each signer that the service lists, or each
--signer, sign a test document raw and in a container, as Document Engine does, and verifies the signatures with the
certificates that the service answers, these with --signer-ca, and timestamps with --tsa-ca. It judges level, days left,
how long it took, and clocks. If --url has a path, such as SIGNING_SERVICE_URL, that is asked. The token is that of
--token-file, a user's or a JSON Web Token, or CHECK_TOKEN. --timeout is the time of the whole check.

Exit code with --sign: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as the Monitoring Plugins guidelines say. The first line of
stdout has the state, what was found and, behind a bar, performance data.

Examples:
  signing-service check
  signing-service check --url http://127.0.0.1:6000 --json
  signing-service check --url http://127.0.0.1:6000 --admin-url http://127.0.0.1:9090
  signing-service check --url https://signing-service:6000 --tls-ca ca.pem
  signing-service check --signer contracts
  signing-service check --url http://signing-service:6000 --sign --token-file /etc/monitoring/token --signer-ca root.pem
`

type TlsFiles = NonNullable<HttpRequest['tls']>

interface CheckOptions extends TokenOptions, OutsideOptions {
  readonly url?: URL
  readonly adminUrl?: URL
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tokenFile?: string
  readonly signer?: readonly string[]
}

export function addCheckCommand(program: Command, io: Io): void {
  const command = addTokenOptions(program.command('check'))
    .description('go the whole way to a signature once, and tell what is found')
    .option('--url <url>', 'address of the running service, to ask it as well', parseUrl)
    .option(
      '--admin-url <url>',
      'address of its ADMIN_PORT, which is asked for health and version in place of --url',
      parseUrl,
    )
    .option('--tls-ca <file>', 'certificates that https to that address trusts, in place of those of Node.js')
    .option('--tls-cert <file>', 'certificate that the service is shown by TLS')
    .option('--tls-key <file>', 'its private key')
    .option('--token-file <file>', 'token that the service is sent, in place of CHECK_TOKEN')
    .option(
      '--signer <name>',
      'look at this one of the signers alone; can be repeated',
      (name: string, names: readonly string[] = []) => [...new Set([...names, name])],
    )
  addOutsideOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: CheckOptions) => {
      const misuse =
        options.adminUrl !== undefined && options.url === undefined
          ? "option '--admin-url' needs '--url'"
          : findMisuse(options, command)
      if (misuse !== undefined) {
        return command.error(`error: ${misuse}`)
      }
      return options.sign ? checkSigning(io, options) : check(io, options)
    })
}

function parseUrl(value: string): URL {
  if (!/^https?:/.test(value) || !URL.canParse(value)) {
    throw new InvalidArgumentError('It must be an address such as http://127.0.0.1:6000.')
  }
  return new URL(value)
}

/**
 * Reads the files for https to the service.
 *
 * @throws CommandFailed if one cannot be used, which says nothing about the service
 */
function readTlsFiles({ tlsCa, tlsCert, tlsKey }: CheckOptions): TlsFiles {
  const read = (file: string | undefined, use: (content: Buffer) => Buffer) =>
    file === undefined ? undefined : useFile(file, 'used', () => use(readFileSync(file)))
  const ca = read(tlsCa, (content) => Buffer.from(parseCertificates(content).join('')))
  const cert = read(tlsCert, (content) => {
    createSecureContext({ cert: content })
    return content
  })
  const key = read(tlsKey, (content) => {
    createSecureContext({ cert, key: content })
    return content
  })
  return defined({ ca, cert, key }) as TlsFiles
}

/** Checks the service from outside, and ends as a monitoring plugin does. */
async function checkSigning(io: Io, options: CheckOptions): Promise<void> {
  const { json = false, signer: signers = [], url, adminUrl, tokenFile, timeout } = options
  const token = readToken(io, tokenFile)
  const service = { url: url as URL, adminUrl, tls: readTlsFiles(options), token }
  const verdict = await checkFromOutside(readOutsideRequest(options, service, signers, timeout * 1000))
  printResult(io, { json }, verdict, formatVerdict(verdict))
  if (verdict.state !== 'OK') {
    throw new VerdictTold(verdict.state)
  }
}

async function check(io: Io, options: CheckOptions): Promise<void> {
  const { timeout, json = false, url, adminUrl, tokenFile } = options
  const limitMs = timeout * 1000
  const output = json ? undefined : io.output
  const report = new Report(output)
  const reports = new Set([report])
  const configured = await configure(io, options, report)
  if (configured === undefined) {
    report.skip(TOKEN_STEPS, 'the configuration is wrong')
  }
  const tls = readTlsFiles(options)
  const token = readToken(io, tokenFile)
  const service = url && (await checkService(report, { url, adminUrl, tls, token, limitMs }))
  if (configured === undefined) {
    if (service !== undefined) {
      report.skip(SERVICE_STEPS, 'the certificate is not known')
    }
    return conclude(io, json, reports)
  }
  const { configuration, signers } = configured
  const network = new NetworkSteps(configuration, limitMs)
  const refused = new Set<string>()
  const refusedPins: ToldPin[] = []
  for (const { signer, pin } of signers) {
    const steps = signers.length > 1 ? new Report(output, signer.name) : report
    reports.add(steps)
    const id = accessId(signer.access)
    let signerCertificate = signer.signerCertificate
    if (refused.has(id)) {
      steps.skip(TOKEN_STEPS, 'the token refused the login, which is not tried again')
    } else {
      const access = { ...signer.access, ...pin }
      signerCertificate = await new TokenSteps(steps, signer, configuration.hsm).run(
        access,
        limitMs,
        refusedPins,
      )
    }
    if (steps.has('login', 'failed')) {
      refused.add(id)
    }
    await network.run(steps, signer, signerCertificate)
    if (service !== undefined) {
      await checkCertificate(steps, service, signer.name, signerCertificate)
    }
  }
  network.close()
  conclude(io, json, reports)
}

/** Loads the configuration, asks for a missing PIN, and reports the step. */
async function configure(io: Io, options: CheckOptions, report: Report) {
  try {
    const { configuration, warnings, hidden } = loadWithoutPin(applyOptions(io.environment, options))
    const askForPin = createPinPrompt(io)
    const chosen = chooseSigners(configuration.signers, options.signer ?? [])
    const signers = await Promise.all(
      chosen.map(async (signer) => ({ signer, pin: await askForPin(signer.access) })),
    )
    const levels = Object.entries(nameLevels(chosen)).map(([level, names]) => `level ${level}: ${names}`)
    const unseen =
      hidden.length === 0
        ? []
        : [`not checked, as user ${process.geteuid?.()} may not use the files: ${hidden.join(', ')}`]
    const found = ['in order', ...levels, ...unseen, ...warnings].join('; ')
    report[warnings.length === 0 ? 'passed' : 'warned']('configuration', found)
    return { configuration, signers }
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    report.failed('configuration', error.message)
    return undefined
  }
}

/** Prints JSON if that is asked for, and fails if a step has. */
function conclude(io: Io, json: boolean, reports: ReadonlySet<Report>): void {
  const steps = [...reports].flatMap((report) => report.steps)
  const failed = steps.filter(({ status }) => status === 'failed')
  printResult(io, { json }, { ok: failed.length === 0, steps }, '')
  if (failed.length > 0) {
    const names = failed.map(({ signer, name }) => (signer === undefined ? name : `${signer}: ${name}`))
    const code = failed.some(({ name }) => name === 'configuration') ? EXIT_CONFIGURATION : EXIT_FAILED
    throw new CommandFailed(json ? '' : `Not all is well: ${names.join(', ')}`, code)
  }
}
