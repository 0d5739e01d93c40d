/** How much is taken from the network, and when it is asked. */
export interface RevocationLimits {
  /** Bytes of an OCSP answer. */
  readonly ocspBytes: number
  /** Bytes of a CRL. All CRLs in use are kept in memory. */
  readonly crlBytes: number
  /** For the answer of one OCSP responder. */
  readonly ocspTimeoutMs: number
  readonly crlTimeoutMs: number
  /**
   * A fresh answer is asked for again after half of the time that is left, but not before the first of these, unless it
   * ends sooner, and always after the second: so soon a revocation is noticed, whatever time its answers have.
   */
  readonly refreshMs: { readonly least: number; readonly most: number }
  /** What failed is tried again after the first of these, doubling up to the second. */
  readonly retryMs: { readonly first: number; readonly longest: number }
}

export const DEFAULT_LIMITS: RevocationLimits = {
  ocspBytes: 100_000,
  crlBytes: 20_000_000,
  ocspTimeoutMs: 10_000,
  crlTimeoutMs: 60_000,
  refreshMs: { least: 600_000, most: 3_600_000 },
  retryMs: { first: 10_000, longest: 600_000 },
}
