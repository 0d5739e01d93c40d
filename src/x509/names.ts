/** Compares names of issuers and subjects, and other GeneralNames (RFC 5280 7). */
import { decodeCharacterString } from '../asn1/character-string.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { contextTag, TAG } from '../asn1/tag.ts'

/**
 * The longest name, in octets; real ones have some hundreds. Names are compared before any signature is verified: 20 MB
 * in a hostile CRL would take 10 s, and ten names of 10 kB in an OCSP response half a second.
 */
const MAX_NAME_LENGTH = 3_000

/** Most characters that the strings of a name become before their case is folded: one sign may stand for 18 (Unicode, NFKC). */
const MAX_PREPARED_LENGTH = 3_000

/**
 * Compares two names (RFC 5280 7.1): RDN by RDN, the attributes of an RDN in any order, strings of all types by their
 * characters without regard to case and insignificant spaces, other values by their octets.
 *
 * @param one DER Name
 * @param other DER Name
 * @returns false if they differ, or one of them is not a Name, or has more than 3,000 octets or stands for more characters
 */
export function sameName(one: Buffer, other: Buffer): boolean {
  return isSameBy(one, other, decodeCharacterString)
}

/**
 * Returns a text that is equal for two names if, and only if, they are the same. It is only for comparisons.
 *
 * @param name DER Name
 * @throws Error when it is not a Name, has more than 3,000 octets, or stands for more characters
 */
export function canonicalName(name: Buffer): string {
  return canonicalNameBy(name, decodeCharacterString)
}

function canonicalNameBy(name: Buffer, decode: Decode): string {
  if (name.length > MAX_NAME_LENGTH) {
    throw new Error(`it has a name of more than ${MAX_NAME_LENGTH} octets`)
  }
  const reader = new DerReader(name)
  const room = { left: MAX_PREPARED_LENGTH }
  const names = reader
    .enter(TAG.sequence)
    .elements()
    .map((rdn) => canonicalRdn(rdn, room, decode))
  reader.finish()
  return names.join('')
}

/**
 * Returns whether Java, too, finds two names the same that are. In the attributes of RFC 2253 2.3 it compares the characters of
 * UTF8Strings and PrintableStrings, and in all else octets.
 *
 * @param one DER Name
 * @param other DER Name
 */
export function sameNameInJava(one: Buffer, other: Buffer): boolean {
  return isSameBy(one, other, decodeInJava)
}

function isSameBy(one: Buffer, other: Buffer, decode: Decode): boolean {
  if (one.equals(other)) {
    return true
  }
  const name = tryCanonicalName(one, decode)
  return name !== undefined && name === tryCanonicalName(other, decode)
}

function tryCanonicalName(name: Buffer, decode: Decode): string | undefined {
  try {
    return canonicalNameBy(name, decode)
  } catch {
    return undefined
  }
}

/** The characters that the rest of a name may become. */
interface Room {
  left: number
}

/** Decodes a value by its identifier octet, its content and the type of the attribute, in hex; undefined to compare its octets. */
type Decode = (tag: number, content: Buffer, type: string) => string | undefined

/** The attributes of RFC 2253 2.3: contents of their object identifiers in hex, CN, C, L, ST, STREET, O, OU, DC and UID. */
const NAMED_IN_JAVA = new Set([
  ...['550403', '550406', '550407', '550408', '550409', '55040a', '55040b'],
  ...['0992268993f22c640119', '0992268993f22c640101'],
])

function decodeInJava(tag: number, content: Buffer, type: string): string | undefined {
  const isText = tag === TAG.utf8String || tag === TAG.printableString
  return isText && NAMED_IN_JAVA.has(type) ? decodeCharacterString(tag, content) : undefined
}

function canonicalRdn(rdn: Buffer, room: Room, decode: Decode): string {
  const attributes = new DerReader(rdn)
    .enter(TAG.set)
    .elements()
    .map((attribute) => canonicalAttribute(attribute, room, decode))
  return `{${attributes.toSorted().join(' ')}}`
}

function canonicalAttribute(attribute: Buffer, room: Room, decode: Decode): string {
  const reader = new DerReader(attribute).enter(TAG.sequence)
  const type = reader.content(TAG.objectIdentifier).toString('hex')
  const value = reader.element()
  reader.finish()
  const tag = value.readUInt8()
  const text = decode(tag, new DerReader(value).content(tag), type)
  if (text === undefined) {
    return `${type}=${value.toString('hex')}`
  }
  const prepared = prepareString(text, room.left)
  room.left -= prepared.length
  return `${type}=${JSON.stringify(prepared)}`
}

/** Identifier octets of the alternatives of a GeneralName (RFC 5280 4.2.1.6). */
export const RFC822_NAME = contextTag(1, 'primitive')
export const DNS_NAME = contextTag(2, 'primitive')
export const DIRECTORY_NAME = contextTag(4)
export const URI = contextTag(6, 'primitive')

/**
 * Compares two GeneralNames (RFC 5280 7): hosts without regard to case, directory names as names, all others by their
 * octets.
 *
 * @param one DER
 * @param other DER
 */
export function sameGeneralName(one: Buffer, other: Buffer): boolean {
  return one.equals(other) || (one[0] === other[0] && isSameAlternative(one, other))
}

/**
 * Returns whether a Name is among GeneralNames.
 *
 * @param generalNames content of the GeneralNames
 * @param name DER
 */
export function includesName(generalNames: DerReader, name: Buffer): boolean {
  return generalNames
    .elements()
    .some((one) => one[0] === DIRECTORY_NAME && sameName(new DerReader(one).content(DIRECTORY_NAME), name))
}

function isSameAlternative(one: Buffer, other: Buffer): boolean {
  const contents = [one, other].map((name) => new DerReader(name).content(name.readUInt8())) as [
    Buffer,
    Buffer,
  ]
  switch (one[0]) {
    case DIRECTORY_NAME:
      return sameName(...contents)
    case URI:
      return isSameText(contents, normalizeUri)
    case DNS_NAME:
      return isSameText(contents, (host) => host.toLowerCase())
    case RFC822_NAME:
      return isSameText(contents, normalizeMailbox)
    default:
      return false
  }
}

function isSameText([one, other]: readonly [Buffer, Buffer], normalize: (text: string) => string): boolean {
  return normalize(one.toString('latin1')) === normalize(other.toString('latin1'))
}

/** Normalizes scheme and host of a URI (RFC 5280 7.4). */
function normalizeUri(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).href : uri
}

/** Lowers the case of a mailbox's host alone, since case may count before it (RFC 5280 7.5). */
function normalizeMailbox(mailbox: string): string {
  const host = mailbox.lastIndexOf('@') + 1
  return mailbox.slice(0, host) + mailbox.slice(host).toLowerCase()
}

/** Prepares strings for a comparison without regard to case (RFC 4518 2, which RFC 5280 7.1 uses for names). */

/** Matches printable ASCII: nearly all strings are, and need little preparation. */
const PLAIN = /^[\x20-\x7e]*$/

/** Characters that become a space: tabs, line ends, and all separators (RFC 4518 2.2). */
const SPACES = /[\t-\r\x85\p{Z}]/gu

/** Characters that are dropped: controls, format characters, soft hyphens, variation selectors (RFC 4518 2.2). */
const IGNORED = /[\p{Cc}\p{Cf}\u{1806}\u{fffc}]|\p{Variation_Selector}|\u{34f}/gu

/** Insignificant spaces (RFC 4518 2.6.1). A space before a combining mark carries that mark, and stays. */
const RUN_OF_SPACES = / +(?!\p{M})/gu

/**
 * Returns a form that is equal for two strings if they match. It keeps the characters that RFC 4518 2.4 prohibits, so
 * that they match only themselves.
 *
 * @throws Error when it would have more than `most` characters
 */
export function prepareString(text: string, most = MAX_PREPARED_LENGTH): string {
  if (PLAIN.test(text)) {
    return foldSpaces(text.toLowerCase())
  }
  const mapped = text.replace(SPACES, ' ').replace(IGNORED, '')
  // Folded twice, since normalizing signs such as the trademark sign makes new capital letters (RFC 3454 B.2)
  return foldSpaces(foldCase(foldCase(mapped, most), most))
}

function foldCase(text: string, most: number): string {
  const normal = text.normalize('NFKC')
  if (normal.length > most) {
    throw new Error(`it has a name that stands for more than ${MAX_PREPARED_LENGTH} characters`)
  }
  return [...normal].map(foldCharacter).join('').normalize('NFKC')
}

/** Folds one character at a time, since a sigma depends on its neighbours. The dotless i has no case (RFC 3454 B.2). */
function foldCharacter(character: string): string {
  return character === 'ı' ? character : character.toLowerCase().toUpperCase().toLowerCase()
}

function foldSpaces(text: string): string {
  return text.replace(RUN_OF_SPACES, ' ').trim()
}

/** An attribute of a Name (RFC 5280 4.1.2.4). */
export interface NameAttribute {
  /** Dotted object identifier. */
  readonly type: string
  /** DER. */
  readonly value: Buffer
}

/**
 * Lists the attributes of a name. It passes over those without a value.
 *
 * @param name DER
 * @throws Error when it is malformed
 */
export function listAttributes(name: Buffer): NameAttribute[] {
  const rdns = new DerReader(name).enter(TAG.sequence).elements()
  const attributes = rdns.flatMap((rdn) => new DerReader(rdn).enter(TAG.set).elements())
  return attributes.flatMap((encoded) => {
    const attribute = new DerReader(encoded).enter(TAG.sequence)
    const type = attribute.objectIdentifier()
    return attribute.tag === undefined ? [] : [{ type, value: attribute.element() }]
  })
}
