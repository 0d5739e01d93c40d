/** Says who a caller is, and what he may have signed. */
import type { Client } from '../common/client.ts'
import type { AccessConfiguration } from '../configuration/access-configuration.ts'
import { type Credential, findCredential } from './credential.ts'
import type { Grant } from './grant.ts'
import { JwtAuthenticator, type JwtOptions } from './jwt.ts'
import type { SigningToken } from './signing-token.ts'
import { Users } from './users.ts'

/** A request, as far as it says who makes it. */
interface Caller {
  readonly signingToken: SigningToken
  /** Value of the Authorization header. */
  readonly authorization: string | undefined
  /** Absent if nobody can leave. */
  readonly client?: Pick<Client, 'hasLeft'> | undefined
}

/** Finds out whose a token is. */
interface Authenticator {
  /** @throws SIGNING_TOKEN_INVALID, ACCESS_UNAVAILABLE */
  authenticate(credential: Credential, client: Caller['client']): Promise<Grant>
  /** False while tokens cannot be verified. */
  readonly hasKeys: boolean
  renewKeys?(): void
  close?(): void
}

const EVERYTHING: Grant = {}

export class Access {
  readonly #options: JwtOptions
  #kind: AccessConfiguration['kind']
  /** Undefined if everybody may call. */
  #authenticator: Authenticator | undefined

  constructor(configuration: AccessConfiguration, options: JwtOptions) {
    this.#options = options
    this.#kind = configuration.kind
    this.#authenticator = createAuthenticator(configuration, options)
  }

  get kind(): AccessConfiguration['kind'] {
    return this.#kind
  }

  /** Returns whether the tokens of callers can be verified. */
  get isReady(): boolean {
    return this.#authenticator?.hasKeys ?? true
  }

  /**
   * Returns what a caller may have signed.
   *
   * @throws SIGNING_TOKEN_MISSING, SIGNING_TOKEN_INVALID, ACCESS_UNAVAILABLE, which quote nothing of the token
   */
  async authenticate({ signingToken, authorization, client }: Caller): Promise<Grant> {
    return this.#authenticator === undefined
      ? EVERYTHING
      : this.#authenticator.authenticate(findCredential(signingToken, authorization), client)
  }

  /** Replaces the configuration. Tokens that were verified with the former one are verified again, unless nothing has changed. */
  replace(configuration: AccessConfiguration): void {
    if (this.#authenticator instanceof Users && configuration.kind === 'tokens') {
      this.#authenticator.replace(configuration.users)
      return
    }
    this.close()
    this.#kind = configuration.kind
    this.#authenticator = createAuthenticator(configuration, this.#options)
  }

  /** Fetches the keys anew that verify tokens, where they have an address. */
  renewKeys(): void {
    this.#authenticator?.renewKeys?.()
  }

  /** Ends what runs in the background. */
  close(): void {
    this.#authenticator?.close?.()
  }
}

function createAuthenticator(
  configuration: AccessConfiguration,
  options: JwtOptions,
): Authenticator | undefined {
  switch (configuration.kind) {
    case 'open':
      return undefined
    case 'tokens':
      return new Users(configuration.users)
    case 'jwt':
      return new JwtAuthenticator(configuration.jwt, options)
  }
}
