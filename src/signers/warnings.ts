import type { BaseLogger } from 'pino'
import type { SignerConfiguration } from '../config.ts'
import type { Signer } from './signer.ts'
import { describeUselessness } from './validity.ts'

/** Logs what the operator should know of a signer, though it is used. */
export function warnAbout(configuration: SignerConfiguration, signer: Signer, log: BaseLogger): void {
  for (const warning of describe(configuration, signer)) {
    log.warn({ signer: configuration.name }, warning)
  }
}

function describe({ rules }: SignerConfiguration, { validity, warnings }: Signer): string[] {
  const now = new Date()
  const problem = describeUselessness(validity, now, rules.minimumDaysLeft)
  return [...(problem === undefined ? [] : [`${problem}. Nothing will be signed until then`]), ...warnings]
}
