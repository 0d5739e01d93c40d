/** Compares names with the subtrees that name constraints permit or exclude (RFC 5280 4.2.1.10). */
import { DerReader } from '../der/der-reader.ts'
import { contextTag } from '../der/tag.ts'
import { DIRECTORY_NAME, DNS_NAME, RFC822_NAME, URI } from './general-names.ts'
import { canonicalName } from './names.ts'

/** Compares and shows names of one form. */
interface NameForm {
  /** @throws Error when one of them is no name of this form */
  isWithin(name: Buffer, base: Buffer): boolean
  show(name: Buffer): string
}

/** The iPAddress of a GeneralName (RFC 5280 4.2.1.6). */
const IP_ADDRESS = contextTag(7, 'primitive')

const FORMS = new Map<number | undefined, NameForm>([
  [RFC822_NAME, { isWithin: isMailboxWithin, show: (name) => `the e-mail address ${toText(name)}` }],
  [DNS_NAME, { isWithin: isHostWithin, show: (name) => `the host name ${toText(name)}` }],
  [DIRECTORY_NAME, { isWithin: isDirectoryNameWithin, show: () => 'a distinguished name' }],
  [URI, { isWithin: isUriWithin, show: (name) => `the address ${toText(name)}` }],
  [IP_ADDRESS, { isWithin: isIpAddressWithin, show: () => 'an IP address' }],
])

/**
 * Returns whether a name is in a subtree; names of other forms are in none.
 *
 * @param name DER GeneralName
 * @param base DER GeneralName
 * @throws Error when they have the same form, but one that cannot be compared
 */
export function isWithin(name: Buffer, base: Buffer): boolean {
  return name[0] === base[0] && formOf(name).isWithin(contentOf(name), contentOf(base))
}

/** Returns a name, DER GeneralName, for people. */
export function showName(name: Buffer): string {
  return formOf(name).show(contentOf(name))
}

function formOf(name: Buffer): NameForm {
  const form = FORMS.get(name[0])
  if (form === undefined) {
    throw new Error('names of this form are not compared with name constraints')
  }
  return form
}

function contentOf(name: Buffer): Buffer {
  return new DerReader(name).content(name.readUInt8())
}

function toText(content: Buffer): string {
  return content.toString('latin1')
}

/** A base of a mailbox, of a host, or with a leading dot of all hosts in a domain. */
function isMailboxWithin(name: Buffer, base: Buffer): boolean {
  const [local, host] = splitMailbox(toText(name))
  const [onlyLocal, onlyHost] = splitMailbox(toText(base))
  if (local === '') {
    throw new Error('it is no mailbox')
  }
  return (onlyLocal === '' || onlyLocal === local) && isHostOrDomain(host, onlyHost)
}

/** The part before the host may be one where case counts (RFC 5280 7.5). */
function splitMailbox(mailbox: string): [local: string, host: string] {
  const host = mailbox.lastIndexOf('@') + 1
  return [mailbox.slice(0, Math.max(0, host - 1)), mailbox.slice(host).toLowerCase()]
}

/** A base holds for its host and for all hosts that have more labels on the left. */
function isHostWithin(name: Buffer, base: Buffer): boolean {
  const [host, wanted] = [name, base].map((content) => toText(content).toLowerCase()) as [string, string]
  return isHostOrDomain(host, wanted) || host.endsWith(`.${wanted}`)
}

function isUriWithin(name: Buffer, base: Buffer): boolean {
  const { hostname } = new URL(toText(name))
  if (hostname === '') {
    throw new Error('it is an address without a host')
  }
  return isHostOrDomain(hostname.toLowerCase(), toText(base).toLowerCase())
}

/** An empty base, of which RFC 5280 says nothing, holds for all names, as other validators have it. */
function isHostOrDomain(host: string, base: string): boolean {
  return base === '' || host === base || (base.startsWith('.') && host.endsWith(base))
}

function isDirectoryNameWithin(name: Buffer, base: Buffer): boolean {
  return canonicalName(name).startsWith(canonicalName(base))
}

/** A base is an address and a mask of the same length. */
function isIpAddressWithin(name: Buffer, base: Buffer): boolean {
  const { length } = name
  return (
    base.length === 2 * length &&
    name.every((octet, index) => ((octet ^ base.readUInt8(index)) & base.readUInt8(length + index)) === 0)
  )
}
