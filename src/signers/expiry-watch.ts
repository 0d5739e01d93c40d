import type { BaseLogger } from 'pino'
import { MS_PER_DAY } from '../common/day.ts'
import { howToRenew, type ValidityPeriod, validityPeriod } from '../x509/validity.ts'
import type { Signers } from './signers.ts'

/** Interval between checks, in ms. A certificate on a token is not known before that is open. */
const INTERVAL_MS = 60_000

/** Days before the end at which a warning is due. Renewal by a certificate authority can take weeks. */
const THRESHOLDS_DAYS = [7, 14, 30] as const

/**
 * Logs that a certificate of a signer's chain will expire, once at each threshold, and at each start. It also notices when a signer
 * may have a better chain: one in the files begins to be valid, such as the renewed one of an authority that was put beside the former
 * one early, or an issuer of the chain has ended.
 */
export class ExpiryWatch {
  readonly #signers: Pick<Signers, 'all'>
  readonly #log: BaseLogger
  readonly #onChange: () => void
  #checkedAt = new Date()
  /** Threshold that was logged last, keyed by the name of the signer. */
  readonly #logged = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  /** @param onChange called when a signer may have another chain */
  constructor(signers: Pick<Signers, 'all'>, log: BaseLogger, onChange: () => void) {
    this.#signers = signers
    this.#log = log
    this.#onChange = onChange
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
    if (this.#mayHaveChanged(now)) {
      this.#onChange()
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

  /** Returns whether a signer may have had another chain since the last check. */
  #mayHaveChanged(now: Date): boolean {
    const moments = this.#signers.all().flatMap((signer) => {
      const { certificates = [], caCertificates } = signer.configuration
      const begins = [...certificates, ...caCertificates].map((one) =>
        validityPeriod(one).notBefore.getTime(),
      )
      // In place of the signer's own certificate no other one comes
      const [, ...issuers] = signer.knownCertificate()?.validity ?? []
      return [...begins, ...issuers.map(endOf)]
    })
    return moments.some((moment) => moment > this.#checkedAt.getTime() && moment <= now.getTime())
  }
}

/** Returns the moment at which a period is over, in ms. Its last second belongs to it (RFC 5280 4.1.2.5). */
function endOf({ notAfter }: ValidityPeriod): number {
  return notAfter.getTime() + 1000
}

/**
 * Describes that the first certificate of a chain to expire will soon do so. Returns undefined if that is more than 30
 * days away, or has happened, which `findInvalidity` describes.
 *
 * @returns the smallest threshold that has been reached, in days, and a message in one sentence
 */
export function findExpiry(validity: readonly ValidityPeriod[], at: Date) {
  const [first] = validity.toSorted((one, other) => one.notAfter.getTime() - other.notAfter.getTime())
  const left = first === undefined ? 0 : endOf(first) - at.getTime()
  const days = THRESHOLDS_DAYS.find((threshold) => left <= threshold * MS_PER_DAY)
  if (first === undefined || left <= 0 || days === undefined) {
    return undefined
  }
  const { subject, notAfter } = first
  const advice = howToRenew(first, validity)
  return {
    days,
    message: `The certificate of ${subject} expires within ${days} days, at ${notAfter.toISOString()}; ${advice}`,
  }
}
