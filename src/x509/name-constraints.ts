/** Checks the names of certificates against the name constraints of an authority above (RFC 5280 4.2.1.10). */
import { decodeCharacterString } from '../asn1/character-string.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { quote } from '../common/quote.ts'
import type { CertificateFields } from './certificate-fields.ts'
import { EXTENSION, ID_COMMON_NAME, ID_EMAIL_ADDRESS, listElements } from './extensions.ts'
import { canonicalName, DIRECTORY_NAME, DNS_NAME, listAttributes, RFC822_NAME, URI } from './names.ts'

/** The minimum of a GeneralSubtree, which must be 0 (RFC 5280 4.2.1.10). */
const MINIMUM = contextTag(0, 'primitive')
const ZERO = Buffer.of(0)

/** An otherName of a GeneralName (RFC 5280 4.2.1.6). */
const OTHER_NAME = contextTag(0)
const ID_SMTP_UTF8_MAILBOX = '1.3.6.1.5.5.7.8.9'

/** User information in a URI (RFC 3986 3.2.1). */
const USER_INFORMATION = /^[^:]+:\/\/[^/?#]*@/

/** Bases of subtrees, each a DER GeneralName. */
export interface NameConstraints {
  readonly permitted: readonly Buffer[]
  readonly excluded: readonly Buffer[]
}

/**
 * Reads the nameConstraints extension.
 *
 * @param value DER of the extension
 * @throws Error when it is malformed, or has a minimum other than 0 or a maximum, which RFC 5280 does not allow
 */
export function readNameConstraints(value: Buffer): NameConstraints {
  const constraints = DerReader.enterOnly(value, TAG.sequence)
  const permitted = readSubtrees(constraints.enterOptional(contextTag(0)))
  const excluded = readSubtrees(constraints.enterOptional(contextTag(1)))
  constraints.finish()
  return { permitted, excluded }
}

function readSubtrees(list: DerReader | undefined): Buffer[] {
  return (list?.elements() ?? []).map((element) => {
    const subtree = new DerReader(element).enter(TAG.sequence)
    const base = subtree.element()
    // DER leaves out 0, the default, but some authorities write it
    const minimum = subtree.optionalContent(MINIMUM)
    subtree.finish()
    if (minimum !== undefined && !minimum.equals(ZERO)) {
      throw new Error('it has a minimum, which RFC 5280 4.2.1.10 does not allow')
    }
    return base
  })
}

/**
 * Finds the first name of a certificate that the constraints do not allow, in words.
 *
 * @param place of the certificate in its path
 * @throws Error when a name of the certificate, or a constraint on names of its form, cannot be read
 */
export function findForbiddenName(
  fields: Pick<CertificateFields, 'subject' | 'extensions'>,
  constraints: NameConstraints,
  place: 'leaf' | 'issuer' = 'leaf',
): string | undefined {
  const names = [...listNames(fields), ...(place === 'leaf' ? listHosts(fields, OPENSSL_HOST) : [])]
  const forbidden = names.find(forbidsBy(constraints))
  return forbidden && formOf(forbidden).show(contentOf(forbidden))
}

/** Says what some validators mind in name constraints that allow a name, in words, and names these validators. */
export type NarrowConstraint = readonly [why: string, refusedBy: string]

/**
 * Finds why some validators do not find an allowed name so: NSS and EU DSS compare directory names octet by octet, OpenSSL alone takes a
 * mailbox without its local part for a host, RFC 5280 4.2.1.10 knows neither empty bases nor host names with a leading dot, and Java
 * takes common names for hosts. Forms that a validator does not compare make it refuse even paths without such a name.
 */
export function findNarrowConstraint(
  fields: Pick<CertificateFields, 'subject' | 'extensions'>,
  constraints: NameConstraints,
): NarrowConstraint | undefined {
  const { permitted, excluded } = constraints
  // Authorities exclude all hosts by an empty dNSName
  if (permitted.some(isEmpty) || excluded.some((base) => base[0] !== DNS_NAME && isEmpty(base))) {
    return ['an empty name', 'Java, EU DSS, pyHanko']
  }
  if ([...permitted, ...excluded].some((base) => FORMS[base.readUInt8()] === undefined)) {
    return [
      'names of a form, such as otherName or registeredID, that only some compare',
      'Bouncy Castle, PDFBox, pyHanko',
    ]
  }
  const isOdd = (base: Buffer) =>
    (base[0] === RFC822_NAME && toText(contentOf(base)).startsWith('@')) ||
    (base[0] === DNS_NAME && toText(contentOf(base)).startsWith('.'))
  const isPermitted = subtreesOf(permitted.filter((base) => !isOdd(base)))
  const isNarrow = (form: number, isMinded = (name: Buffer) => isPermitted(name) !== true) =>
    permitted.some(([tag]) => tag === form) &&
    listNames(fields).some((name) => name[0] === form && isMinded(name))
  if (isNarrow(RFC822_NAME)) {
    return [
      'an e-mail address that begins with @, where RFC 5280 4.2.1.10 has a host alone',
      'NSS, pdfsig, EU DSS',
    ]
  }
  if (isNarrow(DNS_NAME)) {
    return ['a host name with a leading dot', 'EU DSS, pyHanko']
  }
  if (isNarrow(URI, (name) => USER_INFORMATION.test(toText(contentOf(name))))) {
    return ['the host of an address, which has user information before it', 'OpenSSL, EU DSS']
  }
  if (isNarrow(IP_ADDRESS, () => true)) {
    return ['an IP address', 'EU DSS, pyHanko']
  }
  if (listHosts(fields, JAVA_HOST).some(forbidsBy(constraints))) {
    return ['a host name, for which its common name may be taken', 'Java']
  }
  const rdns = new DerReader(fields.subject).content(TAG.sequence)
  // Nothing has read the bases where there is no subject to compare with them
  const bases = permitted
    .filter(([tag]) => tag === DIRECTORY_NAME && rdns.length > 0)
    .map((base) => new DerReader(contentOf(base)).content(TAG.sequence))
  return bases.length === 0 || bases.some((base) => rdns.subarray(0, base.length).equals(base))
    ? undefined
    : ['a distinguished name in other octets, such as another case or type of string', 'NSS, pdfsig, EU DSS']
}

/** Returns whether a base, DER, is empty. A directoryName has a SEQUENCE in it. */
function isEmpty(base: Buffer): boolean {
  return base.length === (base[0] === DIRECTORY_NAME ? 4 : 2)
}

/**
 * Lists the names of a certificate as DER GeneralNames: its subject, the alternative names, and the e-mail addresses in
 * the subject, which OpenSSL compares even where there are alternative names.
 */
function listNames({ subject, extensions }: Pick<CertificateFields, 'subject' | 'extensions'>): Buffer[] {
  const isEmpty = new DerReader(subject).enter(TAG.sequence).tag === undefined
  return [
    ...(isEmpty ? [] : [encode(DIRECTORY_NAME, subject)]),
    ...listEmailAddresses(subject).map((address) => encode(RFC822_NAME, address)),
    ...listElements(extensions, EXTENSION.subjectAltName).map(asMailbox),
  ]
}

/** Returns the rfc822Name that an SmtpUTF8Mailbox is compared as (RFC 9598 6), and other GeneralNames as they are. */
function asMailbox(name: Buffer): Buffer {
  if (name[0] !== OTHER_NAME) {
    return name
  }
  const other = new DerReader(contentOf(name))
  return other.objectIdentifier() === ID_SMTP_UTF8_MAILBOX
    ? encode(RFC822_NAME, other.enter(contextTag(0)).content(TAG.utf8String))
    : name
}

function listEmailAddresses(subject: Buffer): Buffer[] {
  return listValues(subject, ID_EMAIL_ADDRESS).map((value) => new DerReader(value).content(value.readUInt8()))
}

/** A common name that OpenSSL takes for a host: it has a dot, and neither dots nor hyphens at an end of its labels. */
const OPENSSL_HOST = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)+$/i

/** A common name that Java takes for a host: one label is enough, and a number is an IP address to it. */
const JAVA_HOST = /^(?![\d.]{1,15}$)[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/i

/** Lists the common names that a validator compares as hosts where the alternative names have no host, as GeneralNames. */
function listHosts(
  { subject, extensions }: Pick<CertificateFields, 'subject' | 'extensions'>,
  pattern: RegExp,
): Buffer[] {
  if (listElements(extensions, EXTENSION.subjectAltName).some(([tag]) => tag === DNS_NAME)) {
    return []
  }
  const texts = listValues(subject, ID_COMMON_NAME).map((value) => {
    const tag = value.readUInt8()
    return decodeCharacterString(tag, new DerReader(value).content(tag)) ?? ''
  })
  return texts.filter((text) => pattern.test(text)).map((text) => encode(DNS_NAME, Buffer.from(text)))
}

/** Lists the values of an attribute in a Name, DER. */
function listValues(name: Buffer, wanted: string): Buffer[] {
  return listAttributes(name).flatMap(({ type, value }) => (type === wanted ? [value] : []))
}

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

/** Keyed by identifier octets. */
const FORMS: Readonly<Record<number, NameForm>> = {
  [RFC822_NAME]: {
    matcher: readingOnce(readMailbox, (base) => splitMailbox(toText(base)), isMailboxWithin),
    show: (name) => `the e-mail address ${quote(name.toString())}`,
  },
  [DNS_NAME]: {
    matcher: readingOnce(toLowerCase, toLowerCase, isHostWithin),
    show: (name) => `the host name ${quote(toText(name))}`,
  },
  [DIRECTORY_NAME]: {
    matcher: readingOnce(canonicalName, canonicalName, (name, base) => name.startsWith(base)),
    show: () => 'a distinguished name',
  },
  [URI]: {
    matcher: readingOnce(readHost, toLowerCase, isHostOrDomain),
    show: (name) => `the address ${quote(toText(name))}`,
  },
  [IP_ADDRESS]: {
    matcher: readingOnce(asIs, asIs, isIpAddressWithin),
    show: () => 'an IP address',
  },
}

/**
 * Returns a function that tells whether constraints forbid a name, DER GeneralName. It throws an Error when the name or a
 * base of the same form cannot be compared.
 */
function forbidsBy({ permitted, excluded }: NameConstraints): (name: Buffer) => boolean {
  const [isPermitted, isExcluded] = [subtreesOf(permitted), subtreesOf(excluded)]
  return (name) => isExcluded(name) === true || isPermitted(name) === false
}

/**
 * Returns a function that tells whether a name, DER GeneralName, is in one of the subtrees; undefined where no subtree
 * has the name's form. It throws an Error when the name or a base of the same form cannot be compared.
 *
 * @param bases DER GeneralNames
 */
function subtreesOf(bases: readonly Buffer[]): (name: Buffer) => boolean | undefined {
  const matchers = new Map<number, ((name: Buffer) => boolean) | undefined>()
  return (name) => {
    const tag = name.readUInt8()
    if (!matchers.has(tag)) {
      const own = bases.filter((base) => base[0] === tag)
      matchers.set(tag, own.length === 0 ? undefined : formOf(name).matcher(own.map(contentOf)))
    }
    return matchers.get(tag)?.(contentOf(name))
  }
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
  const form = FORMS[name.readUInt8()]
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

/** Compares a host with a base, which includes hosts with more labels on the left, and all hosts if it is empty. */
function isHostWithin(host: string, base: string): boolean {
  return base === '' || isHostOrDomain(host, base) || host.endsWith(`.${base}`)
}

/**
 * Returns the host of an address in lower case.
 *
 * @throws Error for an address without a host, which no constraint allows (RFC 5280 4.2.1.10)
 */
function readHost(content: Buffer): string {
  const text = toText(content)
  const { hostname } = new URL(text)
  // `URL` reads `http:a` as `http://a`
  if (hostname === '' || !/^[^:/?#]+:\/\//.test(text)) {
    throw new Error('it is an address without a host')
  }
  return hostname.toLowerCase()
}

/** Compares a host with a base: a host, or with a leading dot all hosts in a domain. RFC 5280 is silent on an empty one. */
function isHostOrDomain(host: string, base: string): boolean {
  return host === base || (base.startsWith('.') && host.endsWith(base))
}

/** Compares an address with a base, which is an address and a mask of the same length. */
function isIpAddressWithin(name: Buffer, base: Buffer): boolean {
  const { length } = name
  return (
    base.length === 2 * length &&
    name.every((octet, index) => ((octet ^ base.readUInt8(index)) & base.readUInt8(length + index)) === 0)
  )
}
