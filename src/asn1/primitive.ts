import { DerReader } from './der-reader.ts'
import { CONSTRUCTED, TAG } from './tag.ts'

/** Universal types that are made of other elements; all others have octets of their own in DER (X.690 8, 10.2). */
const CONSTRUCTED_TYPES: readonly number[] = [TAG.sequence, TAG.set]

/** Tag numbers from 31 on take further octets (X.690 8.1.2.4), which no format here has. */
const LONG_TAG = 0x1f

/** EXTERNAL and EMBEDDED PDV, which OpenSSL encodes in a way of its own before it verifies a signature over them. */
const EMBEDDED: readonly number[] = [0x28, 0x2b]

/** The bits of an identifier octet that tell the class, which is 0 for universal types (X.690 8.1.2.2). */
const CLASS = 0xc0

/** Rules for the octets of universal types. Types without one, such as text, may have any: verifiers do not read them. */
const IS_DER: Readonly<Record<number, (octets: Buffer) => boolean>> = {
  0: () => false,
  [TAG.boolean]: ([value, ...more]) => (value === 0 || value === 0xff) && more.length === 0,
  [TAG.bitString]: isBitString,
  [TAG.null]: ({ length }) => length === 0,
  [TAG.utcTime]: (octets) => /^\d{12}Z$/.test(octets.toString('latin1')),
  // Fractions have no zeros at their end (X.690 11.7)
  [TAG.generalizedTime]: (octets) => /^\d{14}(?:\.\d*[1-9])?Z$/.test(octets.toString('latin1')),
  [TAG.universalString]: ({ length }) => length % 4 === 0,
  [TAG.bmpString]: ({ length }) => length % 2 === 0,
}

/**
 * Refuses a value of a universal type whose octets are not DER, which verifiers do not read though its length is right. It
 * does not look into what is made of other elements.
 *
 * @param element with its tag and length
 * @throws Error
 */
export function checkPrimitive(element: Buffer): void {
  const tag = element[0] as number
  if ((tag & LONG_TAG) === LONG_TAG || EMBEDDED.includes(tag | CONSTRUCTED)) {
    throw new Error('it is no DER that all verifiers read: an element has a tag that no format has here')
  }
  if ((tag & CLASS) !== 0) {
    return
  }
  const mustBeConstructed = CONSTRUCTED_TYPES.includes(tag | CONSTRUCTED)
  const reader = new DerReader(element)
  if (tag === TAG.objectIdentifier) {
    reader.objectIdentifier()
  } else if (tag === TAG.integer || tag === TAG.enumerated) {
    reader.integer(tag)
  } else if (
    mustBeConstructed !== ((tag & CONSTRUCTED) !== 0) ||
    IS_DER[tag]?.(reader.content(tag)) === false
  ) {
    throw new Error('it is no DER: the octets of a value are not those of its type')
  }
}

/** Returns whether the unused bits are fewer than eight, and 0 (X.690 8.6.2, 11.2.1). */
function isBitString(octets: Buffer): boolean {
  const [unused] = octets
  const last = octets.length > 1 ? (octets.at(-1) as number) : 0
  return unused !== undefined && unused < (octets.length > 1 ? 8 : 1) && (last & (2 ** unused - 1)) === 0
}
