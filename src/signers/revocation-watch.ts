/** Keeps revocation information about the certificates of signers, and of their timestamp authorities, up to date. */
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { Signer } from './signer.ts'

/** Time after the start in which revocation information may still be on its way, in ms. */
const SETTLE_MS = 10_000

export class RevocationWatch {
  readonly #service: Pick<RevocationService, 'watch' | 'start' | 'stop' | 'renew' | 'retry'>
  /** True if revocation is checked at all. */
  readonly #enabled: boolean
  /** Time until which the first answers are awaited, in ms of `performance.now()`. */
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

  /** Asks again at once, since a certificate may have been revoked a moment ago. */
  renew(): void {
    this.#service.renew()
  }

  /** Asks those again at once who gave no usable answer. */
  retry(): void {
    this.#service.retry()
  }

  /** Returns whether missing information for containers of level b-lt may still be on its way, soon after the start. */
  isSettling(keys: readonly Pick<Signer, 'missingEvidence'>[]): boolean {
    return performance.now() < this.#settledAt && keys.some((signer) => signer.missingEvidence().length > 0)
  }

  /** Watches the certificates of these keys. Must be called whenever there may be others than before. */
  update(keys: readonly Pick<Signer, 'knownCertificate' | 'sources'>[]): void {
    if (this.#enabled) {
      const own = keys.map((signer) => signer.knownCertificate()?.path).filter((path) => path !== undefined)
      this.#service.watch([...own, ...[...timestampersOf(keys)].flatMap((one) => one.anchoredPaths())])
    }
  }

  /**
   * Learns in the background whether authorities give timestamps, and with which certificates, so that these can be
   * watched.
   *
   * @param ms time limit of each try, in ms, which is that of a request
   */
  probe(keys: readonly Pick<Signer, 'sources'>[], ms: number): void {
    for (const timestamper of timestampersOf(keys)) {
      timestamper.probeInBackground(ms)
    }
  }
}

/** Returns each timestamper once, for all levels, since a revoked authority must not timestamp b-t either. */
function timestampersOf(keys: readonly Pick<Signer, 'sources'>[]) {
  return new Set(keys.map(({ sources }) => sources.timestamper).filter((one) => one !== undefined))
}
