import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import type { PinSource, TokenAccess } from '../config.ts'
import { refuseProblems } from '../errors.ts'
import type { RefusedPinDigests } from '../pkcs11/messages.ts'
import { accessId, type TokenPool } from './token-pool.ts'

interface Asked {
  /** What tells whether the PIN's file has changed. */
  readonly look: string
  readonly digest: string
}

/** More wrong PINs than anybody tries. */
const MAX_DIGESTS = 100

/**
 * The PINs that tokens refused: none is told again before it has been changed, since a few wrong ones lock a user, and
 * a file that changes may have a configuration tried often. A file that has changed is opened by a signer process, which
 * knows refused PINs by their digests and does not tell them again either, though it is written anew.
 */
export class RefusedPins {
  /** By token, as is refused. */
  readonly #asked = new Map<string, Asked>()
  readonly #refused = new Map<string, string>()
  readonly #secret = randomBytes(32)
  #digests: readonly string[] = []

  /** For signer processes. */
  digests(): RefusedPinDigests {
    return { secret: this.#secret, digests: this.#digests }
  }

  /** A token is about to be told its PIN: by the time that it refuses it there may be another one. */
  asking(access: TokenAccess, digest: string): void {
    this.#asked.set(accessId(access), { look: identify(access.pin), digest })
  }

  /** A token has refused the PIN that it was told last, or was not told one that it refused before. */
  refused(access: TokenAccess): void {
    const id = accessId(access)
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    this.#refused.set(id, asked?.look ?? identify(access.pin))
    if (asked !== undefined) {
      this.#digests = [...this.#digests, asked.digest].slice(-MAX_DIGESTS)
    }
  }

  /** @throws ConfigurationError where one of the tokens has refused the PIN as it is now */
  check(pools: readonly Pick<TokenPool, 'access' | 'keys'>[]): void {
    const problems = pools
      .filter(({ access }) => this.#isRefused(access))
      .map(({ keys: [{ request }] }) => ({
        variable: request.settings.pin,
        message: 'the token refused this PIN; it is not tried again before it is changed',
      }))
    refuseProblems(problems)
  }

  /** Whether a pool was refused its PIN, and there is one now that was not. */
  isCorrected({ access, pool }: RefusedPool): boolean {
    return pool.status().state === 'pin refused' && !this.#isRefused(access)
  }

  #isRefused(access: TokenAccess): boolean {
    return this.#refused.get(accessId(access)) === identify(access.pin)
  }
}

type RefusedPool = Pick<TokenPool, 'access'> & { readonly pool: Pick<TokenPool['pool'], 'status'> }

/** Of the very content, without reading it. That of a variable does not change while the process runs. */
function identify(pin: PinSource): string {
  if ('variable' in pin) {
    return pin.variable
  }
  const { ino, size, mtimeMs, ctimeMs } = statSync(pin.file, { throwIfNoEntry: false }) ?? {}
  return [pin.file, ino, size, mtimeMs, ctimeMs].join()
}
