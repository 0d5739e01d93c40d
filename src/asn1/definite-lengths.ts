import { encode } from './der-writer.ts'
import { CONSTRUCTED, TAG } from './tag.ts'

/** Levels of nested elements. Certificates, the deepest part of a container, need half of them. */
const MAX_DEPTH = 40
const INDEFINITE = 0x80
/** Two octets with which no element begins (X.690 8.1.5). */
const END_OF_CONTENTS = 0

/**
 * Converts BER to definite, shortest lengths, and octet strings to one piece (X.690 10.1, 10.2). Some authorities
 * answer with BER although RFC 3161 3 demands DER, and some programs write containers in it, which in PDFs must be DER. DER
 * comes out unchanged, so signatures stay valid, since they are over DER. What follows the element, such as a line end, is left
 * out. Callers limit the length: an element of two octets takes hundreds of bytes of memory meanwhile.
 *
 * @throws Error when the bytes do not begin with an element, or are nested too deeply
 */
export function withDefiniteLengths(ber: Buffer): Buffer {
  return convert(ber, 0, 0).encoded
}

interface Converted {
  readonly encoded: Buffer
  /** Offset behind the element in the given bytes. */
  readonly end: number
}

function convert(bytes: Buffer, start: number, depth: number): Converted {
  const tag = bytes.readUInt8(start)
  if ((tag & 0x1f) === 0x1f || depth > MAX_DEPTH) {
    throw new Error('it has a tag of several octets, or more than 40 levels')
  }
  if ((tag & CONSTRUCTED) === 0) {
    const { contents, end } = readDefinite(bytes, start + 1)
    return { encoded: encode(tag, contents), end }
  }
  if (bytes.readUInt8(start + 1) === INDEFINITE) {
    const isEnd = (offset: number) => bytes.readUInt16BE(offset) === END_OF_CONTENTS
    const { parts, end } = convertAll(bytes, start + 2, depth, isEnd)
    return { encoded: encodeConstructed(tag, parts), end: end + 2 }
  }
  const { contents, end } = readDefinite(bytes, start + 1)
  const { parts } = convertAll(contents, 0, depth, (offset) => offset === contents.length)
  return { encoded: encodeConstructed(tag, parts), end }
}

function convertAll(bytes: Buffer, start: number, depth: number, isEnd: (offset: number) => boolean) {
  const parts: Buffer[] = []
  let offset = start
  while (!isEnd(offset)) {
    const { encoded, end } = convert(bytes, offset, depth + 1)
    parts.push(encoded)
    offset = end
  }
  return { parts, end: offset }
}

/**
 * Reads the contents of an element with a definite length.
 *
 * @param offset position of the length
 */
function readDefinite(bytes: Buffer, offset: number): { readonly contents: Buffer; readonly end: number } {
  const first = bytes.readUInt8(offset)
  // This throws if there is no length, or one of too many octets
  const length = first < INDEFINITE ? first : bytes.readUIntBE(offset + 1, first - INDEFINITE)
  const start = offset + (first < INDEFINITE ? 1 : 1 + first - INDEFINITE)
  const contents = bytes.subarray(start, start + length)
  if (contents.length !== length) {
    throw new Error('it ends too early')
  }
  return { contents, end: start + length }
}

function encodeConstructed(tag: number, parts: readonly Buffer[]): Buffer {
  return tag === (TAG.octetString | CONSTRUCTED)
    ? encode(TAG.octetString, ...parts.map((part) => readDefinite(part, 1).contents))
    : encode(tag, ...parts)
}
