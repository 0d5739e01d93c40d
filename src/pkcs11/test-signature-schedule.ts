import type { HsmConfiguration } from '../configuration/configuration.ts'

/** Sessions that bring no signature for this long are lost, however often they are tested. */
const SHORTEST_LIMIT_MS = 30_000

/** Tells when sessions have brought no signature for too long, and what went wrong since the last one. */
export class TestSignatureSchedule {
  readonly #limitMs: number
  #signedAt = performance.now()
  #lastFailure: string | undefined

  /** Idle sessions make test signatures each `keepAliveMs`, and a call may take `timeoutMs`. */
  constructor({ keepAliveMs, timeoutMs }: Pick<HsmConfiguration, 'keepAliveMs' | 'timeoutMs'>) {
    this.#limitMs = Math.max(2 * keepAliveMs, 2 * timeoutMs, SHORTEST_LIMIT_MS)
  }

  /** The last failure since the last signature, in words for everybody who can reach the service. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  signed(): void {
    this.#signedAt = performance.now()
    this.#lastFailure = undefined
  }

  failed(reason: string): void {
    this.#lastFailure = reason
  }

  /** Gives another chance before a signature is overdue, as there was no time for one. */
  postpone(): void {
    this.#signedAt = Math.max(this.#signedAt, performance.now() - this.#limitMs / 2)
  }

  /** Returns since when a signature is overdue, in ms of `performance.now()`; undefined while none is. */
  overdueSince(): number | undefined {
    const due = this.#signedAt + this.#limitMs
    return performance.now() > due ? due : undefined
  }
}
