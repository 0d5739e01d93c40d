import type { BaseLogger } from 'pino'
import type { SignerConfiguration } from '../config.ts'
import type { Signer } from './signer.ts'
import { describeInvalidity, describeShortness } from './validity.ts'

/** Logs what the operator should know of a signer, though it is used. */
export function warnAbout(configuration: SignerConfiguration, signer: Signer, log: BaseLogger): void {
  for (const warning of describe(configuration, signer)) {
    log.warn({ signer: configuration.name }, warning)
  }
}

function describe({ settings, rules }: SignerConfiguration, { validity, complete }: Signer): string[] {
  const now = new Date()
  const problem = describeInvalidity(validity, now) ?? describeShortness(validity, now, rules.minimumDaysLeft)
  const warnings = problem === undefined ? [] : [`${problem}. Nothing will be signed until then`]
  if (!complete) {
    warnings.push(
      'The chain of the signer certificate does not reach a self-signed root; add the missing issuers to ' +
        `${settings.caCertificates}, or validators may not find their trust anchor`,
    )
  }
  return warnings
}
