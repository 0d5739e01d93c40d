import type { BaseLogger } from 'pino'
import { describeRestriction } from '../configuration/algorithm-fit.ts'
import type { SignerCertificate, SignerConfiguration } from '../configuration/signer-configuration.ts'
import { describeUselessness } from '../x509/validity.ts'

/** Logs what the operator should know of a signer, though it is used. */
export function warnAbout(
  configuration: SignerConfiguration,
  signer: SignerCertificate,
  log: BaseLogger,
): void {
  for (const warning of describe(configuration, signer)) {
    log.warn({ signer: configuration.name }, warning)
  }
}

function describe({ rules }: SignerConfiguration, signer: SignerCertificate): string[] {
  const problem = describeUselessness(signer.validity, new Date(), rules.minimumDaysLeft)
  return [
    ...(problem === undefined ? [] : [`${problem}. Nothing will be signed until then`]),
    ...listWarnings(rules, signer),
  ]
}

/** Returns what validators or callers may mind, each a sentence without its capital. */
export function listWarnings(
  rules: SignerConfiguration['rules'],
  { algorithm, warnings }: SignerCertificate,
): string[] {
  const restriction = describeRestriction(rules, algorithm)
  return [...(restriction === undefined ? [] : [restriction]), ...warnings]
}
