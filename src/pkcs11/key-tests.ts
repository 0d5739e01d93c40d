import { HSM_BUSY, SIGNATURE_SELF_CHECK_FAILED } from '../errors.ts'
import type { TestFailure } from './pool-key.ts'
import type { PoolKeys } from './pool-keys.ts'
import { explainRefusal } from './return-values.ts'

/** So many keys are tested at once, as sessions and queue are there for requests. */
const MAX_RUNNING = 4

export interface KeyTestsOptions {
  readonly keys: PoolKeys
  /** Milliseconds between tries of a key that does not sign. */
  readonly intervalMs: number
  /** Looks on the token for keys that were not there, or not to be used, when it was opened. */
  search(keys: readonly number[]): void
  /** Makes a test signature with a key; rejects unless it verified. */
  sign(key: number): Promise<unknown>
  /** A test signature could not be made, or did not verify. */
  onFailed(key: number, failure: TestFailure): void
}

/**
 * Has each key of a token make a test signature. Those of the sessions are made with one key; they tell nothing of the
 * others, which may not be allowed to sign, or belong to another certificate.
 */
export class KeyTests {
  readonly #options: KeyTestsOptions
  /** Keys that have their turn at the next ticks. */
  readonly #waiting = new Set<number>()
  readonly #running = new Set<number>()
  #triedAt = 0

  constructor(options: KeyTestsOptions) {
    this.#options = options
  }

  /** Tests the keys that have no test signature yet: to be called when sessions sign. */
  begin(): void {
    this.#triedAt = performance.now()
    for (const key of this.#options.keys.untested()) {
      this.#waiting.add(key)
    }
  }

  /** Tests a key with which a request failed, unless that request was the test itself. */
  retest(key: number): void {
    if (key !== this.#options.keys.testKey && !this.#running.has(key)) {
      this.#waiting.add(key)
    }
  }

  /**
   * Tests the keys whose turn it is: to be called often while sessions sign.
   *
   * @param now milliseconds of `performance.now()`
   */
  tick(now: number): void {
    if (now - this.#triedAt >= this.#options.intervalMs) {
      const { keys, search } = this.#options
      const gone = keys.gone()
      if (gone.length > 0) {
        search(gone)
      }
      this.begin()
    }
    this.#tryNext()
  }

  #tryNext(): void {
    for (const key of this.#waiting) {
      if (this.#running.size < MAX_RUNNING && !this.#running.has(key)) {
        this.#waiting.delete(key)
        void this.#try(key)
      }
    }
  }

  async #try(key: number): Promise<void> {
    const { sign, keys, onFailed } = this.#options
    this.#running.add(key)
    const failure = await sign(key).then(
      () => undefined,
      (error: Error) => error,
    )
    this.#running.delete(key)
    if (failure === undefined) {
      keys.tested(key)
      this.#tryNext()
    } else if (failure instanceof HSM_BUSY) {
      // A full queue tells nothing of the key
      this.#waiting.add(key)
    } else {
      const testFailure = readFailure(failure)
      keys.failed(key, testFailure)
      onFailed(key, testFailure)
    }
  }
}

function readFailure(error: Error): TestFailure {
  const { cause } = error
  if (error instanceof SIGNATURE_SELF_CHECK_FAILED) {
    return { kind: 'mismatch' }
  }
  return cause instanceof Error && explainRefusal(cause.message) !== undefined
    ? { kind: 'refused', returnValue: cause.message }
    : { kind: 'unsigned' }
}
