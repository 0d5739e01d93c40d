/** Checks timestamp authorities and revocation, which the service asks for over the network. */
import type { X509Certificate } from 'node:crypto'
import { pino } from 'pino'
import { HttpClient } from '../../common/http-client.ts'
import type { Configuration } from '../../configuration/configuration.ts'
import type { Level, TimestampConfiguration } from '../../configuration/container-configuration.ts'
import {
  certificateFilesOf,
  type SignerCertificate,
  type SignerConfiguration,
} from '../../configuration/signer-configuration.ts'
import { nameAuthorities } from '../../configuration/timestamp-authority.ts'
import type { RevocationState } from '../../revocation/revocation-information.ts'
import { RevocationService } from '../../revocation/revocation-service.ts'
import { findOversize } from '../../signers/oversize.ts'
import { Timestamper } from '../../timestamp/timestamper.ts'
import { describeSubject } from '../../x509/validity.ts'
import { waitUntil } from '../wait-until.ts'
import { ADVICE, REVOCATION_ADVICE, type Report } from './report.ts'

/** A certificate, followed by its issuers. */
type Path = readonly X509Certificate[]

/** Outcome of the request to one timestamp authority. */
interface Answer {
  readonly name: string
  readonly ms: number
  /** Problem, beginning with the authority's name; undefined if there is a timestamp. */
  readonly problem: string | undefined
  /** Certificates of an authority that gave a timestamp. */
  readonly path: Path
  /** True if there are trust anchors for it, so that its revocation can be checked. */
  readonly anchored: boolean
}

/** Asks each authority, and about each certificate, once, however many signers have it. */
export class NetworkSteps {
  readonly #configuration: Configuration
  readonly #limitMs: number
  readonly #revocation: RevocationService
  readonly #answers = new Map<TimestampConfiguration['authorities'], Promise<readonly Answer[]>>()
  readonly #watched: Path[] = []

  /** @param limitMs time limit for answers about the certificates of a signer, in ms */
  constructor(configuration: Configuration, limitMs: number) {
    this.#configuration = configuration
    this.#limitMs = limitMs
    this.#revocation = new RevocationService({
      log: pino({ level: 'silent' }),
      client: new HttpClient({ proxies: configuration.proxies }),
      observer: { asked: () => {} },
    })
  }

  /** @param signerCertificate undefined if it is not known */
  async run(
    report: Report,
    signer: SignerConfiguration,
    signerCertificate: SignerCertificate | undefined,
  ): Promise<void> {
    const { timestamps } = signer.container
    const authorities = timestamps === undefined ? [] : await this.#askForTimestamps(report, timestamps)
    if (!this.#configuration.revocationCheck) {
      report.skip(['revocation'], 'REVOCATION_CHECK is off')
    } else if (signerCertificate === undefined) {
      report.skip(['revocation'], 'the certificate is not known')
    } else {
      await this.#checkRevocation(report, signer, signerCertificate, authorities)
    }
  }

  /** Ends all pending requests. */
  close(): void {
    this.#revocation.stop()
  }

  /**
   * Reports one step for each authority.
   *
   * @returns certificates of authorities with trust anchors that gave a timestamp
   */
  async #askForTimestamps(report: Report, { authorities }: TimestampConfiguration): Promise<readonly Path[]> {
    const asking = this.#answers.get(authorities) ?? this.#ask(authorities)
    this.#answers.set(authorities, asking)
    const answers = await asking
    for (const { name, ms, problem, path, anchored } of answers) {
      if (problem !== undefined) {
        report.failed('timestamp', problem)
      } else {
        const subjects = path.map(describeSubject).join(' < ')
        const held = anchored ? '' : '; no trust anchor is configured'
        report.passed('timestamp', `${name} gave one in ${ms.toFixed(0)} ms: ${subjects}${held}`, {
          timestampMs: ms,
        })
      }
    }
    return answers
      .filter(({ problem, anchored }) => problem === undefined && anchored)
      .map(({ path }) => path)
  }

  /** Asks each authority for a timestamp within the time limit of a request to the service, which it must keep too. */
  async #ask(authorities: TimestampConfiguration['authorities']): Promise<readonly Answer[]> {
    const { proxies, hsm } = this.#configuration
    const outcomes = new Map<string, Pick<Answer, 'ms' | 'problem'>>()
    const asked = (name: string, seconds: number, _: unknown, problem?: string) =>
      outcomes.set(name, { ms: seconds * 1000, problem })
    const timestamper = new Timestamper({ authorities, proxies, observer: { asked } })
    try {
      await timestamper.probe(hsm.timeoutMs)
      const paths = [...timestamper.sentPaths()]
      return nameAuthorities(authorities).map((name, index) => {
        const { ms, problem } = outcomes.get(name) as Pick<Answer, 'ms' | 'problem'>
        const path = problem === undefined ? (paths.shift() as Path) : []
        return { name, ms, problem, path, anchored: authorities[index]?.trustAnchors.length !== 0 }
      })
    } finally {
      timestamper.close()
    }
  }

  /** @param authorities paths of the timestamp authorities */
  async #checkRevocation(
    report: Report,
    signer: SignerConfiguration,
    signerCertificate: SignerCertificate,
    authorities: readonly Path[],
  ): Promise<void> {
    const { level } = signer.container
    const paths = [signerCertificate.path, ...authorities]
    this.#watched.push(...paths)
    this.#revocation.watch(this.#watched, this.#configuration.signers.signers.flatMap(certificateFilesOf))
    this.#revocation.start()
    const readStates = () => paths.flatMap((path) => this.#revocation.states(path))
    await waitUntil(this.#limitMs, () => !readStates().some(({ pending }) => pending))
    const states = readStates()
    if (isFailure(states, level)) {
      const { signers } = this.#configuration.signers
      const isLongTerm = signers.some(({ container }) => container.level === 'b-lt')
      report.failed('revocation', describe(states), { advice: advise(states, level, isLongTerm) })
      return
    }
    const oversize = findOversize(signer, signerCertificate, this.#revocation)
    // Paths share issuers, of which each doubt is told once
    const doubts = new Set(level === 'b-lt' ? paths.flatMap((path) => this.#revocation.doubts(path)) : [])
    const advice = [...(oversize === undefined ? [] : [REVOCATION_ADVICE.oversize]), ...doubts]
    const found = [describe(states), ...(oversize === undefined ? [] : [oversize])].join('; ')
    if (advice.length > 0) {
      report.warned('revocation', found, advice.join('. '))
    } else {
      report.passed('revocation', found)
    }
  }
}

/** Returns whether the step fails. A certificate may name no source of revocation information, except at level b-lt. */
function isFailure(states: readonly RevocationState[], level: Level): boolean {
  return states.some(
    ({ askable, evidence, revocation }) =>
      revocation !== undefined || (evidence === undefined && (askable || level === 'b-lt')),
  )
}

/**
 * Returns advice for the problems of a signer's certificates.
 *
 * @param isLongTerm true if any signer has level b-lt, which needs revocation information
 */
function advise(states: readonly RevocationState[], level: Level, isLongTerm: boolean): string {
  const unknown = states.filter(
    ({ evidence, revocation }) => evidence === undefined && revocation === undefined,
  )
  const isUnreached = unknown.some(({ askable }) => askable)
  const isUnnamed = level === 'b-lt' && unknown.some(({ askable }) => !askable)
  return [
    ...(states.some(({ revocation }) => revocation !== undefined) ? [REVOCATION_ADVICE.revoked] : []),
    ...(isUnreached ? [isLongTerm ? REVOCATION_ADVICE.longTerm : ADVICE.revocation] : []),
    ...(isUnnamed ? [REVOCATION_ADVICE.unnamed] : []),
  ].join('. ')
}

/** Describes certificates by their states, each once. */
function describe(states: readonly RevocationState[]): string {
  const groups = { '': new Set<string>(), 'good: ': new Set<string>(), 'unknown: ': new Set<string>() }
  for (const { subject, evidence, revocation, problems } of states) {
    if (revocation !== undefined) {
      groups[''].add(`${subject} was revoked at ${revocation.at.toISOString()} (${revocation.reason})`)
    } else if (evidence !== undefined) {
      groups['good: '].add(`${subject} by ${evidence.ocspResponses.length > 0 ? 'OCSP' : 'a CRL'}`)
    } else {
      groups['unknown: '].add(`${subject} (${problems.join('; ')})`)
    }
  }
  const parts = Object.entries(groups).filter(([, group]) => group.size > 0)
  return (
    parts.map(([name, group]) => `${name}${[...group].join(', ')}`).join('; ') ||
    'it is its own root, which nobody can revoke'
  )
}
