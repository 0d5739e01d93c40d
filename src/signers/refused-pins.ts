import { statSync } from 'node:fs'
import type { PinSource } from '../config.ts'
import { ConfigurationError } from '../errors.ts'
import { accessId, type TokenPool } from './token-pool.ts'

/** What is asked of a pool. */
type PinnedPool = Pick<TokenPool, 'access' | 'keys'> & { readonly pool: Pick<TokenPool['pool'], 'status'> }

/**
 * The PINs that tokens refused: none is told again before it has been changed, since a few wrong ones lock a user, and
 * a file that changes may have a configuration tried often.
 */
export class RefusedPins {
  /** By token. */
  readonly #refused = new Map<string, string>()
  /** The PINs that pools were going to be opened with. */
  readonly #asked = new WeakMap<PinnedPool, string>()

  /** Remembers the PINs of pools, to be called before they are opened: they may be others when they are refused. */
  remember(pools: readonly PinnedPool[]): void {
    for (const pool of pools) {
      this.#asked.set(pool, identify(pool.access.pin))
    }
  }

  /** @throws ConfigurationError where one of the tokens refused the PIN that it is going to be asked with */
  check(pools: readonly PinnedPool[]): void {
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

  /** Takes down which of the pools were refused theirs. */
  note(pools: readonly PinnedPool[]): void {
    for (const pool of pools.filter(isRefused)) {
      this.#refused.set(accessId(pool.access), this.#asked.get(pool) as string)
    }
  }

  /** Whether a pool was refused its PIN, and there is one now that was not refused yet. */
  isCorrected(pool: PinnedPool): boolean {
    const now = identify(pool.access.pin)
    return (
      isRefused(pool) && now !== this.#asked.get(pool) && now !== this.#refused.get(accessId(pool.access))
    )
  }
}

function isRefused({ pool }: PinnedPool): boolean {
  return pool.status().state === 'pin refused'
}

/** Of the very content, without reading it. That of a variable does not change while the process runs. */
function identify(pin: PinSource): string {
  if ('variable' in pin) {
    return pin.variable
  }
  const { ino, size, mtimeMs, ctimeMs } = statSync(pin.file, { throwIfNoEntry: false }) ?? {}
  return [pin.file, ino, size, mtimeMs, ctimeMs].join()
}
