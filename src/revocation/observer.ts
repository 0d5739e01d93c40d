/** Counts requests for revocation information. Its methods must not throw. */
export interface RevocationObserver {
  /** Records the duration and the outcome of a request: the answer counts, is refused, or did not come. */
  asked(source: 'ocsp' | 'crl', seconds: number, outcome: 'accepted' | 'refused' | 'unavailable'): void
}
