import type { BaseLogger } from 'pino'
import type { Revocation } from './revocation-reason.ts'
import type { WatchedCertificate } from './watched-certificate.ts'

/** Logs that a certificate is revoked, and that it no longer is, each once. */
export class RevocationLog {
  readonly #log: BaseLogger
  readonly #told = new WeakMap<WatchedCertificate, Revocation>()

  constructor(log: BaseLogger) {
    this.#log = log
  }

  update(certificates: Iterable<WatchedCertificate>): void {
    const now = new Date()
    for (const certificate of certificates) {
      const { subject } = certificate.issued
      const revocation = certificate.revocation(now)
      const told = this.#told.get(certificate)
      if (revocation === undefined) {
        this.#told.delete(certificate)
      } else {
        this.#told.set(certificate, revocation)
      }
      if (revocation !== undefined && told === undefined) {
        const at = revocation.at.toISOString()
        this.#log.error(`The certificate of ${subject} was revoked at ${at}: ${revocation.reason}`)
      } else if (revocation === undefined && told !== undefined) {
        this.#log.info(`The certificate of ${subject} is no longer revoked`)
      }
    }
  }
}
