/** CRLReason in words (RFC 5280 5.3.1), by its number. */
const WORDS: Readonly<Record<number, string>> = {
  0: 'unspecified',
  1: 'key compromise',
  2: 'CA compromise',
  3: 'affiliation changed',
  4: 'superseded',
  5: 'cessation of operation',
  6: 'certificate hold',
  9: 'privilege withdrawn',
  10: 'AA compromise',
}

/** What a CRLReason says of an entry that is on the list no more. */
export const REMOVE_FROM_CRL = 8

/** That a certificate was revoked, or put on hold. */
export interface Revocation {
  readonly at: Date
  /** In words. */
  readonly reason: string
}

/** @param reason undefined where none is told, which means unspecified */
export function describeReason(reason = 0): string {
  return WORDS[reason] ?? `reason ${reason}`
}
