import type { TokenAccess } from '../configuration/signer-configuration.ts'
import { refuseProblems } from '../errors.ts'
import { pinVersion, type ToldPin } from '../pkcs11/pin-version.ts'
import { accessId, type TokenPool } from './token-pool.ts'

const PUBLIC_MESSAGE = 'the token refused this PIN; it is tried again at SIGHUP, once its file has changed'
/** Most refused PINs that are kept, which is more than anybody tries. */
const MAX_REFUSED = 100

/**
 * Remembers which PINs tokens refused, by the versions of their files. None is tried again, since a few wrong ones lock
 * a user. Each version of a file costs one login at most, and only SIGHUP tries another version.
 */
export class RefusedPins {
  /** The PIN of the last login, keyed by access. */
  readonly #lastLogins = new Map<string, ToldPin>()
  /** Version of the refused PIN, keyed by access. */
  readonly #refused = new Map<string, string>()
  #list: readonly ToldPin[] = []

  /** Returns PINs that signer processes must not try again. They see whether two ways of access lead to one token. */
  list(): readonly ToldPin[] {
    return this.#list
  }

  /** Notes the PIN of a login that begins. By the time that the token refuses it, its file may hold another one. */
  noteLogin(access: TokenAccess, pin: ToldPin): void {
    this.#lastLogins.set(accessId(access), pin)
    this.#refused.delete(accessId(access))
  }

  /** Notes that a token refused the PIN of the last login, or that a PIN was not tried since it was refused before. */
  noteRefusal(access: TokenAccess): void {
    const id = accessId(access)
    const pin = this.#lastLogins.get(id)
    this.#lastLogins.delete(id)
    this.#refused.set(id, pin?.version ?? pinVersion(access.pin))
    if (pin !== undefined) {
      this.#list = [...this.#list, pin].slice(-MAX_REFUSED)
    }
  }

  /**
   * Refuses tokens at which a refused PIN would be tried again.
   *
   * @param retry true if a file that has changed since may be tried
   * @throws ConfigurationError
   */
  check(pools: readonly Pick<TokenPool, 'access' | 'keys' | 'log'>[], retry: boolean): void {
    const problems = pools
      .filter(({ access }) => this.#refused.has(accessId(access)) && !(retry && this.#isChanged(access)))
      .map(({ keys: [{ settings }], log }) => ({
        token: log.fields,
        variable: settings.pin,
        message: PUBLIC_MESSAGE,
        publicMessage: PUBLIC_MESSAGE,
      }))
    refuseProblems(problems)
  }

  /** Returns whether the token of a pool refused its PIN, and there is another one now. */
  isCorrected({ access, pool }: RefusedPool): boolean {
    return pool.status().state === 'pin refused' && this.#isChanged(access)
  }

  /** Logs that a token refused its PIN, and that SIGHUP changes nothing since there is no other PIN yet. */
  warnIfUnchanged({ access, keys, pool, log }: TokenPool): void {
    if (pool.status().state !== 'pin refused' || this.#isChanged(access)) {
      return
    }
    const { pin: variable } = keys[0].settings
    const remedy =
      'file' in access.pin
        ? `correct ${access.pin.file}, which has not changed since, and send SIGHUP again`
        : `correct ${access.pin.variable}, and restart`
    log.error({ variable }, `the token refused its PIN, which is not tried again: ${remedy}`)
  }

  #isChanged(access: TokenAccess): boolean {
    return this.#refused.get(accessId(access)) !== pinVersion(access.pin)
  }
}

type RefusedPool = Pick<TokenPool, 'access'> & { readonly pool: Pick<TokenPool['pool'], 'status'> }
