import { TAG } from './tag.ts'

/** Matches half of a surrogate pair, which stands for no character by itself. */
const LONE_SURROGATE = /\p{Cs}/u
const MAX_CODE_POINT = 0x10ffff

/**
 * Decodes a character string of the types that names have (RFC 5280 4.1.2.4, X.690 8.23).
 *
 * @param tag identifier octet
 * @returns undefined for other types, and for octets that are not a string of this type
 */
export function decodeCharacterString(tag: number, content: Buffer): string | undefined {
  const text = DECODERS.get(tag)?.(content)
  return text === undefined || LONE_SURROGATE.test(text) ? undefined : text
}

const DECODERS: ReadonlyMap<number, (content: Buffer) => string | undefined> = new Map([
  [TAG.utf8String, decodeUtf8],
  [TAG.bmpString, decodeUtf16],
  [TAG.universalString, decodeUtf32],
  [TAG.numericString, decodeLatin1],
  [TAG.printableString, decodeLatin1],
  [TAG.ia5String, decodeLatin1],
  [TAG.visibleString, decodeLatin1],
  // Authorities and OpenSSL read it as Latin-1, since nobody writes the accents of T.61
  [TAG.teletexString, decodeLatin1],
])

function decodeUtf8(content: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    return undefined
  }
}

function decodeLatin1(content: Buffer): string {
  return content.toString('latin1')
}

/** Accepts surrogate pairs too: a BMPString must not have them, but Windows writes them. */
function decodeUtf16(content: Buffer): string | undefined {
  return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined
}

function decodeUtf32(content: Buffer): string | undefined {
  if (content.length % 4 !== 0) {
    return undefined
  }
  const points = Array.from({ length: content.length / 4 }, (_, index) => content.readUInt32BE(index * 4))
  return points.every((point) => point <= MAX_CODE_POINT)
    ? points.map((point) => String.fromCodePoint(point)).join('')
    : undefined
}
