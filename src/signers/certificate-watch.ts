/** Has it known ahead of time whether the certificates of signers were revoked, and of those who timestamp for them. */
import type { RevocationService } from '../revocation/revocation-service.ts'
import type { SigningKey } from './signing-key.ts'

/** Milliseconds for a first timestamp, which shows whose certificates an authority has. */
const INTRODUCTION_MS = 10_000

export class CertificateWatch {
  readonly #service: Pick<RevocationService, 'watch' | 'start' | 'stop'>
  /** Whether anybody may be asked. */
  readonly #enabled: boolean
  /** Until when answers to the first questions are waited for, in milliseconds of `performance.now()`. */
  #settledAt = 0

  constructor(service: Pick<RevocationService, 'watch' | 'start' | 'stop'>, enabled: boolean) {
    this.#service = service
    this.#enabled = enabled
  }

  start(): void {
    if (this.#enabled) {
      this.#settledAt = performance.now() + INTRODUCTION_MS
      this.#service.start()
    }
  }

  stop(): void {
    this.#service.stop()
  }

  /** Whether it is so soon after the start that what is missing for containers of level b-lt may just be on its way. */
  isSettling(keys: readonly Pick<SigningKey, 'missingEvidence'>[]): boolean {
    return performance.now() < this.#settledAt && keys.some((key) => key.missingEvidence().length > 0)
  }

  /** Whenever there may be other certificates than before. */
  look(keys: readonly Pick<SigningKey, 'knownSigner' | 'container' | 'sources'>[]): void {
    if (this.#enabled) {
      const own = keys.map((key) => key.knownSigner()?.path).filter((path) => path !== undefined)
      this.#service.watch([...own, ...[...timestampersOf(keys)].flatMap((one) => one.knownPaths())])
    }
  }

  /** Has the authorities become known whose certificates containers are to vouch for. */
  introduce(keys: readonly Pick<SigningKey, 'container' | 'sources'>[]): void {
    for (const timestamper of timestampersOf(keys)) {
      void timestamper.introduce(INTRODUCTION_MS)
    }
  }
}

/** Each once, of the signers whose containers hold revocation information. */
function timestampersOf(keys: readonly Pick<SigningKey, 'container' | 'sources'>[]) {
  const longTerm = keys.filter(({ container }) => container.level === 'b-lt')
  return new Set(longTerm.map(({ sources }) => sources.timestamper).filter((one) => one !== undefined))
}
