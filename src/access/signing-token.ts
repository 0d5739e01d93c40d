/** What a caller of Document Engine put into `signing_token`: any string, or JSON that says who is to sign. */
import { parseJson } from '../common/json.ts'
import { INVALID_REQUEST } from '../errors.ts'

/** More than any token of use has, in characters: beyond, it is not looked into. */
export const MAX_TOKEN_LENGTH = 16_384

/** An object, or what somebody took for one: with names in other quotes, or in none. A GUID in braces is no such thing. */
const OBJECT = /^\s*\{\s*(["'}]|[\w$]+\s*:)/

/** What can be told of a token without trusting it. */
export interface SigningTokenClaims {
  /** Name of the signer that is asked for; absent for the default. */
  readonly signer?: string
}

/**
 * Reads a signing token. Anything that is not a JSON object is opaque here: a user's id, or a JWT. What begins like an
 * object has to be one: taken for opaque, a misspelled one would have the default signer sign.
 *
 * @param signMethods what signMethod may say, in lower case
 * @throws INVALID_REQUEST that quotes nothing of it
 */
export function readSigningToken(
  token: string | null | undefined,
  signMethods: readonly string[],
): SigningTokenClaims {
  if (token === null || token === undefined || !OBJECT.test(token.slice(0, MAX_TOKEN_LENGTH))) {
    return {}
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new INVALID_REQUEST(`signing_token: JSON must not be longer than ${MAX_TOKEN_LENGTH} characters`)
  }
  const { signer, signMethod } = parse(token)
  if (signMethod !== undefined && signMethod !== null && !isAccepted(signMethod, signMethods)) {
    throw new INVALID_REQUEST(
      `signing_token: signMethod must be one of ${signMethods.join(', ')}: this service signs with an HSM alone, and ` +
        'accepts what SIGN_METHODS lists',
    )
  }
  if (signer === undefined || signer === null) {
    return {}
  }
  if (typeof signer !== 'string') {
    throw new INVALID_REQUEST('signing_token: signer must be a string')
  }
  return { signer }
}

/** Compares without regard to case, as the vendor's example does. */
function isAccepted(signMethod: unknown, signMethods: readonly string[]): boolean {
  return typeof signMethod === 'string' && signMethods.includes(signMethod.toLowerCase())
}

/** Of two signers in one object another reader of the token may see the first one: that is none. */
function parse(token: string): { signer?: unknown; signMethod?: unknown } {
  try {
    return parseJson(token) as object
  } catch {
    throw new INVALID_REQUEST('signing_token: begins like a JSON object and is none, or has a name twice')
  }
}
