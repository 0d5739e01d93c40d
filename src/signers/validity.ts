import type { X509Certificate } from 'node:crypto'

const MS_PER_DAY = 86_400_000

/** When a certificate is valid (RFC 5280 4.1.2.5: both ends inclusive, to the second). */
export interface ValidityPeriod {
  readonly subject: string
  readonly notBefore: Date
  readonly notAfter: Date
}

export function validityPeriod(certificate: X509Certificate): ValidityPeriod {
  return {
    subject: describeSubject(certificate),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  }
}

/** In one line; by the serial number where the subject is empty, for which Node has undefined (RFC 5280 4.1.2.6). */
export function describeSubject(certificate: X509Certificate): string {
  return inOneLine(certificate.subject) ?? `serial number ${certificate.serialNumber}`
}

/** In one line; an issuer without a name is against RFC 5280 4.1.2.4. */
export function describeIssuer(certificate: X509Certificate): string {
  return inOneLine(certificate.issuer) ?? 'an issuer without a name'
}

function inOneLine(name: string | undefined): string | undefined {
  return name?.replaceAll('\n', ', ')
}

/** Says which of the certificates is outside its period at a moment, in a sentence; undefined if none is. */
export function describeInvalidity(periods: readonly ValidityPeriod[], at: Date): string | undefined {
  for (const { subject, notBefore, notAfter } of periods) {
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
export function describeShortness(
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
export function describeUselessness(
  periods: readonly ValidityPeriod[],
  at: Date,
  days: number,
): string | undefined {
  return describeInvalidity(periods, at) ?? describeShortness(periods, at, days)
}
