import type { CachedFetch } from './cached-fetch.ts'
import type { CheckedCrl } from './crl/crl-check.ts'
import type { WatchedCertificate } from './watched-certificate.ts'

/** A CRL, and the certificates of its issuer that are looked for in it. */
export class CrlCache {
  readonly source: CachedFetch<CheckedCrl>
  #members: readonly WatchedCertificate[] = []

  /** @param createSource how the CRL is asked for certificates, by the contents of the INTEGERs of their serial numbers in hex */
  constructor(createSource: (serialNumbers: () => ReadonlySet<string>) => CachedFetch<CheckedCrl>) {
    this.source = createSource(() => new Set(this.#members.map(({ issued }) => issued.serialNumber)))
  }

  /** A CRL that is held was not searched for new ones: it is got again. */
  setMembers(members: readonly WatchedCertificate[]): void {
    this.#members = members
    if (this.#isLacking()) {
      this.source.renew()
    }
  }

  /** Gets the CRL while one of them needs it, and again for those who came while it was got. */
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
