import type { ValidityPeriod } from '../x509/validity.ts'

const DAY_MS = 86_400_000
/** Renewal takes weeks where a certificate authority has to be asked. */
const THRESHOLDS_DAYS = [7, 14, 30] as const

export interface Expiry {
  /** The smallest threshold that has been reached. */
  readonly days: (typeof THRESHOLDS_DAYS)[number]
  /** A sentence. */
  readonly message: string
}

/**
 * Says that a chain will soon have expired, because of the certificate of it that ends first; undefined when that is
 * more than 30 days away, or has happened, which `findInvalidity` tells.
 */
export function describeExpiry(validity: readonly ValidityPeriod[], at: Date): Expiry | undefined {
  const [first] = validity.toSorted((one, other) => one.notAfter.getTime() - other.notAfter.getTime())
  // RFC 5280 4.1.2.5: the last second is included
  const left = first === undefined ? 0 : first.notAfter.getTime() + 1000 - at.getTime()
  const days = THRESHOLDS_DAYS.find((threshold) => left <= threshold * DAY_MS)
  if (first === undefined || left <= 0 || days === undefined) {
    return undefined
  }
  const { subject, notAfter } = first
  return {
    days,
    message: `The certificate of ${subject} expires within ${days} days, at ${notAfter.toISOString()}; renew it`,
  }
}
