/** Remembers tokens that were verified, by their digest, so that verification is paid once and not by each request. */
import { createHash } from 'node:crypto'
import { keepLatest } from '../common/keep-latest.ts'
import { SIGNING_TOKEN_INVALID } from '../errors.ts'
import { type Credential, UnreadCredential } from './credential.ts'
import type { Grant } from './grant.ts'

/** Most tokens that are remembered. The oldest goes first: it is verified again when it comes back. */
const MAX_TOKENS = 10_000

interface Known {
  readonly grant: Grant
  /** Milliseconds since 1970 after which the token is not valid. */
  readonly expiresAt: number
}

export class KnownTokens {
  readonly #known = new Map<string, Known>()
  #generation = 0

  /** Changes when all tokens are forgotten, so that a verification that began before is not remembered. */
  get generation(): number {
    return this.#generation
  }

  /**
   * Returns what a token grants.
   *
   * @param verify is called for a token that is not known, and adds it
   * @throws SIGNING_TOKEN_INVALID for a token of another user than the credential names, and what `verify` throws
   */
  async authenticate(
    { token, userId }: Credential,
    verify: (token: string) => Promise<Grant>,
  ): Promise<Grant> {
    const grant = this.find(token) ?? (await verify(token))
    if (userId !== undefined && userId !== grant.subject) {
      throw new SIGNING_TOKEN_INVALID({ cause: new UnreadCredential('userId is not the user of the token') })
    }
    return grant
  }

  /** @returns undefined for a token that is not known, or has expired */
  find(token: string): Grant | undefined {
    const known = this.#known.get(digestOf(token))
    return known === undefined || known.expiresAt <= Date.now() ? undefined : known.grant
  }

  /** @param generation the one in which the verification began */
  add(token: string, grant: Grant, generation: number, expiresAt = Number.POSITIVE_INFINITY): void {
    if (generation !== this.#generation) {
      return
    }
    keepLatest(this.#known, digestOf(token), { grant, expiresAt }, MAX_TOKENS)
  }

  /** Forgets all tokens, or those whose grants are not to be kept. */
  clear(keeps: (grant: Grant) => boolean = () => false): void {
    this.#generation += 1
    for (const [digest, { grant }] of this.#known) {
      if (!keeps(grant)) {
        this.#known.delete(digest)
      }
    }
  }
}

/** Returns the digest of a token, so that the time of a search in the map tells nothing about the tokens in it. */
function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64')
}
