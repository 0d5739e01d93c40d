/** Compares names of issuers and subjects: the one place that says whether two are the same. */
import { decodeCharacterString } from '../asn1/character-string.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { prepareString } from './string-preparation.ts'

/**
 * Octets of names that are looked into, which have some hundreds. They are compared before any signature is verified: a
 * CRL may have 20 MB for a name, which would take 10 s, and an OCSP response ten names of 10 kB, which take half a second.
 */
const MAX_NAME_LENGTH = 3_000

/**
 * Compares two names as RFC 5280 7.1 says: RDN by RDN, the attributes of an RDN in any order, strings of all types by
 * their characters without regard to case and insignificant spaces, other values by their octets.
 *
 * @param one DER Name
 * @param other DER Name
 * @returns false where they differ, and where one of them is no Name, or one of more than 3,000 octets
 */
export function sameName(one: Buffer, other: Buffer): boolean {
  return one.equals(other) || isSame(tryCanonicalName(one), tryCanonicalName(other))
}

/**
 * Returns a text that two names share if, and only if, they are the same. It is for comparing and for nothing else.
 *
 * @param name DER Name
 * @throws Error when it is none, or has more than 3,000 octets
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
