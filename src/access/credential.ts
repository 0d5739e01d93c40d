/** Finds the token by which a caller says who he is: in the body, or in the Authorization header. */
import { defined } from '../common/defined.ts'
import { SIGNING_TOKEN_INVALID, SIGNING_TOKEN_MISSING } from '../errors.ts'
import type { SigningToken } from './signing-token.ts'

/** Most characters of a token: a JWT with a few claims has some hundred, and one with the groups of a user thousands. */
const MAX_LENGTH = 16_384

/** Says why no token is looked at, for the log. It holds nothing of the token. */
export class UnreadCredential extends Error {}

export interface Credential {
  readonly token: string
  /** Name of the user that the signing token gives beside the token. */
  readonly userId?: string
}

/**
 * Returns the token of a request: `signing_token` itself, `token` in its JSON, or that of a Bearer header
 * (RFC 6750 2.1). Where two of them have one, they must be the same.
 *
 * @param authorization value of the Authorization header
 * @throws SIGNING_TOKEN_MISSING, SIGNING_TOKEN_INVALID
 */
export function findCredential(
  { token: ofBody, userId }: Pick<SigningToken, 'token' | 'userId'>,
  authorization: string | undefined,
): Credential {
  const ofHeader = authorization === undefined ? undefined : readBearer(authorization)
  const token = ofBody ?? ofHeader
  if (token === undefined) {
    throw new SIGNING_TOKEN_MISSING()
  }
  if (!isText(token) || (userId !== undefined && !isText(userId))) {
    throw refuse(`token or userId is no text of at most ${MAX_LENGTH} characters`)
  }
  if ((ofHeader ?? token) !== token) {
    throw refuse('signing_token and Authorization have different tokens')
  }
  return { token, ...defined({ userId }) }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_LENGTH
}

/** @returns the characters of b64token (RFC 6750 2.1), which those of a JWT and of a user's token are among */
function readBearer(authorization: string): string {
  const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization)?.[1]
  if (token === undefined) {
    throw refuse('Authorization is not Bearer with a token')
  }
  return token
}

function refuse(why: string): Error {
  return new SIGNING_TOKEN_INVALID({ cause: new UnreadCredential(why) })
}
