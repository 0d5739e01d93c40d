/** What a caller of Document Engine put into `signing_token`: any string, or JSON that says who is to sign. */
import { parseJson } from '../configuration/json.ts'
import { INVALID_REQUEST } from '../errors.ts'

/** More than any token of use has, in characters: beyond, it is not looked into. */
const MAX_LENGTH = 16_384

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
 * @throws INVALID_REQUEST that quotes nothing of it
 */
export function readSigningToken(token: string | null | undefined): SigningTokenClaims {
  if (token === null || token === undefined || !OBJECT.test(token.slice(0, MAX_LENGTH))) {
    return {}
  }
  if (token.length > MAX_LENGTH) {
    throw new INVALID_REQUEST(`signing_token: JSON must not be longer than ${MAX_LENGTH} characters`)
  }
  const { signer, signMethod } = parse(token)
  if (signMethod !== undefined && signMethod !== null && signMethod !== 'hsm') {
    throw new INVALID_REQUEST('signing_token: signMethod must be hsm: this service signs with an HSM alone')
  }
  if (signer === undefined || signer === null) {
    return {}
  }
  if (typeof signer !== 'string') {
    throw new INVALID_REQUEST('signing_token: signer must be a string')
  }
  return { signer }
}

/** Of two signers in one object another reader of the token may see the first one: that is none. */
function parse(token: string): { signer?: unknown; signMethod?: unknown } {
  try {
    return parseJson(token) as object
  } catch {
    throw new INVALID_REQUEST('signing_token: begins like a JSON object and is none, or has a name twice')
  }
}
