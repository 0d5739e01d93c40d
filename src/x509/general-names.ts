import { DerReader } from '../asn1/der-reader.ts'
import { contextTag } from '../asn1/tag.ts'
import { sameName } from './names.ts'

/** Identifier octets of the alternatives of a GeneralName (RFC 5280 4.2.1.6). */
export const RFC822_NAME = contextTag(1, 'primitive')
export const DNS_NAME = contextTag(2, 'primitive')
export const DIRECTORY_NAME = contextTag(4)
export const URI = contextTag(6, 'primitive')

/**
 * Compares two GeneralNames (RFC 5280 7): hosts without regard to case, directory names as names, all others by their
 * octets.
 *
 * @param one DER
 * @param other DER
 */
export function sameGeneralName(one: Buffer, other: Buffer): boolean {
  return one.equals(other) || (one[0] === other[0] && isSameAlternative(one, other))
}

/**
 * Returns whether a Name is among GeneralNames.
 *
 * @param generalNames content of the GeneralNames
 * @param name DER
 */
export function includesName(generalNames: DerReader, name: Buffer): boolean {
  return generalNames
    .elements()
    .some((one) => one[0] === DIRECTORY_NAME && sameName(new DerReader(one).content(DIRECTORY_NAME), name))
}

function isSameAlternative(one: Buffer, other: Buffer): boolean {
  const contents = [one, other].map((name) => new DerReader(name).content(name.readUInt8())) as [
    Buffer,
    Buffer,
  ]
  switch (one[0]) {
    case DIRECTORY_NAME:
      return sameName(...contents)
    case URI:
      return isSameText(contents, normalizeUri)
    case DNS_NAME:
      return isSameText(contents, (host) => host.toLowerCase())
    case RFC822_NAME:
      return isSameText(contents, normalizeMailbox)
    default:
      return false
  }
}

function isSameText([one, other]: readonly [Buffer, Buffer], normalize: (text: string) => string): boolean {
  return normalize(one.toString('latin1')) === normalize(other.toString('latin1'))
}

/** Normalizes scheme and host of a URI (RFC 5280 7.4). */
function normalizeUri(uri: string): string {
  return URL.canParse(uri) ? new URL(uri).href : uri
}

/** Lowers the case of a mailbox's host alone, since case may count before it (RFC 5280 7.5). */
function normalizeMailbox(mailbox: string): string {
  const host = mailbox.lastIndexOf('@') + 1
  return mailbox.slice(0, host) + mailbox.slice(host).toLowerCase()
}
