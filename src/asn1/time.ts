import { DerReader } from './der-reader.ts'
import { TAG } from './tag.ts'

const UTC_TIME = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
const GENERALIZED_TIME = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,20}))?Z$/

/** Characters of a wrong time that a message quotes; a real time has fewer. */
const MAX_SHOWN = 32

export interface TimeForm {
  /** Allows fractions of a second in a GeneralizedTime, as RFC 3161 2.4.2 does. */
  readonly fractions?: boolean
}

/**
 * Reads a UTCTime or a GeneralizedTime in the forms of RFC 5280 4.1.2.5: to the second, in UTC. No issuer may write a
 * GeneralizedTime before 2050, but 4.1.2.5 demands that it be read.
 *
 * @throws Error on other forms, and on dates and times that do not exist
 */
export function readTime(reader: DerReader, { fractions = false }: TimeForm = {}): Date {
  const isUtc = reader.tag === TAG.utcTime
  const text = reader.content(isUtc ? TAG.utcTime : TAG.generalizedTime).toString('latin1')
  const [, year = '', month, day, hour, minute, second, fraction] =
    (isUtc ? UTC_TIME : GENERALIZED_TIME).exec(text) ?? []
  const whole = `${isUtc ? century(year) : ''}${year}-${month}-${day}T${hour}:${minute}:${second}`
  const date = new Date(`${whole}Z`)
  // Date turns 31 February into 3 March, and 24:00 into the next day
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(whole) || (fraction && !fractions)) {
    const shown = JSON.stringify(text.slice(0, MAX_SHOWN))
    throw new Error(`it is no DER of this kind: ${shown} is not a time of RFC 5280 4.1.2.5`)
  }
  return new Date(date.getTime() + Number((fraction ?? '').padEnd(3, '0').slice(0, 3)))
}

/**
 * Reads a GeneralizedTime with or without fractions of a second. OCSP answers and timestamps have no UTCTime (RFC 6960 4.2.1,
 * RFC 3161 2.4.2), other than certificates and CRLs.
 *
 * @throws Error as `readTime`
 */
export function readGeneralizedTime(reader: DerReader): Date {
  return readTime(new DerReader(reader.element(TAG.generalizedTime)), { fractions: true })
}

/** Returns the century of a year with two digits, which is 1950 to 2049 (RFC 5280 4.1.2.5.1). */
function century(year: string): string {
  return Number(year) >= 50 ? '19' : '20'
}
