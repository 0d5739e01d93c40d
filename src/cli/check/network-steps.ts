/** The steps of a check on those whom the service asks over the network: for timestamps, and about revocation. */
import type { Configuration, SignerConfiguration } from '../../config.ts'
import type { Signer } from '../../signers/signer.ts'
import type { Report } from './report.ts'
import { RevocationStep } from './revocation-step.ts'
import { TimestampSteps } from './timestamp-steps.ts'

export class NetworkSteps {
  readonly #configuration: Pick<Configuration, 'hsm' | 'revocationCheck'>
  readonly #timestamps = new TimestampSteps()
  readonly #revocation: RevocationStep

  /** @param limitMs milliseconds for what is asked about the certificates of a signer */
  constructor(configuration: Pick<Configuration, 'hsm' | 'revocationCheck'>, limitMs: number) {
    this.#configuration = configuration
    this.#revocation = new RevocationStep(limitMs)
  }

  /** @param signer undefined where its certificate is not known */
  async go(report: Report, { container }: SignerConfiguration, signer: Signer | undefined): Promise<void> {
    const { hsm, revocationCheck } = this.#configuration
    const authorities = await this.#timestamps.go(report, container, hsm)
    if (!revocationCheck) {
      report.skip(['revocation'], 'REVOCATION_CHECK is off')
    } else if (signer === undefined) {
      report.skip(['revocation'], 'the certificate is not known')
    } else {
      // Nobody is asked about those of authorities but for containers that vouch for them
      const others = container.level === 'b-lt' ? authorities : []
      await this.#revocation.go(report, [signer.path, ...others], container.level)
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#revocation.close()
  }
}
