/** Checks timestamp authorities and revocation, which the service asks for over the network. */
import type { Configuration } from '../../configuration/configuration.ts'
import type { SignerCertificate, SignerConfiguration } from '../../configuration/signer-configuration.ts'
import type { Report } from './report.ts'
import { RevocationStep } from './revocation-step.ts'
import { TimestampSteps } from './timestamp-steps.ts'

export class NetworkSteps {
  readonly #configuration: Pick<Configuration, 'hsm' | 'revocationCheck'>
  readonly #timestamps: TimestampSteps
  readonly #revocation: RevocationStep

  /** @param limitMs time limit for answers about the certificates of a signer, in ms */
  constructor(
    configuration: Pick<Configuration, 'hsm' | 'revocationCheck' | 'proxies' | 'signers'>,
    limitMs: number,
  ) {
    const isLongTerm = configuration.signers.signers.some(({ container }) => container.level === 'b-lt')
    this.#configuration = configuration
    this.#timestamps = new TimestampSteps(configuration.proxies)
    this.#revocation = new RevocationStep(configuration.proxies, limitMs, isLongTerm)
  }

  /** @param signerCertificate undefined if it is not known */
  async run(
    report: Report,
    { container }: SignerConfiguration,
    signerCertificate: SignerCertificate | undefined,
  ): Promise<void> {
    const { hsm, revocationCheck } = this.#configuration
    const authorities = await this.#timestamps.run(report, container, hsm)
    if (!revocationCheck) {
      report.skip(['revocation'], 'REVOCATION_CHECK is off')
    } else if (signerCertificate === undefined) {
      report.skip(['revocation'], 'the certificate is not known')
    } else {
      await this.#revocation.run(report, [signerCertificate.path, ...authorities], container.level)
    }
  }

  /** Ends all pending requests. */
  close(): void {
    this.#revocation.close()
  }
}
