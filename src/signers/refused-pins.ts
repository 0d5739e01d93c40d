import type { TokenAccess } from '../configuration/signer-configuration.ts'
import { refuseProblems } from '../errors.ts'
import { pinVersion, type ToldPin, wasTold } from '../pkcs11/pin-version.ts'
import { accessId, type TokenPool } from './token-pool.ts'

const PUBLIC_MESSAGE =
  'the token refused this PIN; it is tried again at SIGHUP, once its file or secret has changed'
const UNJUDGED_MESSAGE = 'the token refused the login, whatever the PIN; it is tried again at SIGHUP'
/** Most refused PINs that are kept, which is more than anybody tries. */
const MAX_REFUSED = 100

/** Describes a login that a token refused. */
interface Refusal {
  /** Tells which version of the PIN it was; undefined where SIGHUP has allowed any. */
  readonly version: string | undefined
  /** True if the token did not judge the PIN. */
  readonly mayBeRight: boolean
  /** True if SIGHUP tries again though no file has changed. */
  readonly isOpen: boolean
}

/**
 * Remembers which PINs tokens refused, by the versions of their files and secrets. None is tried again, since a few wrong
 * ones lock a user. Each version costs one login at a token, in however many ways that is named, and only SIGHUP tries
 * another version. One that the token did not judge costs one login for each SIGHUP.
 */
export class RefusedPins {
  /** The PIN of the last login, keyed by access. */
  readonly #lastLogins = new Map<string, ToldPin>()
  /** The refusal that counts at each access. */
  readonly #refused = new Map<string, Refusal>()
  /** Accesses whose last PIN the token did not judge, be it that it was not told what it had refused before. */
  readonly #unjudged = new Set<string>()
  #list: readonly ToldPin[] = []
  /** The end of the last login that was wanted, keyed by token. Two ways of access may lead to one. */
  readonly #turns = new Map<string, Promise<void>>()

  /**
   * Waits until no other login at the token is under way, and notes the PIN of the one that may begin then. By the time
   * that the token refuses it, its file may hold another one.
   *
   * @param ended settles when the login that may begin has ended
   * @returns whether it may: the token has not refused this PIN
   */
  async allowLogin(access: TokenAccess, pin: ToldPin, ended: Promise<void>): Promise<boolean> {
    const others = this.#turns.get(pin.token)
    // Without the values, which would be those of all logins so far
    this.#turns.set(
      pin.token,
      Promise.all([others, ended]).then(() => {}),
    )
    await others
    this.#lastLogins.set(accessId(access), pin)
    const isAllowed = !wasTold(pin, this.#list)
    if (isAllowed) {
      this.#refused.delete(accessId(access))
      this.#unjudged.delete(accessId(access))
    } else {
      this.#unjudged.add(accessId(access))
    }
    return isAllowed
  }

  /**
   * Notes that a token refused the PIN of the last login, or that a PIN was not tried since it was refused before.
   *
   * @param mayBeRight true if the token did not judge the PIN
   */
  noteRefusal(access: TokenAccess, mayBeRight = false): void {
    const id = accessId(access)
    const pin = this.#lastLogins.get(id)
    this.#lastLogins.delete(id)
    const version = pin?.version ?? pinVersion(access.pin)
    // Only a signer process can tell whether a secret has changed
    this.#refused.set(id, { version, mayBeRight, isOpen: mayBeRight || 'secretId' in access.pin })
    if (mayBeRight) {
      this.#unjudged.add(id)
    }
    if (pin !== undefined && !this.#unjudged.has(id)) {
      this.#list = [...this.#list, pin].slice(-MAX_REFUSED)
    }
  }

  /** Has PINs tried once more that no token has judged, and secrets, which may have changed. Called at SIGHUP. */
  reopen(): void {
    for (const [id, refusal] of this.#refused) {
      if (refusal.isOpen) {
        this.#refused.set(id, { ...refusal, version: undefined })
      }
    }
  }

  /**
   * Refuses tokens at which a refused PIN would be tried again.
   *
   * @param retry true if a file that has changed since may be tried
   * @throws ConfigurationError
   */
  check(pools: readonly Pick<TokenPool, 'access' | 'keys' | 'log'>[], retry: boolean): void {
    const problems = pools.flatMap(({ access, keys: [{ settings }], log }) => {
      const refusal = this.#refused.get(accessId(access))
      if (refusal === undefined || (retry && this.#isChanged(access))) {
        return []
      }
      const message = refusal.mayBeRight ? UNJUDGED_MESSAGE : PUBLIC_MESSAGE
      return [{ token: log.fields, variable: settings.pin, message, publicMessage: message }]
    })
    refuseProblems(problems)
  }

  /** Returns whether the token did not judge the last PIN: it had refused it before and was not told it, or its user is locked. */
  isUnjudged({ access, pool }: RefusedPool): boolean {
    return pool.status().state === 'pin refused' && this.#unjudged.has(accessId(access))
  }

  /** Returns whether the token of a pool refused its PIN, and SIGHUP may try: there may be another one, or this may be right. */
  isCorrected({ access, pool }: RefusedPool): boolean {
    return pool.status().state === 'pin refused' && this.#isChanged(access)
  }

  /** Logs that a token refused its PIN, and that SIGHUP changes nothing since there is no other PIN yet. */
  warnIfUnchanged({ access, keys, pool, log }: TokenPool): void {
    if (pool.status().state !== 'pin refused' || this.#isChanged(access)) {
      return
    }
    const { pin: variable } = keys[0].settings
    const [source] = Object.values(access.pin)
    const remedy =
      'file' in access.pin
        ? `correct ${source}, which has not changed since, and send SIGHUP again`
        : `correct ${source}, and restart`
    log.error({ variable }, `the token refused its PIN, which is not tried again: ${remedy}`)
  }

  #isChanged(access: TokenAccess): boolean {
    const version = this.#refused.get(accessId(access))?.version
    return version === undefined || !('secretId' in access.pin || version === pinVersion(access.pin))
  }
}

type RefusedPool = Pick<TokenPool, 'access'> & { readonly pool: Pick<TokenPool['pool'], 'status'> }
