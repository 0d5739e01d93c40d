import type { Configuration } from '../../configuration/configuration.ts'
import type { SignerConfiguration } from '../../configuration/signer-configuration.ts'
import { accessId } from '../../signers/token-pool.ts'
import type { Io } from '../io.ts'
import type { GivenPin } from '../signer-option.ts'
import { NetworkSteps } from './network-steps.ts'
import type { Report } from './report.ts'
import { checkCertificate, type checkService } from './service-steps.ts'
import { TOKEN_STEPS, TokenSteps } from './token-steps.ts'

export interface CheckedSigners {
  readonly configuration: Configuration
  readonly signers: readonly { readonly signer: SignerConfiguration; readonly pin: GivenPin }[]
}

interface CheckContext {
  readonly io: Io
  readonly json?: boolean
  /** Time limit in seconds for each answer of the library, and for answers about certificates. */
  readonly timeout: number
  readonly report: Report
  /** Returns the report of one of several signers. */
  readonly reportOn: (signer: string) => Report
  /** Undefined if the service is not checked. */
  readonly answers: Awaited<ReturnType<typeof checkService>> | undefined
}

/** Takes all steps to a signature with each signer. */
export async function checkSigners(
  { configuration, signers }: CheckedSigners,
  { io, json, timeout, report, reportOn, answers }: CheckContext,
): Promise<void> {
  const limitMs = timeout * 1000
  const refused = new Set<string>()
  const network = new NetworkSteps(configuration, limitMs)
  for (const { signer, pin } of signers) {
    const several = signers.length > 1
    if (several && !json) {
      io.output.write(`\nSigner ${signer.name}\n`)
    }
    const steps = several ? reportOn(signer.name) : report
    const token = new TokenSteps(signer, configuration.hsm, steps)
    if (refused.has(accessId(signer.access))) {
      steps.skip(TOKEN_STEPS, 'the token refused the login, which is not tried again')
    } else {
      await token.run({ ...signer.access, ...pin }, limitMs)
    }
    if (steps.failures().includes('login')) {
      refused.add(accessId(signer.access))
    }
    await network.run(steps, signer, token.signerCertificate)
    if (answers !== undefined) {
      await checkCertificate(steps, answers, {
        name: signer.name,
        signerCertificate: token.signerCertificate,
      })
    }
  }
  network.close()
}
