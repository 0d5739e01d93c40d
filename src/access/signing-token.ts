/** Reads `signing_token`, which a caller of Document Engine sets: any string, or JSON that names the signer. */
import { defined } from '../common/defined.ts'
import { countSeparators, parseJson } from '../common/json.ts'
import { INVALID_REQUEST } from '../errors.ts'

/** Characters of a token that are read, which are more than any useful token has. */
export const MAX_TOKEN_LENGTH = 16_384

/** Commas and colons in JSON that is read, which are more than any useful token has: many callers with more keep all others waiting. */
const MAX_SEPARATORS = 1_000

/** Matches the beginning of a JSON object, also with names in other quotes or none, but not a GUID in braces. */
const OBJECT_BEGINNING = /^\s*\{\s*(["'}]|[\w$]+\s*:)/

/** The parts of a signing token that the service reads. */
export interface SigningToken {
  /** Name of the requested signer; absent for the default one. */
  readonly signer?: string
  /** Credential of the caller, of any type: the text itself if that is no JSON object, else what its `token` holds. */
  readonly token?: unknown
  /** Name of the caller beside `token`, of any type. */
  readonly userId?: unknown
}

/**
 * Reads a signing token. Anything but a JSON object is opaque, such as a user's id or a JWT. A token that begins like
 * an object has to be one: if a misspelled one passed as opaque, the default signer would sign.
 *
 * @param signMethods values of signMethod that are accepted, in lower case
 * @throws INVALID_REQUEST that quotes nothing of the token
 */
export function readSigningToken(
  token: string | null | undefined,
  signMethods: readonly string[],
): SigningToken {
  if (token === null || token === undefined || token === '') {
    return {}
  }
  if (!OBJECT_BEGINNING.test(token.slice(0, MAX_TOKEN_LENGTH))) {
    return { token }
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new INVALID_REQUEST(`signing_token: JSON must not be longer than ${MAX_TOKEN_LENGTH} characters`)
  }
  const { signer, signMethod, token: credential, userId } = parse(token)
  if (signMethod !== undefined && signMethod !== null && !isAccepted(signMethod, signMethods)) {
    throw new INVALID_REQUEST(
      `signing_token: signMethod must be one of ${signMethods.join(', ')}: this service signs with an HSM alone, and ` +
        'accepts what SIGN_METHODS lists',
    )
  }
  if (signer !== undefined && signer !== null && typeof signer !== 'string') {
    throw new INVALID_REQUEST('signing_token: signer must be a string')
  }
  return defined({ signer: signer ?? undefined, token: credential ?? undefined, userId: userId ?? undefined })
}

/** Compares without regard to case, as the vendor's example does. */
function isAccepted(signMethod: unknown, signMethods: readonly string[]): boolean {
  return typeof signMethod === 'string' && signMethods.includes(signMethod.toLowerCase())
}

/** Parses the token. An object with a name twice is refused, since another reader may take the first of the two. */
function parse(token: string): Record<'signer' | 'signMethod' | 'token' | 'userId', unknown> {
  if (countSeparators(token) > MAX_SEPARATORS) {
    throw new INVALID_REQUEST(
      `signing_token: JSON must not have more than ${MAX_SEPARATORS} commas and colons`,
    )
  }
  try {
    return parseJson(token) as ReturnType<typeof parse>
  } catch {
    throw new INVALID_REQUEST('signing_token: begins like a JSON object and is none, or has a name twice')
  }
}
