/** Checks that the certificates' OCSP responders or CRLs say that the certificates are good. */
import type { X509Certificate } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { HttpClient } from '../../common/http-client.ts'
import type { Proxies } from '../../common/proxies.ts'
import type { Level } from '../../configuration/container-configuration.ts'
import type { RevocationState } from '../../revocation/revocation-information.ts'
import { RevocationService } from '../../revocation/revocation-service.ts'
import { ADVICE, REVOCATION_ADVICE } from './advice.ts'
import type { Report } from './report.ts'

const POLL_MS = 20

type Path = readonly X509Certificate[]

/** Asks about each certificate once, however many signers have it in their chain. */
export class RevocationStep {
  readonly #service: RevocationService
  readonly #limitMs: number
  readonly #isLongTerm: boolean
  readonly #paths: Path[] = []

  /**
   * @param limitMs time limit for all answers about the certificates of a signer, in ms
   * @param isLongTerm true if any signer has level b-lt, which needs revocation information
   */
  constructor(proxies: Proxies, limitMs: number, isLongTerm: boolean) {
    this.#service = new RevocationService({
      log: pino({ level: 'silent' }),
      client: new HttpClient({ proxies }),
      observer: { asked: () => {} },
    })
    this.#limitMs = limitMs
    this.#isLongTerm = isLongTerm
  }

  /** @param paths certificates, each followed by its issuers */
  async run(report: Report, paths: readonly Path[], level: Level): Promise<void> {
    this.#paths.push(...paths)
    this.#service.watch(this.#paths)
    this.#service.start()
    const deadline = performance.now() + this.#limitMs
    let states = this.#states(paths)
    while (states.some(({ pending }) => pending) && performance.now() < deadline) {
      await delay(POLL_MS)
      states = this.#states(paths)
    }
    if (isFailure(states, level)) {
      report.failed('revocation', describe(states), { advice: advise(states, level, this.#isLongTerm) })
    } else {
      report.passed('revocation', describe(states))
    }
  }

  /** Ends all pending requests. */
  close(): void {
    this.#service.stop()
  }

  #states(paths: readonly Path[]): RevocationState[] {
    return paths.flatMap((path) => this.#service.states(path))
  }
}

/** Returns whether the step fails. A certificate may name no source of revocation information, except at level b-lt. */
function isFailure(states: readonly RevocationState[], level: Level): boolean {
  return states.some(
    ({ askable, evidence, revocation }) =>
      revocation !== undefined || (evidence === undefined && (askable || level === 'b-lt')),
  )
}

/** Returns advice for the problems of a signer's certificates. */
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
