import { setTimeout as delay } from 'node:timers/promises'
import { send } from '../support/http.ts'

const EVERY_MS = 20
/** A probe that is not answered for so long fails, as it would in Kubernetes. */
const PROBE_TIMEOUT_MS = 1_000

/** Asks /health/ready all the time, and remembers when it changed its mind. */
export class ReadinessWatch {
  readonly #url: string
  readonly #polling: Promise<void>
  #stopped = false
  #readySince: number | undefined
  #lostAt: number | undefined

  constructor(url: string) {
    this.#url = `${url}/health/ready`
    this.#polling = this.#poll()
  }

  /** Since when every answer was 200 (ms of `performance.now()`); undefined while the service is not ready. */
  get readySince(): number | undefined {
    return this.#readySince
  }

  /** Whether it was not ready at any time since then (ms of `performance.now()`). */
  wasLost(since: number): boolean {
    return this.#readySince === undefined || (this.#lostAt ?? 0) >= since
  }

  stop(): Promise<void> {
    this.#stopped = true
    return this.#polling
  }

  async #poll(): Promise<void> {
    while (!this.#stopped) {
      const answer = await send(this.#url, { timeoutMs: PROBE_TIMEOUT_MS }).catch(() => undefined)
      if (answer?.statusCode === 200) {
        this.#readySince ??= performance.now()
      } else {
        this.#readySince = undefined
        this.#lostAt = performance.now()
      }
      await delay(EVERY_MS)
    }
  }
}
