/** Authenticates callers by JSON Web Tokens (RFC 7519) that the operator's own application has signed. */
import { errors, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from 'jose'
import { findHashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { JwtConfiguration } from '../configuration/access-configuration.ts'
import { ACCESS_UNAVAILABLE, SIGNING_TOKEN_INVALID } from '../errors.ts'
import { type Credential, UnreadCredential } from './credential.ts'
import type { Grant } from './grant.ts'
import { createKeyFinder, type KeyFinder, type RemoteKeysOptions } from './jwt-keys.ts'
import { KnownTokens } from './known-tokens.ts'

/** Difference between clocks that is allowed, in seconds. */
const TOLERANCE_S = 60

/** Keys that a token without `kid` is tried with, since anybody may send one. */
const MAX_KEYS_TRIED = 8

/** Most characters of the name of a caller, which goes to the log. */
const MAX_SUBJECT = 256

/**
 * Matches names that a misspelled restriction has: a token with one would be wider than it was meant. Identity providers put a name
 * of their own before those of claims, as in `custom:signer` and `https://example.com/signer`. A claim such as `signer_name` may be that
 * of a person: it is looked at when a signer is chosen.
 */
const NEARLY_A_RESTRICTION =
  /^(?:.*[/:.#])?\s*(?:signers?|(?:signature[-_]?)?containers?|hash[-_]?alg(?:orithm)?s?|digests?)\s*$|^\s*address(?:es)?\s*$/is
const RESTRICTIONS: readonly string[] = ['signer', 'containers', 'hash_algorithms', 'digest']
/** Characters of a claim's name that the log shows, its last ones. */
const SHOWN_CLAIM = 100
/** Objects in objects of a claim that are searched for restrictions. */
const MAX_DEPTH = 8

export type JwtOptions = Omit<RemoteKeysOptions, 'onChange'>

export class JwtAuthenticator {
  readonly #configuration: JwtConfiguration
  readonly #keys: KeyFinder
  readonly #known = new KnownTokens()

  constructor(configuration: JwtConfiguration, options: JwtOptions) {
    this.#configuration = configuration
    this.#keys = createKeyFinder(configuration.keys, { ...options, onChange: () => this.#known.clear() })
  }

  async authenticate(credential: Credential): Promise<Grant> {
    return this.#known.authenticate(credential, (token) => this.#verify(token))
  }

  get hasKeys(): boolean {
    return this.#keys.hasKeys
  }

  /** Fetches keys of an address anew. */
  renewKeys(): void {
    this.#keys.renew?.()
  }

  close(): void {
    this.#keys.close()
  }

  async #verify(token: string): Promise<Grant> {
    const { issuer, audience, algorithms, maxAgeS } = this.#configuration
    const { generation } = this.#known
    const payload = await verifyWithAny(token, this.#keys.find, {
      issuer,
      audience,
      algorithms: [...algorithms],
      clockTolerance: TOLERANCE_S,
      requiredClaims: ['sub', 'exp'],
      ...(maxAgeS !== undefined && { maxTokenAge: maxAgeS }),
    }).catch((error: Error) => {
      throw error instanceof ACCESS_UNAVAILABLE ? error : new SIGNING_TOKEN_INVALID({ cause: error })
    })
    const grant = readGrant(payload)
    const { exp, iat } = payload as { exp: number; iat?: number }
    const oldest = maxAgeS === undefined || iat === undefined ? exp : Math.min(exp, iat + maxAgeS)
    this.#known.add(token, grant, generation, (oldest + TOLERANCE_S) * 1000)
    return grant
  }
}

/**
 * Verifies a token, one without `kid` (which RFC 7515 4.1.4 leaves to its maker) with one key after another that it may be for.
 *
 * @throws an error of jose, or of the function that finds the key
 */
async function verifyWithAny(
  token: string,
  find: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) {
      throw error
    }
    let tried = 0
    for await (const key of error) {
      const verified = await jwtVerify(token, key, options).catch((reason: Error) => reason)
      if (!(verified instanceof Error)) {
        return verified.payload
      }
      // Claims are looked at once the signature is right
      const isRightKey =
        verified instanceof errors.JWTClaimValidationFailed || verified instanceof errors.JWTExpired
      tried += 1
      if (isRightKey || tried === MAX_KEYS_TRIED) {
        throw verified
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

/**
 * Reads what a token permits. A restriction that cannot be read is refused, since it must not become none.
 *
 * @throws SIGNING_TOKEN_INVALID
 */
function readGrant(payload: JWTPayload): Grant {
  const others = Object.entries(payload).filter(([name]) => !RESTRICTIONS.includes(name))
  const misplaced =
    others.find(([name]) => NEARLY_A_RESTRICTION.test(name) && !isPostal(name, payload)) ??
    findRestriction(Object.fromEntries(others), MAX_DEPTH)
  if (misplaced !== undefined) {
    throw createRefusal(misplaced[0].slice(-SHOWN_CLAIM))
  }
  const { sub, signer, containers, hash_algorithms: names, digest } = payload
  // A lone surrogate has no UTF-8, so that no record could name such a caller (RFC 8785 3.2.2.2)
  const isSubject = typeof sub === 'string' && sub !== '' && sub.length <= MAX_SUBJECT && !/\p{Cs}/u.test(sub)
  if (!isSubject) {
    throw createRefusal('sub')
  }
  return {
    subject: sub,
    ...(signer !== undefined && {
      signers: readList('signer', typeof signer === 'string' ? [signer] : signer, isText),
    }),
    ...(containers !== undefined && { containers: readList('containers', containers, isForm) }),
    ...(names !== undefined && {
      hashAlgorithms: readList('hash_algorithms', names, isText).map(readHashAlgorithm),
    }),
    ...(digest !== undefined && { digest: readDigest(digest) }),
  }
}

/**
 * Finds what would be a restriction if it were a claim of its own, within objects, where some identity providers put claims. What
 * only has such a name, as the digest of an attachment in OpenID Connect for Identity Assurance, is none. A signer is found when
 * one is chosen, since only then it is known who is one.
 */
function findRestriction(value: object, depth: number): [name: string, value: unknown] | undefined {
  for (const [name, inner] of depth === 0 ? [] : Object.entries(value)) {
    const found = typeof inner === 'object' && inner !== null ? findRestriction(inner, depth - 1) : undefined
    if (found !== undefined || (NEARLY_A_RESTRICTION.test(name) && isRestriction(inner))) {
      return found ?? [name, inner]
    }
  }
  return undefined
}

/** Returns whether a value limits the form of signatures, hash algorithms or the digest. */
function isRestriction(value: unknown): boolean {
  const list = [value].flat()
  return (
    list.length > 0 &&
    (list.every(isForm) ||
      list.every((item) => typeof item === 'string' && (findHashAlgorithm(item) || DIGEST.test(item))))
  )
}

/** Returns whether a claim is the postal address of a person (OpenID Connect Core 5.1.1), which is an object. */
function isPostal(name: string, { address }: JWTPayload): boolean {
  return name === 'address' && typeof address === 'object' && address !== null && !Array.isArray(address)
}

/** Returns the error for a claim that cannot be read, in the words that jose has for others. */
function createRefusal(claim: string): Error {
  return new SIGNING_TOKEN_INVALID({ cause: new errors.JWTClaimValidationFailed('', {}, claim) })
}

/**
 * Returns why a token was refused, for the log: a code of jose, and the claim if it is about one, or words. None of them holds a
 * value of the token.
 */
export function describeRefusal(error: unknown): string | undefined {
  const { cause } = error as Error
  if (!(error instanceof SIGNING_TOKEN_INVALID && cause instanceof Error)) {
    return undefined
  }
  if (cause instanceof UnreadCredential) {
    return cause.message
  }
  if (!(cause instanceof errors.JOSEError)) {
    // The key that the token names cannot be used
    return errors.JWKInvalid.code
  }
  return 'claim' in cause ? `${cause.code} ${cause.claim}` : cause.code
}

function readList<T>(claim: string, value: unknown, isItem: (item: unknown) => item is T): T[] {
  if (!Array.isArray(value) || !value.every(isItem)) {
    throw createRefusal(claim)
  }
  return value
}

function isText(item: unknown): item is string {
  return typeof item === 'string'
}

function isForm(item: unknown): item is 'raw' | 'pkcs7' {
  return item === 'raw' || item === 'pkcs7'
}

function readHashAlgorithm(name: string) {
  const found = findHashAlgorithm(name)
  if (found === undefined) {
    throw createRefusal('hash_algorithms')
  }
  return found.name
}

/** Matches a digest in hex, of 20 to 64 bytes. */
const DIGEST = /^([\da-f]{2}){20,64}$/i

function readDigest(digest: unknown): string {
  if (typeof digest !== 'string' || !DIGEST.test(digest)) {
    throw createRefusal('digest')
  }
  return digest.toLowerCase()
}
