/** Finds signing tokens that were meant to name a signer, but don't in the one way that is read. */
import { findNearest } from '../common/edit-distance.ts'
import { parseJson } from '../common/json.ts'

/** Encodings within one another that are undone. */
const MAX_ENCODINGS = 3

/** A name with a value behind it, as in JSON of any spelling, `signer=NAME`, `signer: NAME` or `<signer>`. */
const NAMING = /(?<![\w-])signer[\\"'`\s]*[:=>]/i

/** Letters in which a name in JSON may differ from `signer`, where its value is the name of one. */
const MAX_TYPING_ERRORS = 2

/** Fields with the name of a signer whose names are looked at, which costs 3 µs each: a body may have thousands. */
const MAX_FIELDS = 32

/** Levels of lists and objects in a field that are looked into for the name of a signer. */
const MAX_DEPTH = 3

/** Characters of a value that may be the name of a signer, with spaces around it. */
const MAX_NAME_LENGTH = 100

/** Matches base64 in the standard or the URL alphabet, padded or not, in one line or more (RFC 4648 4 and 5), trimmed. */
const BASE64 = /^[\w+/\s-]{8,}={0,2}$/

/**
 * Returns whether a token seems to name a signer: JSON in which `signer` stands deeper than it should or in other
 * letters, or in which the name of one has a name that is nearly this, text that is no JSON but looks like it, an encoding
 * of these, or a signer's name by itself.
 *
 * @param token what names no signer as it should
 * @param names of the signers that may be meant
 */
export function seemsToNameSigner(token: string, names: readonly string[]): boolean {
  return isNamedInText(token, toLowerCase(names), 0)
}

/**
 * Returns whether one of the fields of a request has the name of a signer, or a list or an object that holds it, under a
 * name that is nearly `signer`.
 *
 * @param fields of the body or of the query, where `signer` has no meaning
 * @param names of the signers that may be meant
 */
export function isSignerAmong(fields: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
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
  return Object.entries(query).some(([name, value]) => /^\s*signer\s*$/i.test(name) && value !== chosen)
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
    NAMING.test(text) ||
    (encodings < MAX_ENCODINGS &&
      decode(text, value).some((decoded) => isNamedInText(decoded, names, encodings + 1)))
  )
}

/** Looks at names, and at texts only beside them: by themselves these may be what users of an application have typed. */
function isNamedInValue(value: unknown, names: ReadonlySet<string>): boolean {
  if (typeof value === 'string') {
    const inner = readJson(value)
    return typeof inner === 'object' && isNamedInValue(inner, names)
  }
  return Object.entries(value ?? {}).some(
    ([name, inner]) =>
      (inner !== null && /^\s*signer\s*$/i.test(name)) ||
      (isName(inner, names) && isNearlySigner(name)) ||
      isNamedInValue(inner, names),
  )
}

/** Returns whether a value is the name of a signer. */
function isName(value: unknown, names: ReadonlySet<string>): boolean {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && names.has(value.trim().toLowerCase())
}

/** Returns whether a value is the name of a signer, or holds it, as `["contracts"]` and `{"name": "contracts"}` do. */
function holdsName(value: unknown, names: ReadonlySet<string>, depth = 0): boolean {
  return typeof value === 'object' && depth < MAX_DEPTH
    ? Object.values(value ?? {}).some((inner) => holdsName(inner, names, depth + 1))
    : isName(value, names)
}

/** Returns whether a name is as in `{"singer": "contracts"}` or `{"signerName": "contracts"}`. */
function isNearlySigner(name: string): boolean {
  return /signer/i.test(name) || findNearest(name.toLowerCase(), ['signer'], MAX_TYPING_ERRORS) !== undefined
}

/** Returns undefined for what is no object, list or string of JSON. */
function readJson(text: string): unknown {
  try {
    return /^\s*["[{]/.test(text) ? parseJson(text) : undefined
  } catch {
    return undefined
  }
}

/** @param value what the text is as JSON */
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
