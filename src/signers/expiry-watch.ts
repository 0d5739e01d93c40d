import type { BaseLogger } from 'pino'
import { MS_PER_DAY } from '../common/day.ts'
import { type ValidityPeriod, validityPeriod } from '../x509/validity.ts'
import type { Signers } from './signers.ts'

/** Interval between checks, in ms. A certificate on a token is not known before that is open. */
const INTERVAL_MS = 60_000

/** Days before the end at which a warning is due. Renewal by a certificate authority can take weeks. */
const THRESHOLDS_DAYS = [7, 14, 30] as const

/**
 * Logs that a certificate of a signer's chain will expire, once at each threshold, and at each start. It also notices when one in
 * the files begins to be valid, such as the renewed one of an authority that was put beside the former one early.
 */
export class ExpiryWatch {
  readonly #signers: Pick<Signers, 'all'>
  readonly #log: BaseLogger
  readonly #onBegun: () => void
  #checkedAt = new Date()
  /** Threshold that was logged last, keyed by the name of the signer. */
  readonly #logged = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param onBegun called when a certificate has begun to be valid with which a signer may have another chain */
  constructor(signers: Pick<Signers, 'all'>, log: BaseLogger, onBegun: () => void) {
    this.#signers = signers
    this.#log = log
    this.#onBegun = onBegun
  }

  start(): void {
    this.check()
    this.#timer = setInterval(() => this.check(), INTERVAL_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Checks all signers. Called also when signers have changed. */
  check(): void {
    const now = new Date()
    if (this.#hasBegun(now)) {
      this.#onBegun()
    }
    this.#checkedAt = now
    for (const signer of this.#signers.all()) {
      const expiry = findExpiry(signer.knownCertificate()?.validity ?? [], now)
      if (expiry === undefined) {
        this.#logged.delete(signer.name)
      } else if (expiry.days !== this.#logged.get(signer.name)) {
        this.#logged.set(signer.name, expiry.days)
        this.#log.warn({ signer: signer.name, days: expiry.days }, expiry.message)
      }
    }
  }

  /** Returns whether a certificate has begun to be valid since the last check. */
  #hasBegun(now: Date): boolean {
    return this.#signers
      .all()
      .flatMap(({ configuration: { certificates = [], caCertificates } }) => [
        ...certificates,
        ...caCertificates,
      ])
      .map(validityPeriod)
      .some(({ notBefore }) => notBefore > this.#checkedAt && notBefore <= now)
  }
}

/**
 * Describes that the first certificate of a chain to expire will soon do so. Returns undefined if that is more than 30
 * days away, or has happened, which `findInvalidity` describes.
 *
 * @returns the smallest threshold that has been reached, in days, and a message in one sentence
 */
export function findExpiry(validity: readonly ValidityPeriod[], at: Date) {
  const [first] = validity.toSorted((one, other) => one.notAfter.getTime() - other.notAfter.getTime())
  // The last second belongs to the period (RFC 5280 4.1.2.5)
  const left = first === undefined ? 0 : first.notAfter.getTime() + 1000 - at.getTime()
  const days = THRESHOLDS_DAYS.find((threshold) => left <= threshold * MS_PER_DAY)
  if (first === undefined || left <= 0 || days === undefined) {
    return undefined
  }
  const { subject, notAfter } = first
  return {
    days,
    message: `The certificate of ${subject} expires within ${days} days, at ${notAfter.toISOString()}; renew it`,
  }
}
