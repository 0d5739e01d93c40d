/** Limits for answers from the network, and intervals between requests. */
export interface RevocationLimits {
  /** Bytes of an OCSP response. Without a limit, a hostile responder could fill the memory. */
  readonly ocspBytes: number
  /** Bytes of a CRL. All CRLs in use stay in memory. */
  readonly crlBytes: number
  /** Time for the response of one OCSP responder. */
  readonly ocspTimeoutMs: number
  /** Time for one CRL. */
  readonly crlTimeoutMs: number
  /** Time for which the server of a CRL may send nothing: one that hangs is asked again before a long list would be over. */
  readonly crlSilenceMs: number
  /** Time in which the next part of a large answer must make some headway while others wait for what is kept of it. */
  readonly partPaceMs: number
  /**
   * A fresh answer is replaced after half of the time that it has left. It is not replaced before `least`, unless it
   * ends sooner, and never later than `most`, which is the time within which a revocation is noticed.
   */
  readonly refreshMs: { readonly least: number; readonly most: number }
  /** Waits between failed tries, which double from `first` up to `longest`. */
  readonly retryMs: { readonly first: number; readonly longest: number }
}

export const DEFAULT_LIMITS: RevocationLimits = {
  ocspBytes: 100_000,
  crlBytes: 20_000_000,
  ocspTimeoutMs: 10_000,
  crlTimeoutMs: 60_000,
  crlSilenceMs: 30_000,
  partPaceMs: 5_000,
  refreshMs: { least: 600_000, most: 3_600_000 },
  retryMs: { first: 10_000, longest: 600_000 },
}
