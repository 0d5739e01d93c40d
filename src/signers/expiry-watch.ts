import type { BaseLogger } from 'pino'
import { type Expiry, findExpiry } from './expiry.ts'
import type { Signers } from './signers.ts'

/** Interval between checks, in ms. A certificate on a token is not known before that is open. */
const INTERVAL_MS = 60_000

/** Logs that a certificate of a signer's chain will expire, once at each threshold, and at each start. */
export class ExpiryWatch {
  readonly #signers: Pick<Signers, 'all'>
  readonly #log: BaseLogger
  /** Threshold that was logged last, keyed by the name of the signer. */
  readonly #logged = new Map<string, Expiry['days']>()
  #timer: NodeJS.Timeout | undefined

  constructor(signers: Pick<Signers, 'all'>, log: BaseLogger) {
    this.#signers = signers
    this.#log = log
  }

  start(): void {
    this.check()
    this.#timer = setInterval(() => this.check(), INTERVAL_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Checks all signers. Called also when signers have changed. */
  check(): void {
    const now = new Date()
    for (const signer of this.#signers.all()) {
      const expiry = findExpiry(signer.knownCertificate()?.validity ?? [], now)
      const logged = expiry && this.#logged.get(signer.name)
      if (expiry !== undefined && expiry.days !== logged) {
        this.#log.warn({ signer: signer.name, days: expiry.days }, expiry.message)
      }
      if (expiry === undefined) {
        this.#logged.delete(signer.name)
      } else {
        this.#logged.set(signer.name, expiry.days)
      }
    }
  }
}
