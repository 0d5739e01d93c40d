import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'

/**
 * Returns a function that encodes `Attribute ::= SEQUENCE { attrType, attrValues SET }` with one value (RFC 5652 5.3).
 * The type is encoded only once.
 *
 * @param type dotted object identifier
 */
export function attributeWriter(type: string): (value: Uint8Array) => Buffer {
  const encodedType = encodeObjectIdentifier(type)
  return (value) => encode(TAG.sequence, encodedType, encode(TAG.set, value))
}
