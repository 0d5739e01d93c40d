/** Compares names of issuers and subjects. */
import { decodeCharacterString } from '../asn1/character-string.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { prepareString } from './string-preparation.ts'

/**
 * The longest name, in octets; real ones have some hundreds. Names are compared before any signature is verified: 20 MB
 * in a hostile CRL would take 10 s, and ten names of 10 kB in an OCSP response half a second.
 */
const MAX_NAME_LENGTH = 3_000

/**
 * Compares two names (RFC 5280 7.1): RDN by RDN, the attributes of an RDN in any order, strings of all types by their
 * characters without regard to case and insignificant spaces, other values by their octets.
 *
 * @param one DER Name
 * @param other DER Name
 * @returns false if they differ, or one of them is not a Name or has more than 3,000 octets
 */
export function sameName(one: Buffer, other: Buffer): boolean {
  return one.equals(other) || isSame(tryCanonicalName(one), tryCanonicalName(other))
}

/**
 * Returns a text that is equal for two names if, and only if, they are the same. It is only for comparisons.
 *
 * @param name DER Name
 * @throws Error when it is not a Name, or has more than 3,000 octets
 */
export function canonicalName(name: Buffer): string {
  if (name.length > MAX_NAME_LENGTH) {
    throw new Error(`it has a name of more than ${MAX_NAME_LENGTH} octets`)
  }
  const reader = new DerReader(name)
  const names = reader.enter(TAG.sequence).elements().map(canonicalRdn)
  reader.finish()
  return names.join('')
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one === other
}

function tryCanonicalName(name: Buffer): string | undefined {
  try {
    return canonicalName(name)
  } catch {
    return undefined
  }
}

function canonicalRdn(rdn: Buffer): string {
  const attributes = new DerReader(rdn).enter(TAG.set).elements().map(canonicalAttribute)
  return `{${attributes.toSorted().join(' ')}}`
}

function canonicalAttribute(attribute: Buffer): string {
  const reader = new DerReader(attribute).enter(TAG.sequence)
  const type = reader.content(TAG.objectIdentifier).toString('hex')
  const value = reader.element()
  reader.finish()
  const tag = value.readUInt8()
  const text = decodeCharacterString(tag, new DerReader(value).content(tag))
  return `${type}=${text === undefined ? value.toString('hex') : JSON.stringify(prepareString(text))}`
}
