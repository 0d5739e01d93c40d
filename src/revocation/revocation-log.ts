import type { BaseLogger } from 'pino'
import type { Revocation } from './revocation-reason.ts'
import type { WatchedCertificate } from './watched-certificate.ts'

/** Logs once that a certificate is revoked, and once that it no longer is. */
export class RevocationLog {
  readonly #log: BaseLogger
  readonly #logged = new WeakMap<WatchedCertificate, Revocation>()

  constructor(log: BaseLogger) {
    this.#log = log
  }

  update(certificates: Iterable<WatchedCertificate>): void {
    const now = new Date()
    for (const certificate of certificates) {
      const { subject } = certificate.issued
      const revocation = certificate.revocation(now)
      const logged = this.#logged.get(certificate)
      if (revocation === undefined) {
        this.#logged.delete(certificate)
      } else {
        this.#logged.set(certificate, revocation)
      }
      if (revocation !== undefined && logged === undefined) {
        const at = revocation.at.toISOString()
        this.#log.error(`The certificate of ${subject} was revoked at ${at}: ${revocation.reason}`)
      } else if (revocation === undefined && logged !== undefined) {
        this.#log.info(`The certificate of ${subject} is no longer revoked`)
      }
    }
  }
}
