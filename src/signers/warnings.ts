import type { BaseLogger } from 'pino'
import { describeRestriction } from '../configuration/algorithm-fit.ts'
import type { SignerCertificate, SignerConfiguration } from '../configuration/signer-configuration.ts'
import { findValidityProblem } from '../x509/validity.ts'

/** Logs what the operator should know of a signer, though it is used. */
export function warnAbout(
  configuration: SignerConfiguration,
  signerCertificate: SignerCertificate,
  log: BaseLogger,
): void {
  for (const warning of describe(configuration, signerCertificate)) {
    log.warn({ signer: configuration.name }, warning)
  }
}

function describe({ rules }: SignerConfiguration, signerCertificate: SignerCertificate): string[] {
  const problem = findValidityProblem(signerCertificate.validity, new Date(), rules.minimumDaysLeft)
  return [
    ...(problem === undefined ? [] : [`${problem}. Nothing will be signed until then`]),
    ...listWarnings(rules, signerCertificate),
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
