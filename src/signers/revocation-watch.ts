/** Has it known ahead of time whether the certificates of signers were revoked, and of those who timestamp for them. */
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { Signer } from './signer.ts'

/** Milliseconds after the start in which revocation information may be on its way. */
const SETTLE_MS = 10_000

export class RevocationWatch {
  readonly #service: Pick<RevocationService, 'watch' | 'start' | 'stop' | 'renew' | 'retry'>
  /** Whether anybody may be asked. */
  readonly #enabled: boolean
  /** Until when answers to the first questions are waited for, in milliseconds of `performance.now()`. */
  #settledAt = 0

  constructor(
    service: Pick<RevocationService, 'watch' | 'start' | 'stop' | 'renew' | 'retry'>,
    enabled: boolean,
  ) {
    this.#service = service
    this.#enabled = enabled
  }

  start(): void {
    if (this.#enabled) {
      this.#settledAt = performance.now() + SETTLE_MS
      this.#service.start()
    }
  }

  stop(): void {
    this.#service.stop()
  }

  /** Asks at once again, as nobody may have been told yet of a certificate that was revoked a moment ago. */
  renew(): void {
    this.#service.renew()
  }

  /** Asks those at once again who gave no answer that counts. */
  retry(): void {
    this.#service.retry()
  }

  /** Whether it is so soon after the start that what is missing for containers of level b-lt may just be on its way. */
  isSettling(keys: readonly Pick<Signer, 'missingEvidence'>[]): boolean {
    return performance.now() < this.#settledAt && keys.some((signer) => signer.missingEvidence().length > 0)
  }

  /** Whenever there may be other certificates than before. */
  look(keys: readonly Pick<Signer, 'knownCertificate' | 'sources'>[]): void {
    if (this.#enabled) {
      const own = keys.map((signer) => signer.knownCertificate()?.path).filter((path) => path !== undefined)
      this.#service.watch([...own, ...[...timestampersOf(keys)].flatMap((one) => one.anchoredPaths())])
    }
  }

  /**
   * Learns in the background whether authorities give timestamps, and with which certificates, so that they can be asked
   * about.
   *
   * @param ms that each try has: as long as a request
   */
  probe(keys: readonly Pick<Signer, 'sources'>[], ms: number): void {
    for (const timestamper of timestampersOf(keys)) {
      timestamper.probeInBackground(ms)
    }
  }
}

/** Returns each once, of whichever level the containers are: no revoked authority is to timestamp b-t either. */
function timestampersOf(keys: readonly Pick<Signer, 'sources'>[]) {
  return new Set(keys.map(({ sources }) => sources.timestamper).filter((one) => one !== undefined))
}
