/** Words for CRLReason, keyed by its number (RFC 5280 5.3.1). */
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

/** The CRLReason of an entry that was removed from the list. */
export const REMOVE_FROM_CRL = 8

/** The revocation of a certificate, or a hold. */
export interface Revocation {
  readonly at: Date
  /** The CRLReason in words. */
  readonly reason: string
}

/**
 * Describes a CRLReason.
 *
 * @param reason undefined if there is none, which means unspecified
 */
export function describeReason(reason = 0): string {
  return WORDS[reason] ?? `reason ${reason}`
}
