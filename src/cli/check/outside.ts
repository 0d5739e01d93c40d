/** Checks a service from outside: has signatures made as its callers do, and judges what comes back. */
import type { X509Certificate } from 'node:crypto'
import type { HashAlgorithm } from '../../algorithms/hash-algorithms.ts'
import type { SignatureType } from '../../cms/signed-attributes.ts'
import { MS_PER_DAY } from '../../common/day.ts'
import type { Level } from '../../configuration/container-configuration.ts'
import type { SignatureForm } from '../../configuration/signer-configuration.ts'
import { KnownChains } from '../../timestamp/authority-chains.ts'
import { verifySignatureTimestamp } from '../../timestamp/signature-timestamp.ts'
import { buildSignerChain } from '../../x509/review/certificate-review.ts'
import { findPathProblem } from '../../x509/review/path-problem.ts'
import { traceSigner } from '../../x509/review/trace-signer.ts'
import { describeIssuer, describeSubject, findInvalidity, validityPeriod } from '../../x509/validity.ts'
import { Clocks } from './clocks.ts'
import { judgeRefusal } from './refusal.ts'
import { ADVICE, Report, type Step, type StepName } from './report.ts'
import { ask, isObject, type Reply, readCertificates, readObject, type Service } from './service-client.ts'
import { buildTestAttributes, findRawProblem, TEST_DOCUMENT, verifyContainer } from './test-signature.ts'
import { type Figure, judge, type Verdict } from './verdict.ts'

/** Values from which on something is a warning, or critical. */
export interface Limits {
  /** Days that certificates are valid at least. */
  readonly days: Threshold
  /** Seconds that an answer may take. */
  readonly seconds: Threshold
  /** Seconds by which a clock may differ from this one. */
  readonly clock: Threshold
}

export interface Threshold {
  readonly warning: number
  readonly critical: number
}

export interface OutsideRequest {
  readonly service: Omit<Service, 'limitMs'>
  /** Names of signers; if there are none, those are asked that the service lists. */
  readonly signers: readonly string[]
  /** Forms that each signer must make; if there are none, those that it makes. */
  readonly containers: readonly SignatureForm[]
  readonly type: SignatureType
  readonly hash: HashAlgorithm
  /** The least level of a container; undefined for that of the signer. */
  readonly level: Level | undefined
  /** Certificates of signers, or of authorities above them. Without any, nobody vouches for a signer. */
  readonly signerAnchors: readonly X509Certificate[]
  readonly timestampAnchors: readonly X509Certificate[]
  readonly limits: Limits
  /** Time limit of the whole check, in ms. */
  readonly limitMs: number
}

/** Checks a service from outside, and judges it. */
export async function checkFromOutside(request: OutsideRequest): Promise<Verdict> {
  return new OutsideCheck(request).run()
}

export const FORMS: readonly SignatureForm[] = ['raw', 'pkcs7']
const STEP_OF_FORM = { raw: 'raw signature', pkcs7: 'pkcs7 container' } as const
/** Time, in ms, within which nothing can be asked. Timers end a little early. */
const MIN_MS = 10
const MORE_TIME = 'Give the check a longer --timeout, or fewer signers'
/** Levels from the lowest up. */
const LEVELS: readonly (string | undefined)[] = ['b-b', 'b-t', 'b-lt'] satisfies Level[]

class OutsideCheck {
  readonly #request: OutsideRequest
  readonly #reports: Report[] = [new Report()]
  readonly #figures: Figure[] = []
  readonly #clocks = new Clocks()
  readonly #end: number
  /** Signers that have signed, and forms that they made, for the summary. */
  readonly #signed = { signers: new Set<string>(), what: new Set<string>() }
  #leastDays = Number.POSITIVE_INFINITY
  #tlsCertificate: X509Certificate | undefined

  constructor(request: OutsideRequest) {
    this.#request = request
    this.#end = performance.now() + request.limitMs
  }

  async run(): Promise<Verdict> {
    const { limits } = this.#request
    const [report] = this.#reports as [Report]
    const signers = await this.#findSigners(report)
    for (const signer of signers) {
      const steps = new Report(undefined, signer)
      this.#reports.push(steps)
      await this.#checkSigner(steps, signer)
    }
    if (this.#tlsCertificate !== undefined) {
      this.#judgeDays(report, 'tls certificate', 'tls days', [this.#tlsCertificate])
    }
    this.#figures.push(...this.#clocks.report(report, limits.clock))
    const steps: Step[] = this.#reports.flatMap((one) => one.steps)
    return judge(steps, this.#figures, this.#summarize())
  }

  #summarize(): string {
    const { signers, what } = this.#signed
    const many = signers.size === 1 ? '1 signer signs' : `${signers.size} signers sign`
    return `${many}: ${[...what].join(', ')}; certificates are valid for ${this.#leastDays} days`
  }

  /**
   * Asks the service whether it is ready, and which signers it has.
   *
   * @returns names of signers; undefined stands for the one that a request gets which names none
   */
  async #findSigners(report: Report): Promise<readonly (string | undefined)[]> {
    const { service, signers: wanted } = this.#request
    const unnamed = wanted.length > 0 ? wanted : [undefined]
    const { adminUrl, url } = service
    try {
      const { status, body } = await this.#ask(adminUrl ?? url, '/health/ready')
      const reply = readObject(body) ?? {}
      if (reply.status === undefined) {
        report.skip(['service: ready'], `/health/ready answers ${status}, and not as the service does`)
      } else if (status === 200) {
        report.passed('service: ready', 'ready')
      } else {
        report.warned('service: ready', `${status}, ${reply.status}`)
      }
      // An address with a path stands for whom that path names
      const listed = url.pathname === '/' && isObject(reply.signers) ? Object.keys(reply.signers) : []
      return wanted.length === 0 && listed.length > 0 ? listed : unnamed
    } catch (error) {
      const { message } = error as Error
      if (error instanceof OutOfTime) {
        report.unknown('service: ready', message, MORE_TIME)
        return []
      }
      if (adminUrl === undefined) {
        report.failed('service: ready', message)
        return []
      }
      // A service that signs is well, even if its admin port is not reached
      report.unknown('service: ready', `the admin port ${message}`, 'Look at the address of --admin-url')
      return unnamed
    }
  }

  async #checkSigner(report: Report, signer: string | undefined): Promise<void> {
    const certificates = await this.#attempt(report, 'certificates', () =>
      this.#askForCertificates(report, signer),
    )
    if (certificates === undefined) {
      return report.skip(Object.values(STEP_OF_FORM), 'the certificates are not known')
    }
    const [leaf] = certificates
    this.#judgeChain(report, signer, certificates)
    const { containers } = this.#request
    const refused: (readonly [StepName, string])[] = []
    for (const form of containers.length > 0 ? containers : FORMS) {
      const step = STEP_OF_FORM[form]
      const refusal = await this.#attempt(report, step, () =>
        form === 'raw' ? this.#signRaw(report, signer, leaf) : this.#signContainer(report, signer, leaf),
      )
      refused.push(...(refusal === undefined ? [] : [[step, refusal] as const]))
    }
    for (const [step, refusal] of refused) {
      if (refused.length === FORMS.length) {
        report.unknown(step, refusal, 'Ask for what the signer makes: --container, --type')
      } else {
        report.skip([step], refusal)
      }
    }
  }

  /** Runs a step. What it throws is a failure of the step. */
  async #attempt<T>(report: Report, step: StepName, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act()
    } catch (error) {
      if (error instanceof OutOfTime) {
        report.unknown(step, error.message, MORE_TIME)
      } else {
        report.failed(step, (error as Error).message)
      }
      return undefined
    }
  }

  /** @returns undefined if they were refused, which is reported */
  async #askForCertificates(report: Report, signer: string | undefined) {
    const reply = await this.#post({ action: 'get_certificates' }, signer)
    if (reply.status !== 200) {
      this.#reportRefusal(report, 'certificates', reply)
      return undefined
    }
    const certificates = readCertificates(reply)
    const [leaf, ...others] = certificates
    report.passed('certificates', `of ${describeSubject(leaf)}, and ${others.length} above it`)
    return certificates
  }

  #judgeChain(
    report: Report,
    signer: string | undefined,
    sent: readonly [X509Certificate, ...X509Certificate[]],
  ) {
    const [leaf, ...others] = sent
    const { signerAnchors } = this.#request
    const at = new Date()
    const { issuers, complete } = buildSignerChain(leaf, [...signerAnchors, ...others], at)
    const path = [leaf, ...issuers]
    this.#judgeDays(report, 'validity', labelFor(signer, 'days'), path)
    if (signerAnchors.length > 0) {
      const traced = traceSigner(leaf, others, signerAnchors, at)
      if (typeof traced === 'string') {
        report.failed('chain', `it cannot be trusted: ${traced}`)
      } else {
        report.passed(
          'chain',
          `it leads to ${describeSubject(traced.at(-1) as X509Certificate)}, which is trusted`,
        )
      }
      return
    }
    const last = path.at(-1) as X509Certificate
    const problem = findPathProblem(path)
    if (problem !== undefined) {
      report.failed('chain', problem)
    } else if (!complete) {
      report.warned(
        'chain',
        `it ends at ${describeSubject(last)}: that of ${describeIssuer(last)} is missing`,
      )
    } else {
      report.passed('chain', `it leads to ${describeSubject(last)}; no trust anchor was given`)
    }
  }

  /** Judges the days until the first of some certificates ends. */
  #judgeDays(report: Report, step: StepName, label: string, path: readonly X509Certificate[]): void {
    const { days: limit } = this.#request.limits
    const now = new Date()
    const periods = path.map(validityPeriod)
    const [first] = periods.toSorted((a, b) => a.notAfter.getTime() - b.notAfter.getTime())
    const { subject, notAfter } = first as (typeof periods)[number]
    const days = Math.floor((notAfter.getTime() - now.getTime()) / MS_PER_DAY)
    this.#leastDays = Math.min(this.#leastDays, days)
    this.#figures.push({
      ...{ label, value: days, unit: '' },
      ...{ warning: `${limit.warning}:`, critical: `${limit.critical}:` },
    })
    const invalidity = findInvalidity(periods, now)
    const found =
      invalidity ?? `${days} days left of the certificate of ${subject}, until ${notAfter.toISOString()}`
    if (invalidity !== undefined || days < limit.critical) {
      report.failed(step, found)
    } else {
      report[days < limit.warning ? 'warned' : 'passed'](step, found)
    }
  }

  /** @returns why the signer makes no raw signatures, if it makes none */
  async #signRaw(
    report: Report,
    signer: string | undefined,
    leaf: X509Certificate,
  ): Promise<string | undefined> {
    const { hash, type } = this.#request
    const attributes = buildTestAttributes(leaf, hash)
    const body = { action: 'sign', data_to_be_signed: attributes.toString('base64'), ...this.#describe() }
    const reply = await this.#post(body, signer)
    if (reply.status !== 200) {
      return this.#reportRefusal(report, 'raw signature', reply)
    }
    const problem = findRawProblem(leaf, hash, attributes, reply.body)
    if (problem !== undefined) {
      throw new Error(problem)
    }
    this.#signed.what.add('raw')
    this.#judgeTime(report, 'raw', signer, reply, `it verifies with the certificate (${hash.name}, ${type})`)
    return undefined
  }

  /** @returns why the signer makes no containers, if it makes none */
  async #signContainer(report: Report, signer: string | undefined, leaf: X509Certificate) {
    const { hash, type } = this.#request
    const body = {
      ...{ action: 'sign_pkcs7', encoded_contents: TEST_DOCUMENT.toString('base64') },
      ...this.#describe(),
    }
    const reply = await this.#post(body, signer, 'application/json')
    if (reply.status !== 200) {
      return this.#reportRefusal(report, 'pkcs7 container', reply)
    }
    const { pkcs7, level, shortfall } = readObject(reply.body) ?? {}
    const container = verifyContainer(Buffer.from(`${pkcs7}`, 'base64'), leaf, hash)
    this.#signed.what.add(`PKCS#7 at level ${container.level}`)
    this.#judgeTime(
      report,
      'pkcs7',
      signer,
      reply,
      `it verifies with the certificate (${hash.name}, ${type})`,
    )
    this.#judgeLevel(report, container.level, `${level}`, shortfall)
    if (container.timestamp !== undefined) {
      this.#judgeTimestamp(report, signer, container.timestamp, container.signature, reply)
    }
    return undefined
  }

  /** Judges how long a signature took that is right. */
  #judgeTime(
    report: Report,
    form: SignatureForm,
    signer: string | undefined,
    { ms }: Reply,
    found: string,
  ): void {
    const { warning, critical } = this.#request.limits.seconds
    const seconds = ms / 1000
    this.#signed.signers.add(`${signer}`)
    this.#figures.push({
      ...{ label: labelFor(signer, form), value: seconds, unit: 's' },
      ...{ warning: `${warning}`, critical: `${critical}` },
    })
    const took = `${found}; it took ${seconds.toFixed(2)} s`
    if (seconds > warning) {
      report.warned(STEP_OF_FORM[form], took, ADVICE.latency)
    } else {
      report.passed(STEP_OF_FORM[form], took)
    }
  }

  /**
   * @param held level whose parts the container has
   * @param claimed level that the service says
   */
  #judgeLevel(report: Report, held: Level, claimed: string, shortfall: unknown): void {
    const { level: wanted } = this.#request
    const rank = (level: string | undefined) => LEVELS.indexOf(level)
    const why = shortfall === undefined ? '' : `, because of ${shortfall}`
    if (rank(held) < rank(claimed)) {
      report.failed('level', `the container has what makes ${held}, though the service says ${claimed}`)
    } else if (rank(claimed) < rank(wanted)) {
      report.failed('level', `${claimed}, and not ${wanted}${why}`)
    } else if (shortfall !== undefined) {
      report.warned('level', `${claimed} alone${why}`)
    } else {
      report.passed('level', claimed)
    }
  }

  #judgeTimestamp(
    report: Report,
    signer: string | undefined,
    encoded: Buffer,
    signature: Buffer,
    reply: Reply,
  ): void {
    try {
      const trust = { trustAnchors: this.#request.timestampAnchors, known: new KnownChains() }
      const { time, path } = verifySignatureTimestamp(encoded, signature, trust)
      this.#clocks.addTimestamp(time, reply)
      this.#judgeDays(report, 'timestamp', labelFor(signer, 'tsa days'), path)
    } catch (error) {
      report.failed('timestamp', `that in the container ${(error as Error).message}`)
    }
  }

  #reportRefusal(report: Report, step: StepName, { status, body }: Reply): string | undefined {
    const { kind, found, advice } = judgeRefusal(status, readObject(body))
    if (kind === 'other form' && this.#request.containers.length === 0) {
      return found
    }
    if (kind === 'failed') {
      report.failed(step, found, { advice })
    } else {
      report.unknown(step, found, advice)
    }
    return undefined
  }

  /** Returns the fields of a request for a signature that both forms have. */
  #describe() {
    const { hash, type } = this.#request
    return { hash_algorithm: hash.name, signature_type: type }
  }

  #post(body: object, signer: string | undefined, accept?: string): Promise<Reply> {
    const { url } = this.#request.service
    const path = url.pathname === '/' ? '/sign' : `${url.pathname}${url.search}`
    const named = signer === undefined ? body : { ...body, signing_token: JSON.stringify({ signer }) }
    return this.#ask(url, path, named, accept)
  }

  /** @throws OutOfTime once the time of the whole check is over */
  async #ask(url: URL, path: string, body?: object, accept?: string): Promise<Reply> {
    const { service, limits, limitMs: all } = this.#request
    const left = () => this.#end - performance.now()
    const outOfTime = new OutOfTime(`the ${all / 1000} s of the check were over before`)
    const limitMs = Math.min(left(), limits.seconds.critical * 1000)
    if (limitMs < MIN_MS) {
      throw outOfTime
    }
    const reply = await ask({ ...service, url, limitMs }, path, body, accept).catch((error) => {
      // An answer that was given less time than is all right says nothing about the service
      throw limitMs < limits.seconds.warning * 1000 && left() < MIN_MS ? outOfTime : error
    })
    this.#clocks.addAnswer(reply)
    this.#tlsCertificate ??= reply.serverCertificate
    return reply
  }
}

/** The time of the whole check is over. */
class OutOfTime extends Error {}

/** Returns the label of a figure, which has the name of the signer where there is one. */
function labelFor(signer: string | undefined, name: string): string {
  return signer === undefined ? name : `${signer} ${name}`
}
