/** Authenticates callers by the tokens of ACCESS_FILE. */
import { BlockList } from 'node:net'
import type { Client } from '../common/client.ts'
import { defined } from '../common/defined.ts'
import type { ConfiguredUser } from '../configuration/access-configuration.ts'
import { SIGNING_TOKEN_INVALID } from '../errors.ts'
import type { Credential } from './credential.ts'
import type { Grant } from './grant.ts'
import { KnownTokens } from './known-tokens.ts'
import { passesCheck, tokenIdOf, verifyToken } from './user-token.ts'

/** Whoever waits for a verification. */
type Waiting = Pick<Client, 'hasLeft'>

/** A verification that is under way, or waits for its turn. */
interface Verification {
  readonly grant: Promise<Grant>
  readonly waiting: Waiting[]
}

/** Verifications of tokens of one identifier. */
interface Queue {
  length: number
  last: Promise<unknown>
}

export class Users {
  readonly hasKeys = true
  readonly #known = new KnownTokens()
  /** Keyed by the token: many requests may bring a new one at once. */
  readonly #verifications = new Map<string, Verification>()
  /** Keyed by the identifier of the token. */
  readonly #queues = new Map<string, Queue>()
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

  /** @param client whoever waits for it */
  async authenticate(credential: Credential, client: Waiting = { hasLeft: false }): Promise<Grant> {
    return this.#known.authenticate(credential, (token) => this.#verifyOnce(token, client))
  }

  /** Verifies a token once for all requests that bring it at the same time. */
  async #verifyOnce(token: string, client: Waiting): Promise<Grant> {
    const waiting: Waiting[] = []
    const verification = this.#verifications.get(token) ?? { grant: this.#verify(token, waiting), waiting }
    this.#verifications.set(token, verification)
    verification.waiting.push(client)
    try {
      return await verification.grant
    } finally {
      this.#verifications.delete(token)
    }
  }

  async #verify(token: string, waiting: readonly Waiting[]): Promise<Grant> {
    const { generation } = this.#known
    const user = this.#users.get(`${tokenIdOf(token)}`)
    const isRight =
      user !== undefined &&
      passesCheck(token, user) &&
      (await this.#inTurn(
        user.tokenId,
        // Nobody hears that it is not valid where all have left
        async () => waiting.some(({ hasLeft }) => !hasLeft) && verifyToken(token, user),
      ))
    if (!isRight) {
      throw new SIGNING_TOKEN_INVALID()
    }
    const { name: subject, signers, containers, hashAlgorithms, addresses } = user
    const grant = { subject, ...defined({ signers, containers, hashAlgorithms, addresses }) }
    this.#known.add(token, grant, generation)
    return grant
  }

  /**
   * Verifies tokens of one identifier one after another. Who knows the check of one can make any number of others that pass it: all
   * at once they would keep the processors from everybody.
   */
  async #inTurn(tokenId: string, verify: () => Promise<boolean>): Promise<boolean> {
    const queue = this.#queues.get(tokenId) ?? { length: 0, last: Promise.resolve() }
    this.#queues.set(tokenId, queue)
    queue.length += 1
    const verifying = queue.last.then(verify)
    queue.last = verifying.catch(() => {})
    try {
      return await verifying
    } finally {
      queue.length -= 1
      if (queue.length === 0) {
        this.#queues.delete(tokenId)
      }
    }
  }
}

function keyed(users: readonly ConfiguredUser[]): ReadonlyMap<string, ConfiguredUser> {
  return new Map(users.map((user) => [user.tokenId, user]))
}

function describe(user: ConfiguredUser): string {
  return JSON.stringify(user, (_, value) => (value instanceof BlockList ? value.rules : value))
}
