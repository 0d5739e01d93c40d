import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'

interface AttributeType {
  readonly oid: string
  /** Most characters of a value (RFC 5280 A.1); authorities refuse longer ones. */
  readonly limit?: number
  readonly encoding?: 'printable' | 'ia5'
}

/** Attribute types, keyed by the keywords of RFC 4514 3 and of OpenSSL, in lower case. Keywords have no case. */
const ATTRIBUTE_TYPES: ReadonlyMap<string, AttributeType> = new Map(
  Object.entries({
    cn: { oid: '2.5.4.3', limit: 64 },
    sn: { oid: '2.5.4.4' },
    serialnumber: { oid: '2.5.4.5', limit: 64, encoding: 'printable' },
    c: { oid: '2.5.4.6', limit: 2, encoding: 'printable' },
    l: { oid: '2.5.4.7', limit: 128 },
    st: { oid: '2.5.4.8', limit: 128 },
    street: { oid: '2.5.4.9' },
    o: { oid: '2.5.4.10', limit: 64 },
    ou: { oid: '2.5.4.11', limit: 64 },
    title: { oid: '2.5.4.12', limit: 64 },
    gn: { oid: '2.5.4.42' },
    organizationidentifier: { oid: '2.5.4.97' },
    uid: { oid: '0.9.2342.19200300.100.1.1' },
    dc: { oid: '0.9.2342.19200300.100.1.25', encoding: 'ia5' },
    emailaddress: { oid: '1.2.840.113549.1.9.1', limit: 255, encoding: 'ia5' },
  }),
)

/** Matches an attribute and the separator behind it (RFC 4514 3), without the blanks around it. */
const ATTRIBUTE =
  / *([a-z][a-z0-9-]*|[0-2](?:\.\d+)+) *= *((?!#)(?:\\[0-9a-f]{2}|\\[ "#+,;<=>\\]|[^\p{Cc} \\"+,;<>]| +(?! *(?:[,+]|$)))+) *([,+]|$)/iuy

const PIECE = /\\([0-9a-f]{2})|\\(.)|[^\\]+/giu

/**
 * Parses a distinguished name (RFC 4514), for example `CN=Signer,O=Example\, Inc.,C=DE`. Its most specific part comes
 * first, which is the last in DER.
 *
 * @throws Error whose message says what is wrong with it
 */
export function parseDistinguishedName(text: string): pkijs.RelativeDistinguishedNames {
  const names: asn1js.Sequence[][] = [[]]
  const pattern = new RegExp(ATTRIBUTE)
  let separator: string | undefined
  do {
    const begin = pattern.lastIndex
    const [, type = '', value = '', end] = pattern.exec(text) ?? []
    if (end === undefined) {
      throw new Error(
        `${JSON.stringify(text.slice(begin))} does not begin with an attribute such as CN=Signer; a backslash goes ` +
          'before each of , + " \\ < > ; in a value',
      )
    }
    names.at(-1)?.push(encodeAttribute(type, value))
    if (end === ',') {
      names.push([])
    }
    separator = end
  } while (separator !== '')
  return encodeName(names.toReversed())
}

/** Encodes the name itself, since pkijs would make one RDN of all attributes. */
function encodeName(names: readonly (readonly asn1js.Sequence[])[]): pkijs.RelativeDistinguishedNames {
  const value = names.map((attributes) => new asn1js.Set({ value: attributes.toSorted(compareDer) }))
  return pkijs.RelativeDistinguishedNames.fromBER(new asn1js.Sequence({ value }).toBER())
}

/** Compares elements of a SET OF (X.690 11.6). */
function compareDer(one: asn1js.Sequence, other: asn1js.Sequence): number {
  return Buffer.compare(Buffer.from(one.toBER()), Buffer.from(other.toBER()))
}

function encodeAttribute(keyword: string, escaped: string): asn1js.Sequence {
  const type = /^\d/.test(keyword) ? { oid: keyword } : ATTRIBUTE_TYPES.get(keyword.toLowerCase())
  if (type === undefined) {
    throw new Error(
      `${keyword} is not an attribute that is known; its object identifier can be written instead`,
    )
  }
  const value = encodeValue(keyword, type, decodeValue(keyword, escaped))
  return new asn1js.Sequence({ value: [new asn1js.ObjectIdentifier({ value: type.oid }), value] })
}

/** Decodes escapes, whose bytes are UTF-8 (RFC 4514 2.4). */
function decodeValue(keyword: string, escaped: string): string {
  const pieces = [...escaped.matchAll(PIECE)].map(([plain, hex, special]) =>
    hex === undefined ? Buffer.from(special ?? plain) : Buffer.from(hex, 'hex'),
  )
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(pieces))
  } catch {
    throw new Error(`the value of ${keyword} is not UTF-8`)
  }
}

function encodeValue(
  keyword: string,
  { limit, encoding, oid }: AttributeType,
  value: string,
): asn1js.AsnType {
  if (limit !== undefined && [...value].length > limit) {
    throw new Error(`the value of ${keyword} has more than ${limit} characters`)
  }
  if (/\p{Cc}/u.test(value)) {
    throw new Error(`the value of ${keyword} holds a control character, with which authorities refuse a name`)
  }
  if (oid === ATTRIBUTE_TYPES.get('c')?.oid && !/^[A-Z]{2}$/.test(value)) {
    throw new Error(`the value of ${keyword} must be a country's two capital letters, such as DE`)
  }
  if (encoding === 'printable') {
    if (!/^[A-Za-z0-9 '()+,./:=?-]*$/.test(value)) {
      throw new Error(
        `the value of ${keyword} may hold only letters, digits, blanks and ' ( ) + , - . / : = ?`,
      )
    }
    return new asn1js.PrintableString({ value })
  }
  if (encoding === 'ia5') {
    if (!/^[\x20-\x7e]*$/.test(value)) {
      throw new Error(`the value of ${keyword} may hold only ASCII`)
    }
    return new asn1js.IA5String({ value })
  }
  return new asn1js.Utf8String({ value })
}
