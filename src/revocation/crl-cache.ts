import type { CachedFetch } from './cached-fetch.ts'
import type { CheckedCrl } from './crl/crl-check.ts'
import type { WatchedCertificate } from './watched-certificate.ts'

/** Keeps a CRL for the certificates that name its addresses. */
export class CrlCache {
  readonly source: CachedFetch<CheckedCrl>
  #members: readonly WatchedCertificate[] = []

  /** @param createSource creates the fetch of the CRL; its argument returns serial numbers in hex */
  constructor(createSource: (serialNumbers: () => ReadonlySet<string>) => CachedFetch<CheckedCrl>) {
    this.source = createSource(() => new Set(this.#members.map(({ issued }) => issued.serialNumber)))
  }

  /** Sets the certificates. A CRL that was not searched for new ones is fetched again. */
  setMembers(members: readonly WatchedCertificate[]): void {
    this.#members = members
    if (this.#isLacking()) {
      this.source.renew()
    }
  }

  /** Keeps fetching the CRL while a certificate needs it, and fetches it again for certificates that came meanwhile. */
  review(): void {
    if (this.#members.some(({ needsCrl }) => needsCrl)) {
      this.source.start(this.#isLacking())
      if (this.source.problem === undefined && this.#isLacking()) {
        this.source.renew()
      }
    } else {
      this.source.stop()
    }
  }

  #isLacking(): boolean {
    const { held } = this.source
    return (
      held !== undefined && this.#members.some(({ issued }) => !held.serialNumbers.has(issued.serialNumber))
    )
  }
}
