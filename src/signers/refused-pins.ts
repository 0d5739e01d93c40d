import { statSync } from 'node:fs'
import type { PinSource, TokenAccess } from '../config.ts'
import { ConfigurationError } from '../errors.ts'
import { accessId, type TokenPool } from './token-pool.ts'

/**
 * The PINs that tokens refused: none is told again before it has been changed, since a few wrong ones lock a user, and
 * files that change may have a configuration tried often.
 */
export class RefusedPins {
  readonly #refused = new Map<string, string>()

  /** A token has refused its PIN just now. */
  note(access: TokenAccess): void {
    this.#refused.set(accessId(access), identify(access.pin))
  }

  /** Whether the token refused the PIN as it is now. */
  has(access: TokenAccess): boolean {
    return this.#refused.get(accessId(access)) === identify(access.pin)
  }

  /** @throws ConfigurationError where one of these tokens refused the PIN as it is now */
  check(pools: readonly TokenPool[]): void {
    const problems = pools
      .filter(({ access }) => this.has(access))
      .map(({ keys: [{ request }] }) => ({
        variable: request.settings.pin,
        message: 'the token refused this PIN; it is not tried again before it is changed',
      }))
    if (problems.length > 0) {
      throw new ConfigurationError(problems)
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
