/** Decides whether each signer can sign, why not and since when, for the health page, metrics and log. */
import type { BaseLogger } from 'pino'
import { defined } from '../common/defined.ts'
import type { SignerCertificate } from '../configuration/signer-configuration.ts'
import { CERTIFICATE_REVOKED } from '../errors.ts'
import type { HsmState } from '../pkcs11/pool/supervisor.ts'
import { earliestNotAfter } from '../x509/validity.ts'
import { findOversize } from './oversize.ts'
import type { Signer } from './signer.ts'
import type { Signers } from './signers.ts'
import { accessId } from './token-pool.ts'

/** Interval at which states are checked, and time that a state lasts before it is logged, in ms. */
const POLL_MS = 1_000

/** Interval at which the known revocation data are measured, in ms. New ones come every few minutes at most. */
const REVIEW_SIZES_MS = 10_000

/** State of a signer: that of its token and key, unless these sign and each request is refused all the same. */
export type SignerState =
  | HsmState
  | 'certificate not valid'
  | 'revoked'
  | 'timestamp authority away'
  | 'revocation information missing'

interface Judgement {
  readonly state: SignerState
  /** Reason for everybody who reaches the service, without paths and addresses. */
  readonly reason?: string
}

export interface SignerStatus extends Judgement {
  readonly name: string
  /** Name of the token, as in metrics. */
  readonly token: string
  readonly since: Date
  /** Earliest notAfter in the chain; absent while the certificate is not known. */
  readonly notAfter?: Date
}

/** States that are not logged, since they pass, or the log has the reason already. */
const QUIET: readonly SignerState[] = ['starting', 'closing', 'misconfigured']

/** Keeps the state of each signer, and logs when one cannot sign, and when it can again. */
export class Readiness {
  readonly #signers: Pick<Signers, 'all' | 'pools' | 'defaultSigner' | 'isSettling'>
  readonly #log: BaseLogger
  /** Last known status, keyed by the name of the signer. */
  #known: ReadonlyMap<string, SignerStatus> = new Map()
  /** Logged state of a signer that cannot sign, keyed by its name. */
  readonly #logged = new Map<string, SignerState>()
  /** Certificates of which the log says that containers are too large. */
  readonly #oversized = new WeakSet<SignerCertificate>()
  #wasReady = false
  #timers: readonly NodeJS.Timeout[] = []

  constructor(signers: Pick<Signers, 'all' | 'pools' | 'defaultSigner' | 'isSettling'>, log: BaseLogger) {
    this.#signers = signers
    this.#log = log
  }

  start(): void {
    this.#timers = [
      setInterval(() => this.check(), POLL_MS).unref(),
      setInterval(() => this.#reviewSizes(), REVIEW_SIZES_MS).unref(),
    ]
  }

  stop(): void {
    for (const timer of this.#timers) {
      clearInterval(timer)
    }
  }

  /** Returns the status of all signers, the default one first. */
  check(): SignerStatus[] {
    const now = new Date()
    const tokens = new Map([...this.#signers.pools()].map(([name, { access }]) => [accessId(access), name]))
    const statuses = this.#signers.all().map((signer): SignerStatus => {
      const token = tokens.get(accessId(signer.configuration.access)) as string
      const validity = signer.knownCertificate()?.validity
      const judgement = judge(signer, this.#wasReady)
      return {
        ...{ name: signer.name, token, ...judgement, since: this.#since(signer, judgement, now) },
        ...(validity && { notAfter: earliestNotAfter(validity) }),
      }
    })
    for (const status of statuses) {
      this.#logChange(status, now)
    }
    this.#known = new Map(statuses.map((status) => [status.name, status]))
    this.#wasReady ||= this.#isReadyAtStart(statuses)
    return statuses
  }

  /**
   * Returns whether the service is ready. At first that takes the default signer, so that a replica with a wrong
   * configuration replaces no other. From then on one signer is enough, since one token, certificate or timestamp
   * authority must not take all signers from the callers.
   */
  isReady(statuses: readonly SignerStatus[]): boolean {
    return this.#wasReady && statuses.some(({ state }) => state === 'ready')
  }

  #isReadyAtStart(statuses: readonly SignerStatus[]): boolean {
    const { defaultSigner } = this.#signers
    const needed = statuses.filter(({ name }) => defaultSigner === undefined || name === defaultSigner.name)
    return (
      needed.some(({ state }) => state === 'ready') &&
      statuses.every(({ state }) => state !== 'starting') &&
      !this.#signers.isSettling()
    )
  }

  /** Returns when the state began: the token knows when it changed, and anything else changed since the last check. */
  #since(signer: Signer, { state }: Judgement, now: Date): Date {
    const { since } = signer.status()
    const before = this.#known.get(signer.name)
    if (before === undefined || since > before.since) {
      return since
    }
    return state === before.state ? before.since : now
  }

  /** Logs a change of state that lasts. A token that is opened again may be away for a moment. */
  #logChange({ name, token, state, since, reason }: SignerStatus, now: Date): void {
    const about = { signer: name, token, state }
    if (state === 'ready') {
      if (this.#logged.delete(name)) {
        this.#log.info(about, 'the signer can sign again')
      }
    } else if (
      !QUIET.includes(state) &&
      this.#logged.get(name) !== state &&
      now.getTime() - since.getTime() >= POLL_MS
    ) {
      this.#logged.set(name, state)
      const why = [state, reason].filter((part) => part !== undefined)
      this.#log.error(about, `the signer cannot sign: ${why.join(': ')}`)
    }
  }

  /** Warns once of each certificate with which containers are too large. Its signer is ready, since it makes raw signatures. */
  #reviewSizes(): void {
    for (const signer of this.#signers.all()) {
      const signerCertificate = signer.knownCertificate()
      if (signerCertificate !== undefined && !this.#oversized.has(signerCertificate)) {
        const oversize = findOversize(signer.configuration, signerCertificate, signer.sources.revocations)
        if (oversize !== undefined) {
          this.#oversized.add(signerCertificate)
          this.#log.warn({ signer: signer.name }, oversize)
        }
      }
    }
  }
}

function judge(signer: Signer, wasReady: boolean): Judgement {
  const { state, reason } = signer.status()
  return state === 'ready'
    ? (findWrongCertificate(signer) ?? findMissingPart(signer, wasReady) ?? { state })
    : { state, ...defined({ reason }) }
}

/** Returns the refusal that each request gets because of the signer's certificates; undefined if there is none. */
function findWrongCertificate(signer: Signer): Judgement | undefined {
  try {
    signer.validCertificate()
    return undefined
  } catch (error) {
    const state = error instanceof CERTIFICATE_REVOKED ? 'revoked' : 'certificate not valid'
    return { state, reason: (error as Error).message }
  }
}

/** Returns what is missing for containers of the required level; undefined if nothing is. */
function findMissingPart(signer: Signer, wasReady: boolean): Judgement | undefined {
  const { container, rules, sources } = signer
  if (!rules.containers.includes('pkcs7')) {
    return undefined
  }
  const unstamped = signer.missingTimestamps()
  if (unstamped !== undefined && sources.timestamper?.problem !== undefined) {
    return { state: 'timestamp authority away', reason: unstamped }
  }
  if (unstamped !== undefined && !wasReady) {
    return { state: 'starting', reason: unstamped }
  }
  const missing = container.revocationFallback === 'refuse' ? findMissingEvidence(signer) : undefined
  return missing === undefined ? undefined : { state: 'revocation information missing', reason: missing }
}

/** Returns why no container of level b-lt can be made, whichever authority gives the timestamp. */
function findMissingEvidence(signer: Signer): string | undefined {
  const { revocations } = signer.sources
  if (signer.container.level !== 'b-lt') {
    return undefined
  }
  for (const paths of [[signer.certificate().path], signer.authorityPaths()]) {
    const information = paths.map((path) => revocations.information(path))
    if (information.length > 0 && information.every(({ complete }) => !complete)) {
      return information.flatMap(({ publicProblems }) => publicProblems).join('. ')
    }
  }
  return undefined
}
