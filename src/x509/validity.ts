import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { MS_PER_DAY } from '../common/day.ts'
import { readCertificateFields } from './certificate-fields.ts'

/** The period in which a certificate is valid, with both ends, to the second (RFC 5280 4.1.2.5). */
export interface ValidityPeriod {
  readonly subject: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** True if the certificate is a root. */
  readonly root?: boolean
  /** Says why the certificate is never valid, if that is so. Dates that cannot be read are then in 1970. */
  readonly flaw?: string
}

/** Returns the period of a certificate, the same object each time. */
export function validityPeriod(certificate: X509Certificate): ValidityPeriod {
  const period = periods.get(certificate) ?? describePeriod(certificate)
  periods.set(certificate, period)
  return period
}

/** Each signer of hundreds may have a file with the roots of all browsers: reading them anew took most of a reload. */
const periods = new WeakMap<X509Certificate, ValidityPeriod>()

/** Reads the period from the certificate's DER, since Node makes arbitrary dates of malformed times. */
function describePeriod(certificate: X509Certificate): ValidityPeriod {
  const subject = describeSubject(certificate)
  try {
    const { notBefore, notAfter } = readPeriod(certificate)
    const flaw = `its notBefore, ${notBefore.toISOString()}, is later than its notAfter, ${notAfter.toISOString()}`
    const root = certificate.ca && certificate.subject === certificate.issuer ? { root: true } : {}
    return { subject, notBefore, notAfter, ...root, ...(notBefore > notAfter ? { flaw } : {}) }
  } catch (error) {
    return { subject, notBefore: new Date(0), notAfter: new Date(0), flaw: (error as Error).message }
  }
}

function readPeriod(certificate: X509Certificate): { notBefore: Date; notAfter: Date } {
  const validity = new DerReader(readCertificateFields(certificate).validity).enter(TAG.sequence)
  const [notBefore, notAfter] = [readTime(validity), readTime(validity)]
  validity.finish()
  return { notBefore, notAfter }
}

/** Returns the subject in one line, or the serial number if the subject is empty (RFC 5280 4.1.2.6). */
export function describeSubject(certificate: X509Certificate): string {
  return inOneLine(certificate.subject) ?? `serial number ${certificate.serialNumber}`
}

/** Returns the issuer's name in one line. An empty name breaks RFC 5280 4.1.2.4. */
export function describeIssuer(certificate: X509Certificate): string {
  return inOneLine(certificate.issuer) ?? 'an issuer without a name'
}

/** Characters of a name in messages. Timestamp authorities and OCSP responders can send names of 64 kB. */
const MAX_SHOWN = 500

/** Shortens a name, and drops characters that would control a terminal or turn the direction of its text. */
function inOneLine(name: string | undefined): string | undefined {
  const characters = [...(name?.replaceAll('\n', ', ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '') ?? '')]
  const shown = characters.slice(0, MAX_SHOWN).join('')
  return name && (characters.length > MAX_SHOWN ? `${shown}…` : shown)
}

/** Finds a certificate that is outside its period at a moment, and says so in a sentence. */
export function findInvalidity(periods: readonly ValidityPeriod[], at: Date): string | undefined {
  for (const period of periods) {
    const { subject, notBefore, notAfter, flaw } = period
    if (flaw !== undefined) {
      return `The certificate of ${subject} is never valid: ${flaw}; have it issued anew`
    }
    if (at < notBefore) {
      return `The certificate of ${subject} is not valid before ${notBefore.toISOString()}; check the clock, or wait`
    }
    if (at.getTime() >= notAfter.getTime() + 1000) {
      return `The certificate of ${subject} expired at ${notAfter.toISOString()}; ${howToRenew(period, periods)}`
    }
  }
  return undefined
}

/**
 * Says what to do about the end of a certificate of a chain. Nobody can renew the root of others.
 *
 * @param chain leaf first
 */
export function howToRenew(period: ValidityPeriod, chain: readonly ValidityPeriod[]): string {
  return period.root && period !== chain[0]
    ? 'renew it; or, if validators trust the certificate below it as a root by now, leave it out of the files'
    : 'renew it'
}

/** Returns the moment after which a chain is no longer valid. */
export function earliestNotAfter(periods: readonly ValidityPeriod[]): Date {
  return new Date(Math.min(...periods.map(({ notAfter }) => notAfter.getTime())))
}

/** Finds a certificate that expires within so many days, and says so in a sentence; 0 days find none. */
export function findEarlyExpiry(
  periods: readonly ValidityPeriod[],
  at: Date,
  days: number,
): string | undefined {
  const needed = at.getTime() + days * MS_PER_DAY
  const short = days === 0 ? undefined : periods.find(({ notAfter }) => notAfter.getTime() < needed)
  return (
    short &&
    `The certificate of ${short.subject} expires at ${short.notAfter.toISOString()}, in less than the ${days} days ` +
      `that this signer demands; ${howToRenew(short, periods)}`
  )
}

/** Finds a certificate whose period forbids signing now, and says so in a sentence. */
export function findValidityProblem(
  periods: readonly ValidityPeriod[],
  at: Date,
  days: number,
): string | undefined {
  return findInvalidity(periods, at) ?? findEarlyExpiry(periods, at, days)
}
