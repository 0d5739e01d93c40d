/** Checks the certificate and its chain, which needs no HSM. */

import { encodePublicKey, fingerprint } from '../../algorithms/public-key.ts'
import { MS_PER_DAY } from '../../common/day.ts'
import type {
  SettingNames,
  SignerCertificate,
  SignerRules,
} from '../../configuration/signer-configuration.ts'
import type { ConfigurationError } from '../../errors.ts'
import type { FoundKey } from '../../pkcs11/messages.ts'
import { checkKeyMatches } from '../../signers/key-request.ts'
import { listWarnings } from '../../signers/signer-set.ts'
import {
  describeIssuer,
  earliestNotAfter,
  findEarlyExpiry,
  findInvalidity,
  validityPeriod,
} from '../../x509/validity.ts'
import type { Report } from './report.ts'

/** Advice for a complete chain with warnings, in place of that for an incomplete one. */
const CHAIN_ADVICE =
  'Unless this is meant to be so, have an authority issue a certificate to which it does not apply'

/** @param key private key as it was found on the token */
export function reportCertificate(
  report: Report,
  signerCertificate: SignerCertificate,
  key: FoundKey,
  settings: SettingNames,
): void {
  const { subject } = validityPeriod(signerCertificate.certificate)
  const certified = fingerprint(encodePublicKey(signerCertificate.publicKey))
  const proof =
    key.publicKey === undefined
      ? "the token does not show the key's public half: the test signature tells whether it belongs to it"
      : 'it belongs to the key'
  reportConfigured(report, () => {
    checkKeyMatches(signerCertificate.publicKey, key, settings)
    report.passed('certificate', `of ${subject}, public key ${certified}: ${proof}`)
  })
}

/** Calls `act`, and reports its error as the failure of the certificate. */
export function reportConfigured(report: Report, act: () => void): void {
  try {
    act()
  } catch (error) {
    report.failed('certificate', (error as ConfigurationError).message)
  }
}

export function reportChain(report: Report, signerCertificate: SignerCertificate, rules: SignerRules): void {
  const { certificate, issuers, complete, validity } = signerCertificate
  const { minimumDaysLeft } = rules
  const last = issuers.at(-1) ?? certificate
  const path = validity.map(({ subject }) => subject).join(' < ')
  const warnings = listWarnings(rules, signerCertificate)
  if (!complete) {
    report.failed('chain', `${path}; missing is the certificate of its issuer ${describeIssuer(last)}`)
  } else if (warnings.length === 0) {
    report.passed('chain', `complete to a self-signed root: ${path}`)
  } else {
    report.warned('chain', [`complete to a self-signed root: ${path}`, ...warnings].join('; '), CHAIN_ADVICE)
  }
  const now = new Date()
  const invalid = findInvalidity(validity, now) ?? findEarlyExpiry(validity, now, minimumDaysLeft)
  const until = earliestNotAfter(validity)
  const days = Math.floor((until.getTime() - now.getTime()) / MS_PER_DAY)
  if (invalid === undefined) {
    report.passed('validity', `${days} days left, until ${until.toISOString()}`)
  } else {
    report.failed('validity', invalid)
  }
}
