/** Finds the key that a JSON Web Token is verified with. Nothing in the token's header chooses it but `kid`. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWTVerifyGetKey,
  type RemoteJWKSet,
} from 'jose'
import { HttpClient } from '../common/http-client.ts'
import { isLoopback } from '../common/networks.ts'
import type { Proxies } from '../common/proxies.ts'
import type { RepeatedWarning } from '../common/repeated-warning.ts'
import type { JwtKeys } from '../configuration/access-configuration.ts'
import { ACCESS_UNAVAILABLE } from '../errors.ts'

/** Interval at which a remote set is fetched again, in ms, which is how long a key that was taken out of it still counts. */
const REFRESH_MS = 300_000
/** Interval after a failure. Meanwhile the keys that are there go on to count, and an unknown `kid` is refused at once. */
const RETRY_MS = 15_000
const TIMEOUT_MS = 3_000
/** Most bytes of a set; those of large identity providers have 10 kB. */
const MAX_BYTES = 262_144

export interface KeyFinder {
  readonly find: JWTVerifyGetKey
  /** False until keys were first fetched. */
  readonly hasKeys: boolean
  /** Fetches the keys of an address anew. */
  renew?(): void
  /** Ends what runs in the background. */
  close(): void
}

export interface RemoteKeysOptions {
  /** Proxies for addresses that are not of this machine. */
  readonly proxies: Proxies
  readonly warning: Pick<RepeatedWarning, 'warn' | 'reset'>
  /** Called when keys have changed: what was verified with the former ones must be verified again. */
  onChange(): void
}

/** Returns how keys are found. Those of an address are fetched at once, and again and again. */
export function createKeyFinder(keys: JwtKeys, options: RemoteKeysOptions): KeyFinder {
  switch (keys.kind) {
    case 'key':
      return { find: () => keys.key, hasKeys: true, close: () => {} }
    case 'set':
      return { find: createLocalJWKSet(keys.set), hasKeys: true, close: () => {} }
    case 'url':
      return new RemoteKeys(keys.url, options)
  }
}

class RemoteKeys implements KeyFinder {
  readonly #options: RemoteKeysOptions
  readonly #client: HttpClient
  readonly #remote: RemoteJWKSet
  /** The last set in JSON. */
  #set: string | undefined
  /** The last failure, which is the answer for a moment. */
  #failure: { readonly error: unknown; readonly at: number } | undefined
  #timer: NodeJS.Timeout
  #closed = false

  constructor(url: URL, options: RemoteKeysOptions) {
    this.#options = options
    this.#client = new HttpClient(isLoopback(url.hostname) ? {} : { proxies: options.proxies })
    this.#remote = createRemoteJWKSet(url, {
      timeoutDuration: TIMEOUT_MS,
      // The keys that are there count until others come: an outage of the identity provider takes nothing away
      cacheMaxAge: Number.POSITIVE_INFINITY,
      [customFetch]: (_url, { signal }) => this.#fetch(url, signal),
    })
    this.#timer = setTimeout(() => void this.#refresh(), 0).unref()
  }

  readonly find: JWTVerifyGetKey = async (header, token) => {
    const found = await this.#remote(header, token).catch((error: Error) => error)
    this.#noteChange()
    if (found instanceof Error) {
      // Other errors are about the token: no key, or several ones, or one that cannot be used
      const isOfFetch = found === this.#failure?.error || found instanceof errors.JWKSTimeout
      if (!isOfFetch) {
        throw found
      }
      // Anybody may name a key that is not there: without an answer it is taken for none
      throw this.hasKeys ? new errors.JWKSNoMatchingKey() : new ACCESS_UNAVAILABLE({ cause: found })
    }
    return found
  }

  get hasKeys(): boolean {
    return this.#set !== undefined
  }

  /** Fetches the keys when a fetch that is under way has ended, since that may bring those from before the reason. */
  renew(): void {
    const underWay = this.#remote.reloading ? this.#remote.reload().catch(() => {}) : Promise.resolve()
    void underWay.then(() => {
      this.#failure = undefined
      return this.#refresh()
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#client.close()
  }

  /** Fetches the keys, and plans to do so again, unless it was closed. */
  async #refresh(): Promise<void> {
    if (this.#closed) {
      return
    }
    let waitMs = REFRESH_MS
    try {
      await this.#remote.reload()
      this.#noteChange()
      this.#options.warning.reset()
    } catch (error) {
      waitMs = RETRY_MS
      this.#options.warning.warn(`ACCESS_JWT_KEYS: the keys cannot be fetched: ${(error as Error).message}`)
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#refresh(), waitMs).unref()
  }

  async #fetch(url: URL, signal: AbortSignal): Promise<Response> {
    if (this.#failure !== undefined && performance.now() - this.#failure.at < RETRY_MS / 2) {
      throw this.#failure.error
    }
    try {
      const accept = 'application/jwk-set+json, application/json'
      // Redirects are not followed: who answers at the address has the last word about who is let in
      const request = { url, accept, limit: MAX_BYTES, anyStatus: true, signal }
      const { body, status } = await this.#client.send(request)
      if (status !== 200) {
        throw new Error(`the address answers with status ${status}`)
      }
      checkSet(body)
      return new Response(body)
    } catch (error) {
      this.#failure = { error, at: performance.now() }
      throw error
    }
  }

  #noteChange(): void {
    const set = JSON.stringify(this.#remote.jwks())
    if (set !== this.#set) {
      this.#set = set
      this.#options.onChange()
    }
  }
}

/** Checks an answer here, since what is no set must not be asked for again with each token that names an unknown key. */
function checkSet(body: Buffer): void {
  try {
    // A byte order mark is dropped, as where the set is used
    createLocalJWKSet(JSON.parse(new TextDecoder().decode(body)))
  } catch {
    throw new Error('the address answers with what is no JSON Web Key Set')
  }
}
