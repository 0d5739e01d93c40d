/** Reports the steps on the HSM, which a process of its own takes, and those that depend on them. */

import { defined } from '../../common/defined.ts'
import { checkHashAlgorithms, permittedHashes } from '../../configuration/algorithm-fit.ts'
import type { HsmConfiguration } from '../../configuration/configuration.ts'
import { certificateFromToken } from '../../configuration/signer-certificate.ts'
import type { SignerCertificate, SignerConfiguration } from '../../configuration/signer-configuration.ts'
import { type AdministrationError, administer } from '../../pkcs11/administration/administer.ts'
import type { CheckStep, Finding, Progress, TimedSignature } from '../../pkcs11/administration/check.ts'
import type { Failure } from '../../pkcs11/administration/failure.ts'
import type { AdministrationAccess } from '../../pkcs11/administration/session.ts'
import { findForbiddenExposure, findUnshown, warnAboutExposure } from '../../pkcs11/key-protection.ts'
import type { FoundKey } from '../../pkcs11/messages.ts'
import { createTestInput } from '../../pkcs11/signing-input.ts'
import { createPoolKey } from '../../signers/key-request.ts'
import { printable } from '../table.ts'
import { formatVersion } from '../tokens.ts'
import type { StepName } from './advice.ts'
import { reportCertificate, reportChain, reportConfigured } from './certificate-steps.ts'
import { formatLatency, summarize } from './latency.ts'
import type { Report } from './report.ts'

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

export class TokenSteps {
  readonly #configuration: SignerConfiguration
  readonly #hsm: HsmConfiguration
  readonly #report: Report
  #signerCertificate: SignerCertificate | undefined
  #key: FoundKey | undefined
  #step: CheckStep = 'library'

  constructor(configuration: SignerConfiguration, hsm: HsmConfiguration, report: Report) {
    this.#configuration = configuration
    this.#hsm = hsm
    this.#report = report
    this.#signerCertificate = configuration.signerCertificate
  }

  /** Certificate from the files or the token; undefined if there is none. */
  get signerCertificate(): SignerCertificate | undefined {
    return this.#signerCertificate
  }

  /** Takes all steps, and reports failures too. */
  async run(access: AdministrationAccess, limitMs: number): Promise<void> {
    const { rules } = this.#configuration
    const certifiedKey = this.#signerCertificate?.publicKey.export({ type: 'spki', format: 'der' })
    const request = {
      key: createPoolKey(this.#configuration, () => {}).request,
      ...defined({ certifiedKey }),
      hashes: rules.hashAlgorithms.map(({ name }) => name),
      sessions: this.#hsm.sessions,
      signatures: SIGNATURES,
    }
    try {
      await administer('check', [access, request], limitMs, (progress) => this.#note(progress))
    } catch (error) {
      this.#failed(this.#step, (error as AdministrationError).failure)
    }
    const why = 'after what failed before'
    this.#report.skip([...HSM_STEPS, 'certificate'], why)
    this.#reportChain()
    this.#report.skip([...CERTIFICATE_STEPS, ...SIGNATURE_STEPS], why)
  }

  #note(progress: Progress): void {
    switch (progress.type) {
      case 'begins':
        this.#step = progress.step
        break
      case 'found':
        this.#found(progress.finding)
        break
      case 'failed':
        this.#failed(progress.step, progress.failure)
        break
    }
  }

  #failed(step: CheckStep | 'protection', { variable, message }: Failure): void {
    const name = step === 'signatures' ? 'test signature' : step
    this.#report.failed(name, variable === undefined ? message : `${variable}: ${message}`)
  }

  #found(finding: Finding): void {
    const report = this.#report
    switch (finding.step) {
      case 'library': {
        const { description, manufacturer, version, cryptoki } = finding.library
        const versions = `version ${formatVersion(version)}, PKCS#11 ${formatVersion(cryptoki)}`
        return report.passed('library', `${description} by ${manufacturer}, ${versions}`)
      }
      case 'token': {
        const { label, serial, manufacturer, model } = finding.token
        return report.passed('token', `label ${label}, serial ${serial}, ${model} by ${manufacturer}`)
      }
      case 'mechanism': {
        const { name, sign, minBits, maxBits } = finding.mechanism
        return sign
          ? report.passed('mechanism', `${name} signs with keys of ${minBits} to ${maxBits} bits`)
          : report.failed('mechanism', `${name} is there, but not for signatures`)
      }
      case 'login':
        return report.passed('login', 'the token took the PIN')
      case 'key':
        this.#key = finding.key
        report.passed('key', `label ${printable(finding.key.label)}, id ${printable(finding.key.id)}`)
        return this.#reportProtection(finding.key)
      case 'sessions':
        return this.#foundSessions(finding)
      case 'certificate':
        return this.#foundCertificate(finding.certificate)
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
      this.#failed('protection', forbidden)
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

  #foundSessions({ opened, failure }: Extract<Finding, { step: 'sessions' }>): void {
    const { sessions } = this.#hsm
    const found = `${opened.length} of ${sessions} opened`
    if (failure !== undefined) {
      return this.#report.failed('sessions', `${found}, then ${failure.message}`)
    }
    const openMs = summarize(opened)
    this.#report.passed('sessions', `${found}, in ${formatLatency(openMs)} (min / median / p99)`, { openMs })
  }

  #foundCertificate(certificate: Uint8Array | undefined): void {
    reportConfigured(this.#report, () => {
      if (certificate !== undefined) {
        this.#signerCertificate = certificateFromToken(certificate, this.#configuration)
      }
      const { settings } = this.#configuration
      checkHashAlgorithms(this.#configuration, (this.#signerCertificate as SignerCertificate).algorithm)
      reportCertificate(
        this.#report,
        this.#signerCertificate as SignerCertificate,
        this.#key as FoundKey,
        settings,
      )
    })
    this.#reportChain()
  }

  #reportChain(): void {
    if (this.#signerCertificate !== undefined && !this.#report.has('chain')) {
      reportChain(this.#report, this.#signerCertificate, this.#configuration.rules)
    }
  }

  #foundSignatures(signatures: readonly TimedSignature[]): void {
    if (this.#signerCertificate === undefined) {
      return
    }
    const works = new Map(
      permittedHashes(this.#configuration.rules, this.#signerCertificate.algorithm).map((hash) => [
        hash.name,
        createTestInput(0, this.#signerCertificate as SignerCertificate, hash),
      ]),
    )
    const right = signatures.filter(({ hash, signature }) => works.get(hash)?.verify(signature)).length
    const verified =
      `${right} of ${signatures.length} verify with the certificate: ${this.#signerCertificate.algorithm.name} with ` +
      [...works.keys()].join(', ')
    this.#report[right === signatures.length ? 'passed' : 'failed']('test signature', verified)
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
