import type { HsmConfiguration } from '../configuration/configuration.ts'

/** Sessions that bring no signature for this long are lost, however often they are tested. */
const SHORTEST_LIMIT_MS = 30_000

/** When the token last proved that it signs, and what went wrong since. */
export class TestSignatureSchedule {
  readonly #limitMs: number
  #provedAt = performance.now()
  #lastFailure: string | undefined

  /** Idle sessions make test signatures each `keepAliveMs`, and a call may take `timeoutMs`. */
  constructor({ keepAliveMs, timeoutMs }: Pick<HsmConfiguration, 'keepAliveMs' | 'timeoutMs'>) {
    this.#limitMs = Math.max(2 * keepAliveMs, 2 * timeoutMs, SHORTEST_LIMIT_MS)
  }

  /** The last failure since the last signature. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  signed(): void {
    this.#provedAt = performance.now()
    this.#lastFailure = undefined
  }

  failed(reason: string): void {
    this.#lastFailure = reason
  }

  /** There was no time for a signature: another chance, before it is overdue. */
  postpone(): void {
    this.#provedAt = Math.max(this.#provedAt, performance.now() - this.#limitMs / 2)
  }

  /** Since when, in milliseconds of `performance.now()`; undefined while it is not. */
  overdueSince(): number | undefined {
    const due = this.#provedAt + this.#limitMs
    return performance.now() > due ? due : undefined
  }
}
