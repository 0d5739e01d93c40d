import { statSync } from 'node:fs'
import type { PinSource } from '../config.ts'
import { ConfigurationError } from '../errors.ts'
import { accessId, type TokenPool } from './token-pool.ts'

/**
 * The PINs that a token refused when a new configuration was tried: none is told again before it has been changed,
 * since a few wrong ones lock a user, and a file that changes may have a configuration tried often.
 */
export class RefusedPins {
  readonly #refused = new Map<string, string>()
  /** The PINs of pools that were going to be opened. */
  readonly #asked = new WeakMap<TokenPool, string>()

  /**
   * To be called before these pools are opened: their PINs may be others when they are known to be refused.
   *
   * @throws ConfigurationError where one of these tokens refused the PIN as it is now
   */
  check(pools: readonly TokenPool[]): void {
    for (const pool of pools) {
      this.#asked.set(pool, identify(pool.access.pin))
    }
    const problems = pools
      .filter((pool) => this.#refused.get(accessId(pool.access)) === this.#asked.get(pool))
      .map(({ keys: [{ request }] }) => ({
        variable: request.settings.pin,
        message: 'the token refused this PIN; it is not tried again before it is changed',
      }))
    if (problems.length > 0) {
      throw new ConfigurationError(problems)
    }
  }

  /** Remembers those of these tokens that refused theirs. */
  note(pools: readonly TokenPool[]): void {
    for (const opened of pools) {
      const asked = this.#asked.get(opened)
      if (asked !== undefined && opened.pool.status().state === 'pin refused') {
        this.#refused.set(accessId(opened.access), asked)
      }
    }
  }
}

/** Of the very content, without reading it. That of a variable does not change while the process runs. */
function identify(pin: PinSource): string {
  if ('variable' in pin) {
    return pin.variable
  }
  const { ino, size, mtimeMs, ctimeMs } = statSync(pin.file, { throwIfNoEntry: false }) ?? {}
  return [pin.file, ino, size, mtimeMs, ctimeMs].join()
}
