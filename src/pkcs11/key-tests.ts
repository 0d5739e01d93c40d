import { HSM_BUSY, SIGNATURE_SELF_CHECK_FAILED } from '../errors.ts'
import { explainRefusal } from './key-refusal.ts'
import type { PoolKeys } from './pool-keys.ts'

/** Why a key cannot be used with which wrong signatures are made. */
export const MISMATCH = 'test signatures do not verify'
/** So many keys are tried at once: the sessions and the queue are there for requests. */
const MAX_RUNNING = 4

export interface KeyTestsOptions {
  readonly keys: PoolKeys
  /** Milliseconds between tries of a key that does not sign. */
  readonly intervalMs: number
  /** Looks on the token for keys that were not there, or not to be used, when it was opened. */
  search(keys: readonly number[]): void
  /** Makes a test signature with a key; rejects unless it verified. */
  sign(key: number): Promise<unknown>
  /**
   * A test signature could not be made, or did not verify.
   *
   * @param refusal what the token answered, where that is for good
   */
  onFailed(key: number, reason: string, refusal: string | undefined): void
}

/**
 * Has each key of a token make a test signature. Sessions prove themselves with one of the keys; that tells nothing of
 * the others, which may not be allowed to sign, or belong to another certificate.
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

  /** Sessions sign: the keys can be tried that have not been proved. */
  begin(): void {
    this.#triedAt = performance.now()
    for (const key of this.#options.keys.untested()) {
      this.#waiting.add(key)
    }
  }

  /** A request failed with it: that tells whether it is the key. Where it is tried already, that failed itself. */
  retest(key: number): void {
    if (key !== this.#options.keys.testKey && !this.#running.has(key)) {
      this.#waiting.add(key)
    }
  }

  /**
   * To be called often while there are sessions that sign.
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
    const { sign, keys } = this.#options
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
      // That tells nothing of the key
      this.#waiting.add(key)
    } else {
      this.#failed(key, failure)
    }
  }

  #failed(key: number, failure: Error): void {
    const { keys, onFailed } = this.#options
    const refusal = readRefusal(failure)
    const unsigned = ['the key does not sign', ...(refusal === undefined ? [] : [`(${refusal})`])].join(' ')
    const reason = failure instanceof SIGNATURE_SELF_CHECK_FAILED ? MISMATCH : unsigned
    keys.failed(key, reason)
    onFailed(key, reason, refusal)
  }
}

function readRefusal({ cause }: Error): string | undefined {
  return cause instanceof Error && explainRefusal(cause.message) !== undefined ? cause.message : undefined
}
