import { HSM_BUSY, SIGNATURE_SELF_CHECK_FAILED } from '../errors.ts'
import type { PoolKeys } from './pool-keys.ts'

/** Why a key cannot be used with which wrong signatures are made. */
export const MISMATCH = 'test signatures do not verify'

export interface KeyProofsOptions {
  readonly keys: PoolKeys
  /** Milliseconds between tries of a key that does not sign. */
  readonly intervalMs: number
  /** Makes a test signature with a key; rejects unless it verified. */
  sign(key: number): Promise<unknown>
  /** A test signature could not be made, or did not verify. */
  onFailed(key: number, reason: string): void
}

/**
 * Has each key of a token make a test signature. Sessions prove themselves with one of the keys; that tells nothing of
 * the others, which may not be allowed to sign, or belong to another certificate.
 */
export class KeyProofs {
  readonly #options: KeyProofsOptions
  readonly #running = new Set<number>()
  #triedAt = 0

  constructor(options: KeyProofsOptions) {
    this.#options = options
  }

  /** Sessions sign: the keys can be tried that have not been proved. */
  begin(): void {
    this.#triedAt = performance.now()
    for (const key of this.#options.keys.unproved()) {
      this.#try(key)
    }
  }

  /** A request failed with it: that tells whether it is the key. */
  suspect(key: number): void {
    if (key !== this.#options.keys.testKey) {
      this.#try(key)
    }
  }

  /** @param now milliseconds of `performance.now()` */
  tick(now: number): void {
    if (now - this.#triedAt >= this.#options.intervalMs) {
      this.begin()
    }
  }

  #try(key: number): void {
    const { sign, keys, onFailed } = this.#options
    if (this.#running.has(key)) {
      return
    }
    this.#running.add(key)
    const failed = (error: unknown) => {
      if (error instanceof HSM_BUSY) {
        // Under load a test signature has no time; that tells nothing of the key, which is tried again
        return
      }
      const wrong = error instanceof SIGNATURE_SELF_CHECK_FAILED
      const reason = wrong ? MISMATCH : 'the key does not sign'
      keys.failed(key, reason)
      onFailed(key, reason)
    }
    void sign(key)
      .then(() => keys.proved(key), failed)
      .finally(() => this.#running.delete(key))
  }
}
