/** What happens when others are asked, for those who count it. Its methods must not throw. */
export interface RevocationObserver {
  /**
   * An address was asked, and it took that many seconds: its answer counts, is refused, or there was none.
   */
  asked(source: 'ocsp' | 'crl', seconds: number, outcome: 'accepted' | 'refused' | 'unavailable'): void
}
