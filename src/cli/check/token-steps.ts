/** Reports the steps on the HSM, which a process of its own takes, and those that depend on them. */
import { encodePublicKey, fingerprint } from '../../algorithms/public-key.ts'
import { MS_PER_DAY } from '../../common/day.ts'
import { defined } from '../../common/defined.ts'
import type { HsmConfiguration } from '../../configuration/configuration.ts'
import {
  certificateFromToken,
  permittedHashes,
  warnAboutUnused,
} from '../../configuration/signer-certificate.ts'
import type { SignerCertificate, SignerConfiguration } from '../../configuration/signer-configuration.ts'
import type { ConfigurationError } from '../../errors.ts'
import { type AdministrationError, administer } from '../../pkcs11/administration/administer.ts'
import type { CheckStep, Finding, TimedSignature } from '../../pkcs11/administration/check.ts'
import type { Failure } from '../../pkcs11/administration/failure.ts'
import type { AdministrationAccess } from '../../pkcs11/administration/session.ts'
import { findForbiddenExposure, findUnshown, warnAboutExposure } from '../../pkcs11/key-protection.ts'
import type { FoundKey } from '../../pkcs11/messages.ts'
import type { ToldPin } from '../../pkcs11/pin-version.ts'
import { problemOf } from '../../pkcs11/pool/pool-keys.ts'
import { createTestInput } from '../../pkcs11/signing-input.ts'
import { checkKeyMatches, createPoolKey } from '../../signers/key-request.ts'
import { listWarnings } from '../../signers/signer-set.ts'
import {
  describeIssuer,
  earliestNotAfter,
  findEarlyExpiry,
  findInvalidity,
  validityPeriod,
} from '../../x509/validity.ts'
import { printable } from '../table.ts'
import { formatLatency, summarize } from './latency.ts'
import type { Report, StepName } from './report.ts'

const SIGNATURES = 50

const HSM_STEPS: readonly StepName[] = [
  'library',
  'token',
  'login',
  'key',
  'protection',
  'mechanism',
  'sessions',
]
const CERTIFICATE_STEPS: readonly StepName[] = ['certificate', 'chain', 'validity']
const SIGNATURE_STEPS: readonly StepName[] = ['test signature', 'latency']
export const TOKEN_STEPS = [...HSM_STEPS, ...CERTIFICATE_STEPS, ...SIGNATURE_STEPS]

/** Advice for a complete chain with warnings, in place of that for an incomplete one. */
const CHAIN_ADVICE =
  'Unless this is meant to be so, do what it says, or have an authority issue a certificate to which it does not apply'

/** Advice for a key with several certificates on the token. */
const UNUSED_ADVICE = 'Delete those that are not needed any more with "signing-service delete-cert"'

/** The steps with the token and the certificate of a signer. */
export class TokenSteps {
  readonly #report: Report
  readonly #configuration: SignerConfiguration
  readonly #hsm: HsmConfiguration
  #signerCertificate: SignerCertificate | undefined
  #key: FoundKey | undefined
  #step: CheckStep = 'library'
  #told: ToldPin | undefined

  constructor(report: Report, configuration: SignerConfiguration, hsm: HsmConfiguration) {
    this.#report = report
    this.#configuration = configuration
    this.#hsm = hsm
    this.#signerCertificate = configuration.signerCertificate
  }

  /**
   * Takes all steps, and reports failures too.
   *
   * @param limitMs time limit for each answer of the library, in ms
   * @param refusedPins those that tokens have refused so far, to which one that is refused is added
   * @returns the certificate from the files or the token; undefined if there is none
   */
  async run(
    access: AdministrationAccess,
    limitMs: number,
    refusedPins: ToldPin[],
  ): Promise<SignerCertificate | undefined> {
    const { rules } = this.#configuration
    const certifiedKey = this.#signerCertificate?.publicKey.export({ type: 'spki', format: 'der' })
    const request = {
      key: createPoolKey(this.#configuration, () => {}).request,
      ...defined({ certifiedKey }),
      caCertificates: this.#configuration.caCertificates.map(({ raw }) => raw),
      hashes: rules.hashAlgorithms.map(({ name }) => name),
      sessions: this.#hsm.sessions,
      signatures: SIGNATURES,
      refusedPins,
    }
    try {
      await administer('check', [access, request], limitMs, ({ step, finding, failure, told }) => {
        this.#step = step
        this.#told = told ?? this.#told
        if (finding !== undefined) {
          this.#found(finding)
        }
        if (failure !== undefined) {
          this.#failed(step, failure)
        }
      })
    } catch (error) {
      this.#failed(this.#step, (error as AdministrationError).failure)
    }
    if (this.#told !== undefined && this.#report.has('login', 'failed')) {
      refusedPins.push(this.#told)
    }
    const why = 'after what failed before'
    this.#report.skip([...HSM_STEPS, 'certificate'], why)
    this.#reportChain()
    this.#report.skip([...CERTIFICATE_STEPS, ...SIGNATURE_STEPS], why)
    return this.#signerCertificate
  }

  #failed(step: CheckStep, { about, message }: Failure): void {
    const name = step === 'signatures' ? 'test signature' : step
    const problem = about && problemOf({ about, message }, this.#configuration.settings)
    this.#report.failed(name, problem === undefined ? message : `${problem.variable}: ${problem.message}`)
  }

  #found(finding: Finding): void {
    const report = this.#report
    switch (finding.step) {
      case 'library':
      case 'token':
      case 'login':
      case 'mechanism':
        return report.passed(finding.step, finding.text)
      case 'key':
        this.#key = finding.key
        report.passed('key', `label ${printable(finding.key.label)}, id ${printable(finding.key.id)}`)
        return this.#reportProtection(finding.key)
      case 'sessions': {
        const { openMs } = finding
        const latency = summarize(openMs)
        const found = `${openMs.length} of ${openMs.length} opened, in ${formatLatency(latency)}`
        return report.passed('sessions', `${found} (min / median / p99)`, { openMs: latency })
      }
      case 'certificate':
        return this.#foundCertificate(finding.certificates)
      case 'signatures':
        return this.#foundSignatures(finding.signatures)
    }
  }

  #reportProtection(key: FoundKey): void {
    const { settings } = this.#configuration
    const unshown = findUnshown(key.protection)
    const warning = warnAboutExposure(key)
    const forbidden = this.#hsm.requireNonExtractableKeys && findForbiddenExposure(key, settings.key)
    if (forbidden) {
      this.#report.failed('protection', `${forbidden.variable}: ${forbidden.message}`)
    } else if (warning !== undefined) {
      this.#report.warned('protection', warning)
    } else if (unshown.length > 0) {
      this.#report.passed(
        'protection',
        `nothing speaks against it; the token does not show ${unshown.join(', ')}`,
      )
    } else {
      this.#report.passed('protection', 'generated on the token, sensitive, and never extractable')
    }
  }

  /** @param onToken DER of all of the key, if the certificate is on the token */
  #foundCertificate(onToken: readonly Uint8Array[] | undefined): void {
    const key = this.#key as FoundKey
    try {
      if (onToken !== undefined) {
        this.#signerCertificate = certificateFromToken(onToken, this.#configuration)
      }
      const signerCertificate = this.#signerCertificate as SignerCertificate
      const { certificate, publicKey } = signerCertificate
      checkKeyMatches(publicKey, key, this.#configuration.settings)
      const { subject } = validityPeriod(certificate)
      const certified = fingerprint(encodePublicKey(publicKey))
      const proof =
        key.publicKey === undefined
          ? "the token does not show the key's public half: the test signature tells whether it belongs to it"
          : 'it belongs to the key'
      const found = `of ${subject}, public key ${certified}: ${proof}`
      const unused = warnAboutUnused(signerCertificate)
      if (unused === undefined) {
        this.#report.passed('certificate', found)
      } else {
        this.#report.warned('certificate', `${found}; ${unused}`, UNUSED_ADVICE)
      }
    } catch (error) {
      this.#report.failed('certificate', (error as ConfigurationError).message)
    }
    this.#reportChain()
  }

  #reportChain(): void {
    if (this.#signerCertificate !== undefined && !this.#report.has('chain')) {
      reportChain(this.#report, this.#signerCertificate, this.#configuration)
    }
  }

  #foundSignatures(signatures: readonly TimedSignature[]): void {
    const signerCertificate = this.#signerCertificate
    if (signerCertificate === undefined) {
      return
    }
    const { algorithm } = signerCertificate
    const hashes = permittedHashes(this.#configuration.rules, algorithm)
    const works = new Map(hashes.map((hash) => [hash.name, createTestInput(0, signerCertificate, hash)]))
    const right = signatures.filter(({ hash, signature }) => works.get(hash)?.verify(signature)).length
    const verified =
      `${right} of ${signatures.length} verify with the certificate: ${algorithm.name} with ` +
      [...works.keys()].join(', ')
    this.#report[right === signatures.length ? 'passed' : 'failed']('test signature', verified)
    this.#reportLatency(signatures)
  }

  #reportLatency(signatures: readonly TimedSignature[]): void {
    const signInit = summarize(signatures.map(({ initMs }) => initMs))
    const sign = summarize(signatures.map(({ signMs }) => signMs))
    const { timeoutMs } = this.#hsm
    const inTime = signInit.p99 + sign.p99 < timeoutMs
    const found =
      `C_SignInit ${formatLatency(signInit)}, C_Sign ${formatLatency(sign)} ` +
      `(min / median / p99 of ${signatures.length}), ${inTime ? 'within' : 'beyond'} HSM_TIMEOUT_MS of ${timeoutMs}`
    const figures = { signInitMs: signInit, signMs: sign }
    if (inTime) {
      this.#report.passed('latency', found, figures)
    } else {
      this.#report.failed('latency', found, { figures })
    }
  }
}

/** Reports chain and validity of a certificate, which needs no HSM. */
function reportChain(
  report: Report,
  signerCertificate: SignerCertificate,
  configuration: SignerConfiguration,
): void {
  const { rules } = configuration
  const { certificate, issuers, complete, validity } = signerCertificate
  const path = validity.map(({ subject }) => subject).join(' < ')
  const warnings = listWarnings(configuration, signerCertificate)
  if (!complete) {
    const last = issuers.at(-1) ?? certificate
    report.failed('chain', `${path}; missing is the certificate of its issuer ${describeIssuer(last)}`)
  } else if (warnings.length === 0) {
    report.passed('chain', `complete to a self-signed root: ${path}`)
  } else {
    report.warned('chain', [`complete to a self-signed root: ${path}`, ...warnings].join('; '), CHAIN_ADVICE)
  }
  const now = new Date()
  const invalid = findInvalidity(validity, now) ?? findEarlyExpiry(validity, now, rules.minimumDaysLeft)
  const until = earliestNotAfter(validity)
  const days = Math.floor((until.getTime() - now.getTime()) / MS_PER_DAY)
  if (invalid === undefined) {
    report.passed('validity', `${days} days left, until ${until.toISOString()}`)
  } else {
    report.failed('validity', invalid)
  }
}
