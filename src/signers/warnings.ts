import type { BaseLogger } from 'pino'
import { findRestriction } from '../configuration/signer-certificate.ts'
import type { SignerCertificate, SignerConfiguration } from '../configuration/signer-configuration.ts'
import { findValidityProblem } from '../x509/validity.ts'

/** Logs warnings about a signer, which is used all the same. */
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

/** Returns warnings on what validators or callers may refuse, each a sentence without its capital. */
export function listWarnings(
  rules: SignerConfiguration['rules'],
  { algorithm, warnings }: SignerCertificate,
): string[] {
  const restriction = findRestriction(rules, algorithm)
  return [...(restriction === undefined ? [] : [restriction]), ...warnings]
}
