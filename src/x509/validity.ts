import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { readCertificateFields } from './certificate-fields.ts'

const MS_PER_DAY = 86_400_000

/** When a certificate is valid (RFC 5280 4.1.2.5: both ends inclusive, to the second). */
export interface ValidityPeriod {
  readonly subject: string
  readonly notBefore: Date
  readonly notAfter: Date
  /** Why the certificate is never valid, in words, where that is so; the dates, if they are none, are then in 1970. */
  readonly flaw?: string
}

/** Reads the period from the certificate's DER: what Node tells of a time that is none is a date of nobody's. */
export function validityPeriod(certificate: X509Certificate): ValidityPeriod {
  const subject = describeSubject(certificate)
  try {
    const { notBefore, notAfter } = readPeriod(certificate)
    const flaw = `its notBefore, ${notBefore.toISOString()}, is later than its notAfter, ${notAfter.toISOString()}`
    return { subject, notBefore, notAfter, ...(notBefore > notAfter ? { flaw } : {}) }
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

/** In one line; by the serial number where the subject is empty, for which Node has undefined (RFC 5280 4.1.2.6). */
export function describeSubject(certificate: X509Certificate): string {
  return inOneLine(certificate.subject) ?? `serial number ${certificate.serialNumber}`
}

/** In one line; an issuer without a name is against RFC 5280 4.1.2.4. */
export function describeIssuer(certificate: X509Certificate): string {
  return inOneLine(certificate.issuer) ?? 'an issuer without a name'
}

/** Characters of a name that are shown: who answers a request for a timestamp or a revocation can send 64 kB of them. */
const MAX_SHOWN = 500

/** Leaves out what would steer a terminal or turn the direction of its text, and what is longer than any name. */
function inOneLine(name: string | undefined): string | undefined {
  const characters = [...(name?.replaceAll('\n', ', ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '') ?? '')]
  const shown = characters.slice(0, MAX_SHOWN).join('')
  return name && (characters.length > MAX_SHOWN ? `${shown}…` : shown)
}

/** Says which of the certificates is outside its period at a moment, in a sentence; undefined if none is. */
export function findInvalidity(periods: readonly ValidityPeriod[], at: Date): string | undefined {
  for (const { subject, notBefore, notAfter, flaw } of periods) {
    if (flaw !== undefined) {
      return `The certificate of ${subject} is never valid: ${flaw}; have it issued anew`
    }
    if (at < notBefore) {
      return `The certificate of ${subject} is not valid before ${notBefore.toISOString()}; check the clock, or wait`
    }
    if (at.getTime() >= notAfter.getTime() + 1000) {
      return `The certificate of ${subject} expired at ${notAfter.toISOString()}; renew it`
    }
  }
  return undefined
}

/** The moment after which a chain is no longer valid. */
export function earliestNotAfter(periods: readonly ValidityPeriod[]): Date {
  return new Date(Math.min(...periods.map(({ notAfter }) => notAfter.getTime())))
}

/** Says which of the certificates ends before so many days have passed, in a sentence; undefined if none does. */
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
      'that this signer demands; renew it'
  )
}

/** Says which of the certificates nothing may be signed with, in a sentence; undefined if there is none. */
export function findValidityProblem(
  periods: readonly ValidityPeriod[],
  at: Date,
  days: number,
): string | undefined {
  return findInvalidity(periods, at) ?? findEarlyExpiry(periods, at, days)
}
