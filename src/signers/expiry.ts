import { MS_PER_DAY } from '../common/day.ts'
import type { ValidityPeriod } from '../x509/validity.ts'

/** Days before the end at which a warning is due. Renewal by a certificate authority can take weeks. */
const THRESHOLDS_DAYS = [7, 14, 30] as const

export interface Expiry {
  /** The smallest threshold that has been reached. */
  readonly days: (typeof THRESHOLDS_DAYS)[number]
  /** Message in one sentence. */
  readonly message: string
}

/**
 * Describes that the first certificate of a chain to expire will soon do so. Returns undefined if that is more than 30
 * days away, or has happened, which `findInvalidity` describes.
 */
export function findExpiry(validity: readonly ValidityPeriod[], at: Date): Expiry | undefined {
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
