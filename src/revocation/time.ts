/** How far the clocks of those who say when something was true may be ahead of ours. */
const CLOCK_TOLERANCE_MS = 300_000

/** When what a responder or a CRL says is the newest that is known (RFC 6960 4.2.2.1, RFC 5280 5.1.2.4). */
export interface UpdateTimes {
  readonly thisUpdate: Date
  readonly nextUpdate: Date
}

/** An answer that may have a flaw beside a right signature. With a flaw it counts for revocations alone. */
export interface Flawed {
  /** Why it does not show that a certificate is good, in words; undefined where it does. */
  readonly flaw?: string
}

/**
 * Why times are not those of something fresh, in words; undefined where they are. Tolerance is only for clocks that
 * are ahead of ours: what has ended by our clock is of no use to those who validate signatures made from now on.
 */
export function findStaleness({ thisUpdate, nextUpdate }: UpdateTimes, at: Date): string | undefined {
  if (thisUpdate.getTime() > at.getTime() + CLOCK_TOLERANCE_MS) {
    return `it is from the future, ${thisUpdate.toISOString()}; check the clock`
  }
  return nextUpdate <= at ? `it was to be replaced at ${nextUpdate.toISOString()}` : undefined
}
