/**
 * Writes DER elements (X.690 10) from the inside out. asn1js would build a tree of objects for each, which takes longer
 * than all other work for a container.
 */
import { countBytes } from '../common/count-bytes.ts'
import { TAG } from './tag.ts'

/**
 * Encodes one element.
 *
 * @param tag identifier octet
 * @param contents encoded elements, or octets, that are joined
 */
export function encode(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  return Buffer.concat(enclose(tag, ...contents))
}

/** Returns the pieces of one element, not joined, so that large elements within others are copied once. */
export function enclose(tag: number, ...contents: readonly Uint8Array[]): readonly Uint8Array[] {
  return [encodeHeader(tag, countBytes(contents)), ...contents]
}

/** Encodes a SET OF, with its elements in the order of their encodings (X.690 11.6). */
export function encodeSetOf(tag: number, elements: readonly Uint8Array[]): Buffer {
  return encode(tag, ...elements.toSorted(Buffer.compare))
}

/**
 * Encodes an object identifier.
 *
 * @param dotted such as `1.2.840.113549`, with two first arcs that X.690 8.19.4 allows
 */
export function encodeObjectIdentifier(dotted: string): Buffer {
  const [root = 0, second = 0, ...rest] = dotted.split('.').map(BigInt)
  const arcs = [BigInt(root) * 40n + BigInt(second), ...rest]
  return encode(TAG.objectIdentifier, Buffer.from(arcs.flatMap(encodeArc)))
}

/**
 * Encodes an INTEGER.
 *
 * @param value from 0 to 127
 */
export function encodeSmallInteger(value: number): Buffer {
  return encode(TAG.integer, Buffer.of(value))
}

function encodeArc(arc: bigint): number[] {
  const octets = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) {
    octets.unshift(Number(rest & 0x7fn) | 0x80)
  }
  return octets
}

/** @param length bytes of the contents */
function encodeHeader(tag: number, length: number): Buffer {
  if (length < 0x80) {
    return Buffer.of(tag, length)
  }
  const octets = length < 0x100 ? 1 : length < 0x1_0000 ? 2 : length < 0x100_0000 ? 3 : 4
  const header = Buffer.allocUnsafe(2 + octets)
  header[0] = tag
  header[1] = 0x80 | octets
  header.writeUIntBE(length, 2, octets)
  return header
}
