/** What can be wrong with DER, wherever in it: lengths and forms that BER alone has, other values, and what is no BER. */

export interface Flaw {
  /** What is wrong, and with which element: `0.1` is the second in the first. */
  readonly name: string
  readonly bytes: Buffer
}

/** @param der of single-byte tags */
export function flawsOfDer(der: Buffer, path = ''): Flaw[] {
  const { tag, content } = readElement(der)
  const own = Object.entries({
    ...headerFlaws(tag, content),
    ...contentFlaws(tag, content),
    ...placeFlaws(der),
  })
    .filter(([, bytes]) => !bytes.equals(der))
    .map(([name, bytes]) => ({ name: `element ${path || 'itself'}: ${name}`, bytes }))
  if ((tag & CONSTRUCTED) === 0) {
    return own
  }
  const children = readElements(content)
  const inner = children.flatMap((child, index) =>
    flawsOfDer(child, path === '' ? `${index}` : `${path}.${index}`).map(({ name, bytes }) => ({
      name,
      bytes: encode(tag, ...children.with(index, bytes)),
    })),
  )
  return [...own, ...inner]
}

/** DER of an element. */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const length = lengthBytes(content.length)
  return Buffer.concat([
    Buffer.of(tag),
    content.length < 0x80 ? length : Buffer.of(0x80 | length.length, ...length),
    content,
  ])
}

const CONSTRUCTED = 0x20
const NULL = Buffer.of(5, 0)

/** The right content behind wrong tags and lengths. */
function headerFlaws(tag: number, content: Buffer): Record<string, Buffer> {
  const withLength = (...length: readonly number[]) => Buffer.concat([Buffer.of(tag, ...length), content])
  const { length } = content
  const bytes = lengthBytes(length)
  const long = (...leading: readonly number[]) =>
    withLength(0x80 | (leading.length + bytes.length), ...leading, ...bytes)
  return {
    'length in the long form': long(),
    'length with a leading zero': long(0),
    'length with three leading zeros': long(0, 0, 0),
    'length and 2^32': long(1, ...Buffer.alloc(4 - bytes.length)),
    'length and 2^64': long(1, ...Buffer.alloc(8 - bytes.length)),
    'length of 2^32 - 1': withLength(0x84, 255, 255, 255, 255),
    'length of 2^31 - 1': withLength(0x84, 127, 255, 255, 255),
    'length without an end': withLength(0x80),
    'indefinite length': Buffer.concat([withLength(0x80), Buffer.alloc(2)]),
    'reserved length': withLength(0xff),
    'length one more': encode(tag, content, Buffer.alloc(1)).subarray(0, -1),
    'length one less': Buffer.concat([encode(tag, content.subarray(0, -1)), content.subarray(-1)]),
    'no length': Buffer.of(tag),
    'primitive for constructed, or the reverse': encode(tag ^ CONSTRUCTED, content),
    'tag of another class': encode(tag | 0x80, content),
    'tag one more': encode(tag + 1, content),
    'tag in the long form': Buffer.concat([Buffer.of((tag & 0xe0) | 0x1f, tag & 0x1f, ...bytes), content]),
  }
}

/** Other contents, with lengths that fit them. */
function contentFlaws(tag: number, content: Buffer): Record<string, Buffer> {
  const flipped = (position: number, bit: number) => {
    const copy = Buffer.from(content)
    if (copy.length > 0) copy.writeUInt8(copy.readUInt8(position) ^ bit, position)
    return encode(tag, copy)
  }
  return {
    'no content': encode(tag),
    'without the first byte': encode(tag, content.subarray(1)),
    'without the last byte': encode(tag, content.subarray(0, -1)),
    'a zero before it': encode(tag, Buffer.of(0), content),
    'a zero after it': encode(tag, content, Buffer.of(0)),
    'ff before it': encode(tag, Buffer.of(0xff), content),
    'NULL before it': encode(tag, NULL, content),
    'NULL after it': encode(tag, content, NULL),
    'end of contents after it': encode(tag, content, Buffer.alloc(2)),
    'first bit flipped': flipped(0, 0x80),
    'last bit flipped': flipped(content.length - 1, 1),
  }
}

/** The right element in a wrong place. */
function placeFlaws(der: Buffer): Record<string, Buffer> {
  return {
    'left out': Buffer.alloc(0),
    twice: Buffer.concat([der, der]),
    'without the last byte of all': der.subarray(0, -1),
    'NULL in its place': NULL,
    'NULL next to it': Buffer.concat([der, NULL]),
    'NULL ahead of it': Buffer.concat([NULL, der]),
    'zeros behind it': Buffer.concat([der, Buffer.alloc(2)]),
    'garbage behind it': Buffer.concat([der, Buffer.from('garbage')]),
    'in a SEQUENCE': encode(0x30, der),
    'in an OCTET STRING': encode(4, der),
    'in a SET': encode(0x31, der),
  }
}

function lengthBytes(length: number): Buffer {
  const digits = length.toString(16)
  return Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
}

function readElement(der: Buffer): { tag: number; content: Buffer; rest: Buffer } {
  const [tag = 0, first = 0] = der
  const more = first < 0x80 ? 0 : first & 0x7f
  const start = 2 + more
  const end = start + (more === 0 ? first : der.readUIntBE(2, more))
  return { tag, content: der.subarray(start, end), rest: der.subarray(end) }
}

function readElements(der: Buffer): Buffer[] {
  if (der.length === 0) return []
  const { rest } = readElement(der)
  return [der.subarray(0, der.length - rest.length), ...readElements(rest)]
}
