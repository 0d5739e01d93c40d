/** Finds signing tokens that were meant to name a signer, but do so in a way that the service does not read. */
import { findNearest } from '../common/edit-distance.ts'
import { countSeparators, parseJson } from '../common/json.ts'
import { MAX_TOKEN_LENGTH } from './signing-token.ts'

/** Nested encodings that are decoded. */
const MAX_ENCODINGS = 3

/**
 * Characters of a token, and of all that is decoded of it, that are searched. A text counts for some more if it is decoded or parsed,
 * since that takes time however short it is, and so does each value in JSON, and each name that is compared letter by letter.
 */
const MAX_SEARCHED = 65_536
const TEXT_CHARACTERS = 512
const VALUE_CHARACTERS = 16
const NAME_CHARACTERS = 1_024

/** Commas and colons of what is parsed as JSON. A JSON Web Token may have the names of hundreds of groups. */
const MAX_SEPARATORS = 2_000

/** Matches `signer` with a value behind it, as in JSON of any spelling, `signer=NAME`, `signer: NAME` or `<signer>`. */
const SIGNER_WITH_VALUE = /(?<![\w-])signer[\\"'`\s]*[:=>]/i

/**
 * Matches `signer` in a text that is no JSON, such as JSON that was escaped for HTML, or the path that names one, and the word that
 * follows it with nothing but signs in between. No text between them matches in two ways, or the search would take seconds.
 */
const SIGNER_BEFORE_WORD =
  /(?<!\p{L})sign(?:er(?:s|[-_]?name|[-_]?id)?(?:[^\p{L}\p{N}&]|&(?:#?[a-z0-9]{1,8};)?){1,40}|\/)([a-z0-9][\w.-]*)/giu

/** Matches the text of an object in JavaScript, which someone made of a signing token in place of JSON: what it named is lost. */
const LOST_OBJECT = /^\s*\[object \w+\]/

/** Matches what identity providers put before the name of a claim, as in `custom:signer` and `https://example.com/signer`. */
const CLAIM_PREFIX = /^.*[/:.#]/s

/** Letters in which a name in JSON may differ from `signer` if its value is the name of a signer. */
const MAX_TYPING_ERRORS = 2

/**
 * Most fields with the name of a signer that are compared, which takes 3 µs each. A body may have thousands: one of them is then taken
 * to name its signer.
 */
const MAX_FIELDS = 32

/** Levels of lists and objects in a field that are searched for the name of a signer. */
const MAX_DEPTH = 3

/** Most characters of a value that may be the name of a signer, with spaces around it. */
const MAX_NAME_LENGTH = 100

/** Matches trimmed base64 in the standard or the URL alphabet, padded or not, in any lines (RFC 4648 4 and 5). */
const BASE64 = /^[\w+/\s-]{8,}={0,2}$/

/** Matches what may be base64 or hex with other text around it. */
const ENCODED = /[\w+/-]{16,}={0,2}/g

/** Most such parts of a text that are decoded. */
const MAX_PARTS = 64

const HEX = /^(?:[0-9a-f]{2})+$/i

/**
 * Matches what has the form of a JSON Web Token (RFC 7515 7.1), as it stands in an Authorization header too, and its header and payload.
 * Some issuers pad these.
 */
const JWT = /^\s*(?:[a-z]+\s+)?([\w-]+={0,2})\.([\w-]+={0,2})\.[\w-]*={0,2}\s*$/i

/**
 * Returns whether a token seems to name a signer. It does if it is JSON with a name that is `signer`, at any depth and
 * in any case, or nearly `signer` with the name of a signer, or a list of such, as its value; text that resembles such JSON; an encoding
 * of either; or the name of a signer alone, or in a list of its own.
 *
 * @param token a signing token in which no signer was found
 * @param names names of the signers that may be meant
 */
export function seemsToNameSigner(token: string, names: readonly string[]): boolean {
  return isNamedInText(token, searchFor(names), 0)
}

/** A search of one token: the names that it looks for, and what it may still look through. */
interface Search {
  readonly names: ReadonlySet<string>
  /** Characters. */
  left: number
  /** Commas and colons of what is parsed as JSON. */
  separators: number
}

function searchFor(names: readonly string[]): Search {
  return { names: toLowerCase(names), left: MAX_SEARCHED, separators: MAX_SEPARATORS }
}

/** Returns whether so much may still be searched. */
function isLeft(search: Search, characters: number): boolean {
  search.left -= characters
  return search.left >= 0
}

/**
 * Returns whether a field names another signer than the one that is chosen in another way. A field `signer` does whatever it has, a
 * misspelled name too, as nobody has another use for it there; one with a name that is nearly that if it has the name of a signer, or
 * a list or an object that holds it.
 *
 * @param fields fields of the body or of the query, where `signer` has no meaning; null counts as absent
 * @param others names of the signers that may be meant, without the chosen one
 */
export function hasFieldNamingSigner(
  fields: Readonly<Record<string, unknown>>,
  others: readonly string[],
  chosen: string | undefined,
): boolean {
  const entries = Object.entries(fields)
  if (entries.some(([name, value]) => isSigner(name) && value !== null && value !== chosen)) {
    return true
  }
  const lowerCase = toLowerCase(others)
  const holding = entries.filter(([, value]) => holdsName(value, lowerCase))
  return holding.length > MAX_FIELDS || holding.some(([name]) => isNearlySigner(name))
}

/** Matches a JSON Web Token in a text: what its header is base64 of begins with `{"`, or with white space in between. */
const JWT_IN_TEXT = /(?<![\w-])e[wy][\w-]*={0,2}\.[\w-]+={0,2}\.[\w-]*/g

/** Most JSON Web Tokens in one signing token that are looked at. */
const MAX_JWTS = 8

/** Finds JSON Web Tokens in a signing token: in a list, in a field of any name, or behind other words. */
export function findJwts(token: string): string[] {
  return (token.slice(0, MAX_TOKEN_LENGTH).match(JWT_IN_TEXT) ?? []).slice(0, MAX_JWTS)
}

/**
 * Returns whether one of the tokens of a request is a JSON Web Token whose claim `signer` has the name of a signer, and not that of the
 * chosen one. It is asked of tokens that say nothing about who signs: nobody has verified them, or they have no claim `signer`.
 *
 * @param tokens of any type; one that is longer than any that is read is for nobody, and one whose claims cannot be read, or not all, is
 *   for another if they seem to name one
 * @param others names of the signers that may be meant, among which the chosen one may be
 * @param isMeant true if nothing else named the chosen one, or the token was verified: then a claim that is nearly `signer`, at any
 *   depth, counts too
 */
export function isJwtForOther(
  tokens: readonly unknown[],
  chosen: string,
  others: readonly string[],
  isMeant: boolean,
): boolean {
  const payloads = tokens.flatMap((token) => payloadOf(token) ?? [])
  // Most requests bring none, and there may be hundreds of signers
  if (payloads.length === 0) {
    return false
  }
  const search = searchFor(others)
  return payloads.some((payload) => isForOther(payload, chosen, others, isMeant, search))
}

/** Returns the base64 of a JSON Web Token's claims; undefined for anything else. */
function payloadOf(token: unknown): string | undefined {
  return typeof token === 'string' && token.length <= MAX_TOKEN_LENGTH ? JWT.exec(token)?.[2] : undefined
}

function isForOther(
  payload: string,
  chosen: string,
  others: readonly string[],
  isMeant: boolean,
  search: Search,
): boolean {
  const text = decodeOctets(payload, 'base64')
  const claims = readJson(text, search)
  if (claims === undefined) {
    return others.some((name) => name !== chosen) && (isMeant ? /signer/i : SIGNER_WITH_VALUE).test(text)
  }
  const named = [(claims as { readonly signer?: unknown }).signer].flat()
  return (
    !named.includes(chosen) &&
    (others.some((name) => named.includes(name)) ||
      (isMeant && claimsOther(claims, toLowerCase([chosen]), search)))
  )
}

/** Returns whether a claim with a name that is nearly `signer`, at any depth, has the name of another one than the chosen. */
function claimsOther(claims: unknown, chosen: ReadonlySet<string>, search: Search): boolean {
  if (!isLeft(search, VALUE_CHARACTERS)) {
    return false
  }
  if (Array.isArray(claims)) {
    return claims.some((one) => claimsOther(one, chosen, search))
  }
  return (
    typeof claims === 'object' &&
    Object.entries(claims ?? {}).some(
      ([name, value]) =>
        (isNameOrList(value, search.names) &&
          !isNameOrList(value, chosen) &&
          isLeft(search, NAME_CHARACTERS) &&
          isNearlySigner(name.replace(CLAIM_PREFIX, ''))) ||
        claimsOther(value, chosen, search),
    )
  )
}

function toLowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()))
}

function isNamedInText(given: string, search: Search, encodings: number): boolean {
  // UTF-16 that was read as UTF-8 has a zero beside each letter
  const text = given.replaceAll('\0', '')
  if (!isLeft(search, text.length + TEXT_CHARACTERS)) {
    return false
  }
  const { names } = search
  const value = readJson(text, search)
  if (typeof value === 'object') {
    // A longer list may be one of something else
    return (
      isNamedInValue(value, search) || (Array.isArray(value) && value.length === 1 && isName(value[0], names))
    )
  }
  return (
    names.has(text.trim().toLowerCase()) ||
    LOST_OBJECT.test(text) ||
    SIGNER_WITH_VALUE.test(text) ||
    [...text.matchAll(SIGNER_BEFORE_WORD)].some(([, word]) => names.has(`${word}`.toLowerCase())) ||
    (encodings < MAX_ENCODINGS &&
      decode(text, value, encodings, search).some((decoded) => isNamedInText(decoded, search, encodings + 1)))
  )
}

/** Compares names, and values only together with their names: a value alone may be what a user has typed. */
function isNamedInValue(value: unknown, search: Search): boolean {
  if (!isLeft(search, VALUE_CHARACTERS)) {
    return false
  }
  if (typeof value === 'string') {
    if (LOST_OBJECT.test(value)) {
      return true
    }
    const decoded = BASE64.test(value) && isLeft(search, value.length) ? [decodeOctets(value, 'base64')] : []
    return [value, ...decoded].some((text) => {
      if (!MAY_BE_JSON.test(text) || !isLeft(search, text.length + TEXT_CHARACTERS)) {
        return false
      }
      const inner = readJson(text, search)
      return typeof inner === 'object'
        ? isNamedInValue(inner, search)
        : search.separators < 0 && SIGNER_WITH_VALUE.test(text)
    })
  }
  // The elements of a list have no names
  if (Array.isArray(value)) {
    return value.some((one) => isNamedInValue(one, search))
  }
  return Object.entries(value ?? {}).some(
    ([name, inner]) =>
      (inner !== null && isSigner(name)) ||
      (isNameOrList(inner, search.names) && isLeft(search, NAME_CHARACTERS) && isNearlySigner(name)) ||
      isNamedInValue(inner, search),
  )
}

function isNameOrList(value: unknown, names: ReadonlySet<string>): boolean {
  return Array.isArray(value) ? value.some((one) => isName(one, names)) : isName(value, names)
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

/** Matches what may be a JSON object, array or string. */
const MAY_BE_JSON = /^\s*["[{]/

/** Parses a JSON object, array or string; returns undefined for anything else, and for one with more values than may still be read. */
function readJson(text: string, search: Search): unknown {
  if (!MAY_BE_JSON.test(text)) {
    return undefined
  }
  search.separators -= countSeparators(text)
  try {
    return search.separators < 0 ? undefined : parseJson(text)
  } catch {
    return undefined
  }
}

/**
 * @param value the text parsed as JSON; undefined if it is none
 * @param encodings from which the text was decoded
 */
function decode(text: string, value: unknown, encodings: number, search: Search): string[] {
  return [
    ...(typeof value === 'string' ? [value] : []),
    ...(BASE64.test(text.trim()) ? [decodeOctets(text, 'base64')] : []),
    ...(text.includes('%') ? decodePercent(text) : []),
    ...(text.includes('\\u') ? [decodeEscapes(text)] : []),
    // Only isJwtForOther knows whether the signer of a JSON Web Token is the one that is chosen
    ...(encodings === 0 && isJwt(text, search)
      ? []
      : (text.match(ENCODED) ?? []).slice(0, MAX_PARTS).flatMap(decodePart)),
  ]
}

/** Returns whether a text of that form is a JSON Web Token: others have their claims in the first or the last of three parts. */
function isJwt(text: string, search: Search): boolean {
  const header = readJson(decodeOctets(JWT.exec(text)?.[1] ?? '', 'base64'), search)
  return typeof header === 'object' && header !== null && 'alg' in header
}

function decodePart(text: string): string[] {
  return [decodeOctets(text, 'base64'), ...(HEX.test(text) ? [decodeOctets(text, 'hex')] : [])]
}

function decodeOctets(text: string, encoding: 'base64' | 'hex'): string {
  return Buffer.from(text, encoding).toString()
}

function decodeEscapes(text: string): string {
  return text.replace(/\\u([0-9a-f]{4})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)))
}

function decodePercent(text: string): string[] {
  try {
    return [decodeURIComponent(text)]
  } catch {
    return []
  }
}
