/** Authenticates callers by the tokens of ACCESS_FILE. */
import { BlockList } from 'node:net'
import { defined } from '../common/defined.ts'
import type { ConfiguredUser } from '../configuration/access-configuration.ts'
import { SIGNING_TOKEN_INVALID } from '../errors.ts'
import type { Credential } from './credential.ts'
import type { Grant } from './grant.ts'
import { KnownTokens } from './known-tokens.ts'
import { tokenIdOf, verifyToken } from './user-token.ts'

export class Users {
  readonly hasKeys = true
  readonly #known = new KnownTokens()
  /** Verifications that are under way, keyed by the token: many requests may bring a new one at once. */
  readonly #verifying = new Map<string, Promise<Grant>>()
  /** Keyed by the identifier of the token. */
  #users: ReadonlyMap<string, ConfiguredUser>

  constructor(users: readonly ConfiguredUser[]) {
    this.#users = keyed(users)
  }

  /** Replaces the users. Tokens of those that stay as they were need not be verified again. */
  replace(users: readonly ConfiguredUser[]): void {
    const former = new Set([...this.#users.values()].map(describe))
    const unchanged = new Set(users.filter((user) => former.has(describe(user))).map(({ name }) => name))
    this.#users = keyed(users)
    this.#known.clear(({ subject = '' }) => unchanged.has(subject))
  }

  async authenticate(credential: Credential): Promise<Grant> {
    return this.#known.authenticate(credential, (token) => this.#verifyOnce(token))
  }

  /** Verifies a token once for all requests that bring it at the same time. */
  async #verifyOnce(token: string): Promise<Grant> {
    const verifying = this.#verifying.get(token) ?? this.#verify(token)
    this.#verifying.set(token, verifying)
    try {
      return await verifying
    } finally {
      this.#verifying.delete(token)
    }
  }

  async #verify(token: string): Promise<Grant> {
    const { generation } = this.#known
    const user = this.#users.get(`${tokenIdOf(token)}`)
    if (user === undefined || !(await verifyToken(token, user))) {
      throw new SIGNING_TOKEN_INVALID()
    }
    const { name: subject, signers, containers, hashAlgorithms, addresses } = user
    const grant = { subject, ...defined({ signers, containers, hashAlgorithms, addresses }) }
    this.#known.add(token, grant, generation)
    return grant
  }
}

function keyed(users: readonly ConfiguredUser[]): ReadonlyMap<string, ConfiguredUser> {
  return new Map(users.map((user) => [user.tokenId, user]))
}

function describe(user: ConfiguredUser): string {
  return JSON.stringify(user, (_, value) => (value instanceof BlockList ? value.rules : value))
}
