/** Authenticates callers by the tokens of ACCESS_FILE. */
import { defined } from '../common/defined.ts'
import type { ConfiguredUser } from '../configuration/access-configuration.ts'
import { SIGNING_TOKEN_INVALID, TOO_MANY_REQUESTS } from '../errors.ts'
import type { Credential } from './credential.ts'
import type { Grant } from './grant.ts'
import { KnownTokens } from './known-tokens.ts'
import { tokenIdOf, verifyToken } from './user-token.ts'

/** Most tokens with one identifier that are verified at once. A user has one token; others are attempts to guess it. */
const MAX_VERIFYING = 4

export class Users {
  readonly hasKeys = true
  readonly #users: ReadonlyMap<string, ConfiguredUser>
  readonly #known = new KnownTokens()
  /** Tokens that are being verified, keyed by their identifiers. */
  readonly #verifying = new Map<string, Map<string, Promise<boolean>>>()

  constructor(users: readonly ConfiguredUser[]) {
    this.#users = new Map(users.map((user) => [user.tokenId, user]))
  }

  async authenticate({ token, userId }: Credential): Promise<Grant> {
    const grant = this.#known.find(token) ?? (await this.#verify(token))
    if (userId !== undefined && userId !== grant.subject) {
      throw new SIGNING_TOKEN_INVALID()
    }
    return grant
  }

  async #verify(token: string): Promise<Grant> {
    const id = tokenIdOf(token)
    const user = id === undefined ? undefined : this.#users.get(id)
    if (id === undefined || user === undefined || !(await this.#verifyOnce(token, id, user))) {
      throw new SIGNING_TOKEN_INVALID()
    }
    const { name: subject, signers, containers, hashAlgorithms, addresses } = user
    const grant = { subject, ...defined({ signers, containers, hashAlgorithms, addresses }) }
    this.#known.add(token, grant)
    return grant
  }

  /** Verifies a token once for all requests that have it at the same time. */
  async #verifyOnce(token: string, id: string, user: ConfiguredUser): Promise<boolean> {
    const ofUser = this.#verifying.get(id) ?? new Map<string, Promise<boolean>>()
    this.#verifying.set(id, ofUser)
    const running = ofUser.get(token)
    if (running !== undefined) {
      return running
    }
    if (ofUser.size >= MAX_VERIFYING) {
      throw new TOO_MANY_REQUESTS()
    }
    const verifying = verifyToken(token, user)
    ofUser.set(token, verifying)
    try {
      return await verifying
    } finally {
      ofUser.delete(token)
    }
  }
}
