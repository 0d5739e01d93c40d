/** Compares names with the subtrees that name constraints permit or exclude (RFC 5280 4.2.1.10). */

import { DerReader } from '../asn1/der-reader.ts'
import { contextTag } from '../asn1/tag.ts'
import { quote } from '../common/quote.ts'
import { DIRECTORY_NAME, DNS_NAME, RFC822_NAME, URI } from './general-names.ts'
import { canonicalName } from './names.ts'

/** Compares and shows names of one form. */
interface NameForm {
  /**
   * Reads bases, and returns a function that tells whether a name is in the subtree of one of them.
   *
   * @param bases contents of GeneralNames
   * @throws Error when a base is not a name of this form
   */
  matcher(bases: readonly Buffer[]): (name: Buffer) => boolean
  show(name: Buffer): string
}

/** The iPAddress of a GeneralName (RFC 5280 4.2.1.6). */
const IP_ADDRESS = contextTag(7, 'primitive')

const FORMS = new Map<number | undefined, NameForm>([
  [
    RFC822_NAME,
    {
      matcher: readingOnce(readMailbox, (base) => splitMailbox(toText(base)), isMailboxWithin),
      show: (name) => `the e-mail address ${quote(toText(name))}`,
    },
  ],
  [
    DNS_NAME,
    {
      matcher: readingOnce(toLowerCase, toLowerCase, isHostWithin),
      show: (name) => `the host name ${quote(toText(name))}`,
    },
  ],
  [
    DIRECTORY_NAME,
    {
      matcher: readingOnce(canonicalName, canonicalName, (name, base) => name.startsWith(base)),
      show: () => 'a distinguished name',
    },
  ],
  [
    URI,
    {
      matcher: readingOnce(readHost, toLowerCase, isHostOrDomain),
      show: (name) => `the address ${quote(toText(name))}`,
    },
  ],
  [IP_ADDRESS, { matcher: readingOnce(asIs, asIs, isIpAddressWithin), show: () => 'an IP address' }],
])

/** Tells whether names are in the subtrees of some bases. */
export class Subtrees {
  /** Bases keyed by the identifier octet of their form. */
  readonly #bases: ReadonlyMap<number | undefined, readonly Buffer[]>
  /** Matchers that were made already, keyed likewise. */
  readonly #matchers = new Map<number | undefined, (name: Buffer) => boolean>()

  /** @param bases DER GeneralNames */
  constructor(bases: readonly Buffer[]) {
    const tags = new Set(bases.map(([tag]) => tag))
    this.#bases = new Map([...tags].map((tag) => [tag, bases.filter((base) => base[0] === tag)]))
  }

  /** Returns whether there is a subtree of the same form as a name, DER GeneralName. */
  haveFormOf([tag]: Buffer): boolean {
    return this.#bases.has(tag)
  }

  /**
   * Returns whether a name is in one of the subtrees; names of other forms are in none.
   *
   * @param name DER GeneralName
   * @throws Error when the name or a base of the same form cannot be compared
   */
  include(name: Buffer): boolean {
    const [tag] = name
    const bases = this.#bases.get(tag)
    if (bases === undefined) {
      return false
    }
    const isWithin = this.#matchers.get(tag) ?? formOf(name).matcher(bases.map(contentOf))
    this.#matchers.set(tag, isWithin)
    return isWithin(contentOf(name))
  }
}

/** Describes a name, DER GeneralName, for messages. */
export function showName(name: Buffer): string {
  return formOf(name).show(contentOf(name))
}

/**
 * Builds a matcher that reads each base and each name once, not once for each pair. A hostile timestamp authority can
 * send a thousand of both, which would block the event loop for seconds.
 */
function readingOnce<Name, Base>(
  readName: (content: Buffer) => Name,
  readBase: (content: Buffer) => Base,
  isWithin: (name: Name, base: Base) => boolean,
): NameForm['matcher'] {
  return (contents) => {
    const bases = contents.map(readBase)
    return (content) => {
      const name = readName(content)
      return bases.some((base) => isWithin(name, base))
    }
  }
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

function toLowerCase(content: Buffer): string {
  return toText(content).toLowerCase()
}

function asIs(content: Buffer): Buffer {
  return content
}

/** The two parts of a mailbox. Case counts only in the first (RFC 5280 7.5). */
type Mailbox = readonly [local: string, host: string]

function splitMailbox(mailbox: string): Mailbox {
  const host = mailbox.lastIndexOf('@') + 1
  return [mailbox.slice(0, Math.max(0, host - 1)), mailbox.slice(host).toLowerCase()]
}

function readMailbox(content: Buffer): Mailbox {
  const mailbox = splitMailbox(toText(content))
  if (mailbox[0] === '') {
    throw new Error('it is no mailbox')
  }
  return mailbox
}

/** Compares a mailbox with a base: a mailbox, a host, or with a leading dot all hosts in a domain. */
function isMailboxWithin([local, host]: Mailbox, [onlyLocal, onlyHost]: Mailbox): boolean {
  return (onlyLocal === '' || onlyLocal === local) && isHostOrDomain(host, onlyHost)
}

/** Compares a host with a base, which includes hosts with more labels on the left. */
function isHostWithin(host: string, base: string): boolean {
  return isHostOrDomain(host, base) || host.endsWith(`.${base}`)
}

/** Returns the host of an address in lower case. */
function readHost(content: Buffer): string {
  const { hostname } = new URL(toText(content))
  if (hostname === '') {
    throw new Error('it is an address without a host')
  }
  return hostname.toLowerCase()
}

/** Compares a host with a base. RFC 5280 is silent on an empty base, which includes all names for other validators. */
function isHostOrDomain(host: string, base: string): boolean {
  return base === '' || host === base || (base.startsWith('.') && host.endsWith(base))
}

/** Compares an address with a base, which is an address and a mask of the same length. */
function isIpAddressWithin(name: Buffer, base: Buffer): boolean {
  const { length } = name
  return (
    base.length === 2 * length &&
    name.every((octet, index) => ((octet ^ base.readUInt8(index)) & base.readUInt8(length + index)) === 0)
  )
}
