import { backoffMs, retryMs } from './backoff.ts'
import type { RestartReason } from './pool-observer.ts'

/** Has a process started once a second at most, and ever more seldom where it crashes before it has signed. */
export class RestartPace {
  #startedAt = performance.now()
  #crashes = 0

  started(): void {
    this.#startedAt = performance.now()
  }

  /** Returns how long ago the last process was started, in ms. */
  get ageMs(): number {
    return performance.now() - this.#startedAt
  }

  /**
   * Returns how long to wait before the next start, in ms.
   *
   * @param signed whether the process has signed
   */
  delayMs(kind: RestartReason, signed: boolean): number {
    if (kind === 'crash' && !signed) {
      this.#crashes += 1
      return backoffMs(this.#crashes)
    }
    this.#crashes = signed ? 0 : this.#crashes
    return Math.max(0, retryMs() - this.ageMs)
  }
}
