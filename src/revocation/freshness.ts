/** Time by which the clock of a responder or authority may be ahead of ours. */
const CLOCK_TOLERANCE_MS = 300_000

/** The period in which an OCSP response or a CRL is current (RFC 6960 4.2.2.1, RFC 5280 5.1.2.4). */
export interface UpdateTimes {
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** An answer with a right signature, but possibly a flaw. With a flaw it counts only for revocations. */
export interface Flawed {
  /** Says why it does not show that a certificate is good; undefined if it does. */
  readonly flaw?: string
}

/**
 * Finds why an answer is not current, in words. Only clocks ahead of ours are tolerated: an answer that has ended by
 * our clock would not help validators of signatures that are made from now on.
 */
export function findStaleness({ thisUpdate, nextUpdate }: UpdateTimes, at: Date): string | undefined {
  if (thisUpdate.getTime() > at.getTime() + CLOCK_TOLERANCE_MS) {
    return `it is from the future, ${thisUpdate.toISOString()}; check the clock`
  }
  return nextUpdate <= at ? `it was to be replaced at ${nextUpdate.toISOString()}` : undefined
}
