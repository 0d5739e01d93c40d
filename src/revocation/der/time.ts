import type { DerReader } from '../../der/der-reader.ts'
import { TAG } from '../../der/tag.ts'

/** How far the clocks of those who say when something was true may be ahead of ours. */
const CLOCK_TOLERANCE_MS = 300_000

/** When what a responder or a CRL says is the newest that is known (RFC 6960 4.2.2.1, RFC 5280 5.1.2.4). */
export interface UpdateTimes {
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** What tells of a revocation, and shows nothing else: a signature over it is right, but something about it is not. */
export interface Flawed {
  /** Why it does not show that a certificate is good, in words; undefined where it does. */
  readonly flaw?: string
}

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/**
 * Reads a UTCTime or a GeneralizedTime in the forms of RFC 5280 4.1.2.5: to the second, in UTC.
 *
 * @throws Error on other forms
 */
export function readTime(reader: DerReader): Date {
  const isUtc = reader.tag === TAG.utcTime
  const text = reader.content(isUtc ? TAG.utcTime : TAG.generalizedTime).toString('latin1')
  const parts = (isUtc ? UTC_TIME : GENERALIZED_TIME).exec(text)?.slice(1) ?? []
  const [year, month, day, hour, minute, second] = parts
  const date = new Date(`${isUtc ? century(year) : ''}${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(date.getTime())) {
    throw new Error('it is no DER of this kind: a time is not one of RFC 5280')
  }
  return date
}

/** Two digits of a year are those of 1950 to 2049 (RFC 5280 4.1.2.5.1). */
function century(year: string | undefined): string {
  return Number(year) >= 50 ? '19' : '20'
}

/**
 * Why times are not those of something fresh, in words; undefined where they are. Tolerance is only for clocks that
 * are ahead of ours: what has ended by our clock is of no use to those who validate signatures made from now on.
 */
export function describeStaleness({ thisUpdate, nextUpdate }: UpdateTimes, at: Date): string | undefined {
  if (thisUpdate.getTime() > at.getTime() + CLOCK_TOLERANCE_MS) {
    return `it is from the future, ${thisUpdate.toISOString()}; check the clock`
  }
  return nextUpdate <= at ? `it was to be replaced at ${nextUpdate.toISOString()}` : undefined
}
