/** Finds signing tokens that were meant to name a signer, but do so in a way that the service does not read. */
import { findNearest } from '../common/edit-distance.ts'
import { parseJson } from '../common/json.ts'
import { MAX_TOKEN_LENGTH } from './signing-token.ts'

/** Nested encodings that are decoded. */
const MAX_ENCODINGS = 3

/** Matches `signer` with a value behind it, as in JSON of any spelling, `signer=NAME`, `signer: NAME` or `<signer>`. */
const SIGNER_WITH_VALUE = /(?<![\w-])signer[\\"'`\s]*[:=>]/i

/** Letters in which a name in JSON may differ from `signer` if its value is the name of a signer. */
const MAX_TYPING_ERRORS = 2

/** Fields with the name of a signer that are compared, which takes 3 µs each: a body may have thousands. */
const MAX_FIELDS = 32

/** Levels of lists and objects in a field that are searched for the name of a signer. */
const MAX_DEPTH = 3

/** Most characters of a value that may be the name of a signer, with spaces around it. */
const MAX_NAME_LENGTH = 100

/** Matches trimmed base64 in the standard or the URL alphabet, padded or not, in any lines (RFC 4648 4 and 5). */
const BASE64 = /^[\w+/\s-]{8,}={0,2}$/

/** Matches a JSON Web Token (RFC 7515 7.1), as it stands in an Authorization header too, and its payload. */
const JWT = /^\s*(?:Bearer\s+)?[\w-]+\.([\w-]+)\.[\w-]*\s*$/i

/**
 * Returns whether a token seems to name a signer. It does if it is JSON with a name that is `signer`, at any depth and
 * in any case, or nearly `signer` with the name of a signer as its value; text that resembles such JSON; an encoding of
 * either; or the name of a signer alone.
 *
 * @param token a signing token in which no signer was found
 * @param names names of the signers that may be meant
 */
export function seemsToNameSigner(token: string, names: readonly string[]): boolean {
  return isNamedInText(token, toLowerCase(names), 0)
}

/**
 * Returns whether a field with a name that is nearly `signer` has the name of a signer as its value, or a list or an
 * object that holds it.
 *
 * @param fields fields of the body and of the query, where `signer` has no meaning
 * @param names names of the signers that may be meant
 */
export function hasFieldNamingSigner(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): boolean {
  const lowerCase = toLowerCase(names)
  return Object.entries(fields)
    .filter(([, value]) => holdsName(value, lowerCase))
    .slice(0, MAX_FIELDS)
    .some(([name]) => isNearlySigner(name))
}

/**
 * Returns whether a query has `signer` with something else than the name of the signer that is chosen in another way: a
 * misspelled name too, as nobody has another use for it there.
 */
export function isSignerInQuery(
  query: Readonly<Record<string, unknown>>,
  chosen: string | undefined,
): boolean {
  return Object.entries(query).some(([name, value]) => isSigner(name) && value !== chosen)
}

/**
 * Returns whether a token is a JSON Web Token whose claim `signer` has the name of a signer, and not that of the chosen one. It is
 * asked of tokens that nobody verified, which then say nothing about who signs.
 *
 * @param token of any type; one that is longer than any that is read is for nobody
 * @param others names of the signers that may be meant beside the chosen one
 */
export function isJwtForOther(token: unknown, chosen: string, others: readonly string[]): boolean {
  const payload =
    typeof token === 'string' && token.length <= MAX_TOKEN_LENGTH ? JWT.exec(token)?.[1] : undefined
  const claims = payload === undefined ? undefined : readJson(Buffer.from(payload, 'base64url').toString())
  const named = [(claims as { readonly signer?: unknown } | undefined)?.signer].flat()
  return !named.includes(chosen) && others.some((name) => named.includes(name))
}

function toLowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()))
}

function isNamedInText(text: string, names: ReadonlySet<string>, encodings: number): boolean {
  const value = readJson(text)
  if (typeof value === 'object') {
    return isNamedInValue(value, names)
  }
  return (
    names.has(text.trim().toLowerCase()) ||
    SIGNER_WITH_VALUE.test(text) ||
    (encodings < MAX_ENCODINGS &&
      decode(text, value).some((decoded) => isNamedInText(decoded, names, encodings + 1)))
  )
}

/** Compares names, and values only together with their names: a value alone may be what a user has typed. */
function isNamedInValue(value: unknown, names: ReadonlySet<string>): boolean {
  if (typeof value === 'string') {
    const inner = readJson(value)
    return typeof inner === 'object' && isNamedInValue(inner, names)
  }
  return Object.entries(value ?? {}).some(
    ([name, inner]) =>
      (inner !== null && isSigner(name)) ||
      (isName(inner, names) && isNearlySigner(name)) ||
      isNamedInValue(inner, names),
  )
}

function isName(value: unknown, names: ReadonlySet<string>): boolean {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && names.has(value.trim().toLowerCase())
}

/** Returns whether a value is the name of a signer, or holds it, as `["contracts"]` and `{"name": "contracts"}` do. */
function holdsName(value: unknown, names: ReadonlySet<string>, depth = 0): boolean {
  return typeof value === 'object' && depth < MAX_DEPTH
    ? Object.values(value ?? {}).some((inner) => holdsName(inner, names, depth + 1))
    : isName(value, names)
}

/** Returns whether a name is `signer`, in any case and with spaces around it. */
function isSigner(name: string): boolean {
  return /^\s*signer\s*$/i.test(name)
}

/** Returns whether a name is as in `{"singer": "contracts"}` or `{"signerName": "contracts"}`. */
function isNearlySigner(name: string): boolean {
  return /signer/i.test(name) || findNearest(name.toLowerCase(), ['signer'], MAX_TYPING_ERRORS) !== undefined
}

/** Parses a JSON object, array or string; returns undefined for anything else. */
function readJson(text: string): unknown {
  try {
    return /^\s*["[{]/.test(text) ? parseJson(text) : undefined
  } catch {
    return undefined
  }
}

/** @param value the text parsed as JSON; undefined if it is none */
function decode(text: string, value: unknown): string[] {
  return [
    ...(typeof value === 'string' ? [value] : []),
    ...(BASE64.test(text.trim()) ? [Buffer.from(text, 'base64').toString()] : []),
    ...(text.includes('%') ? decodePercent(text) : []),
  ]
}

function decodePercent(text: string): string[] {
  try {
    return [decodeURIComponent(text)]
  } catch {
    return []
  }
}
