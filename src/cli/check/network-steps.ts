/** The steps of a check on those whom the service asks over the network: for timestamps, and about revocation. */
import type { Configuration } from '../../configuration/configuration.ts'
import type { SignerCertificate, SignerConfiguration } from '../../configuration/signer-configuration.ts'
import type { Report } from './report.ts'
import { RevocationStep } from './revocation-step.ts'
import { TimestampSteps } from './timestamp-steps.ts'

export class NetworkSteps {
  readonly #configuration: Pick<Configuration, 'hsm' | 'revocationCheck'>
  readonly #timestamps: TimestampSteps
  readonly #revocation: RevocationStep

  /** @param limitMs milliseconds for what is asked about the certificates of a signer */
  constructor(
    configuration: Pick<Configuration, 'hsm' | 'revocationCheck' | 'proxies' | 'signers'>,
    limitMs: number,
  ) {
    const isLongTerm = configuration.signers.signers.some(({ container }) => container.level === 'b-lt')
    this.#configuration = configuration
    this.#timestamps = new TimestampSteps(configuration.proxies)
    this.#revocation = new RevocationStep(configuration.proxies, limitMs, isLongTerm)
  }

  /** @param signerCertificate undefined where its certificate is not known */
  async go(
    report: Report,
    { container }: SignerConfiguration,
    signerCertificate: SignerCertificate | undefined,
  ): Promise<void> {
    const { hsm, revocationCheck } = this.#configuration
    const authorities = await this.#timestamps.go(report, container, hsm)
    if (!revocationCheck) {
      report.skip(['revocation'], 'REVOCATION_CHECK is off')
    } else if (signerCertificate === undefined) {
      report.skip(['revocation'], 'the certificate is not known')
    } else {
      await this.#revocation.go(report, [signerCertificate.path, ...authorities], container.level)
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#revocation.close()
  }
}
