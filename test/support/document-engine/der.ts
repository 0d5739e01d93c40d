import * as asn1js from 'asn1js'

/** DER of an ASN.1 block. */
export function toDer(block: asn1js.BaseBlock): Buffer {
  return Buffer.from(block.toBER(false))
}

/** The elements in the order DER asks of a SET OF: ascending by their encodings (X.690 11.6). */
export function sortedSetOf(elements: asn1js.BaseBlock[]): asn1js.BaseBlock[] {
  return elements
    .map((element) => ({ element, der: toDer(element) }))
    .sort((a, b) => Buffer.compare(a.der, b.der))
    .map(({ element }) => element)
}

/** Reads one ASN.1 value and nothing after it; undefined if `bytes` is anything else. */
export function parseDer(bytes: Uint8Array): asn1js.AsnType | undefined {
  const { offset, result } = asn1js.fromBER(bytes)
  return offset === bytes.byteLength ? result : undefined
}
