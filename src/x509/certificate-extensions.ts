import { isUtf8 } from 'node:buffer'
import type { X509Certificate } from 'node:crypto'
import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { type CertificateFields, readCertificateFields } from './certificate-fields.ts'
import { EXTENSION, type Extensions, ID_AD_OCSP, listElements, toCount } from './extensions.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'
import { DIRECTORY_NAME, includesName, URI } from './names.ts'

/** Names of key usages in the order of their bits (RFC 5280 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const

export type KeyUsage = (typeof KEY_USAGES)[number]

/** Bits of Netscape's certificate type, of before there was an extended key usage. NSS still reads it. */
const NETSCAPE_TYPES = [
  'sslClient',
  'sslServer',
  'email',
  'objsign',
  'reserved',
  'sslCA',
  'emailCA',
  'objCA',
] as const

export type NetscapeType = (typeof NETSCAPE_TYPES)[number]

/** The content of a certificate's extensions. An extension that cannot be read allows the least that it may allow. */
export interface CertificateExtensions {
  /** The certificate's version, 1 to 3; only version 3 has extensions (RFC 5280 4.1.2.1). */
  readonly version: number
  /** Dotted identifiers of the critical extensions. */
  readonly critical: readonly string[]
  /** True for a certificate authority (basicConstraints, RFC 5280 4.2.1.9). */
  readonly ca: boolean
  /** The number of authorities that may stand between it and a leaf; infinite without a limit. */
  readonly pathLength: number
  /** Undefined without the extension: then all are allowed. */
  readonly keyUsage: readonly KeyUsage[] | undefined
  /** Dotted identifiers of purposes (RFC 5280 4.2.1.12); undefined without the extension: then all are allowed. */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Undefined without the extension: then all are allowed. */
  readonly netscapeTypes: readonly NetscapeType[] | undefined
  /** Addresses to ask about its revocation. */
  readonly addresses: RevocationAddresses
  /** True if its authority says that it never revokes it, as it lasts for a short time (noRevAvail, RFC 9608 2; EN 319 412-1 5.2). */
  readonly neverRevoked: boolean
  /** Limits for the names of certificates below it; undefined without the extension. */
  readonly nameConstraints: NameConstraints | 'unreadable' | undefined
}

/**
 * Reads all extensions of a certificate that this service evaluates.
 *
 * @throws Error when the certificate is not DER, even if OpenSSL could read it
 */
export function readCertificateExtensions(certificate: X509Certificate): CertificateExtensions {
  const fields = readCertificateFields(certificate)
  const { version, extensions } = fields
  const basicConstraints = readBasicConstraints(extensions)
  const addresses = readAddresses(fields)
  return {
    version,
    critical: [...extensions].filter(([, { critical }]) => critical).map(([id]) => id),
    ...basicConstraints,
    addresses,
    // It is not looked for in an authority, of which nobody may say so (RFC 9608 3)
    neverRevoked: !basicConstraints.ca && !areAskable(addresses) && saysNeverRevoked(extensions),
    keyUsage: readPresent(extensions, EXTENSION.keyUsage, readBits(KEY_USAGES), []),
    extendedKeyUsage: readPresent(extensions, EXTENSION.extendedKeyUsage, readPurposes, []),
    netscapeTypes: readPresent(extensions, EXTENSION.netscapeCertType, readBits(NETSCAPE_TYPES), []),
    nameConstraints: readPresent(extensions, EXTENSION.nameConstraints, readNameConstraints, 'unreadable'),
  }
}

/** Returns whether a certificate says that nobody need be asked about it. */
function saysNeverRevoked(extensions: Extensions): boolean {
  return extensions.has(EXTENSION.noRevAvail) || extensions.has(EXTENSION.validityAssuredShortTerm)
}

function readBasicConstraints(extensions: Extensions): Pick<CertificateExtensions, 'ca' | 'pathLength'> {
  const nothing = { ca: false, pathLength: Number.POSITIVE_INFINITY }
  const read = (value: Buffer) => {
    const constraints = DerReader.enterOnly(value, TAG.sequence)
    const ca = constraints.optionalBoolean() ?? false
    const limit = constraints.optionalContent(TAG.integer)
    constraints.finish()
    return limit === undefined ? { ...nothing, ca } : { ca, pathLength: toCount(limit) }
  }
  return readPresent(extensions, EXTENSION.basicConstraints, read, nothing) ?? nothing
}

/** Returns a function that reads the names of the bits that are set in a BIT STRING. */
function readBits<T extends string>(names: readonly T[]): (value: Buffer) => readonly T[] {
  return (value) => {
    const reader = new DerReader(value)
    // The first octet counts the unused bits of the last one, which are zeros in DER (X.690 8.6.2, 11.2.1)
    const bits = reader.content(TAG.bitString).subarray(1)
    reader.finish()
    return names.filter((_, bit) => ((bits[bit >> 3] ?? 0) << (bit & 7)) & 0x80)
  }
}

function readPurposes(value: Buffer): readonly string[] {
  return DerReader.enterOnly(value, TAG.sequence)
    .elements()
    .map((element) => new DerReader(element).objectIdentifier())
}

/**
 * Reads an extension; undefined without it.
 *
 * @param unreadable stands for an extension that is there and cannot be read
 */
function readPresent<T, U>(
  extensions: Extensions,
  id: string,
  read: (value: Buffer) => T,
  unreadable: U,
): T | U | undefined {
  const extension = extensions.get(id)
  return extension && attempt(() => read(extension.value), unreadable)
}

function attempt<T, U>(read: () => T, unreadable: U): T | U {
  try {
    return read()
  } catch {
    return unreadable
  }
}

/** Fields of a DistributionPoint (RFC 5280 4.2.1.13). */
const REASONS = contextTag(1, 'primitive')
const CRL_ISSUER = contextTag(2)

/** Addresses of one kind that are asked. Without a limit, a certificate could make the service wait for hundreds. */
const MAX_ADDRESSES = 4

/** The addresses in a certificate that tell about its revocation. */
export interface RevocationAddresses {
  /** Addresses of OCSP responders, in the certificate's order. */
  readonly ocsp: readonly URL[]
  /** Addresses of complete CRLs of the certificate's own issuer, in the certificate's order. */
  readonly crl: readonly URL[]
  /** All GeneralNames of the distribution points of such CRLs, DER. */
  readonly distributionPoints: readonly Buffer[]
  /** True if each of these points names the certificate's own issuer as cRLIssuer too, though RFC 5280 4.2.1.13 forbids it. */
  readonly namesOwnIssuer: boolean
  readonly delta: DeltaAddresses
  /** Addresses of either kind that are never asked. */
  readonly ignored: { readonly ocsp: readonly IgnoredAddress[]; readonly crl: readonly IgnoredAddress[] }
}

/** Returns whether somebody can be asked at addresses whether the certificate was revoked. */
export function areAskable({ ocsp, crl }: Pick<RevocationAddresses, 'ocsp' | 'crl'>): boolean {
  return ocsp.length + crl.length > 0
}

/** Addresses of a delta CRL of the same issuer. */
export interface DeltaAddresses {
  readonly asked: readonly URL[]
  /** Addresses that are never asked. */
  readonly ignored: readonly IgnoredAddress[]
}

/** An address in a certificate. */
interface NamedAddress {
  readonly address: string
  /** Says why it is never asked; undefined if it is. */
  readonly why?: string
}

export type IgnoredAddress = Required<NamedAddress>

/**
 * Reads authorityInfoAccess, cRLDistributionPoints and freshestCRL (RFC 5280 4.2.2.1, 4.2.1.13, 4.2.1.15). It passes over what is
 * malformed, so that the others are asked.
 */
export function readAddresses({
  issuer,
  extensions,
}: Pick<CertificateFields, 'issuer' | 'extensions'>): RevocationAddresses {
  const points = readEach(extensions, EXTENSION.crlDistributionPoints, (point) => [
    readDistributionPoint(point, issuer),
  ])
  const usable = points.filter(({ why }) => why === undefined)
  const ocsp = readTexts(readEach(extensions, EXTENSION.authorityInfoAccess, readResponder))
  const crl = points.flatMap(readPointTexts)
  return {
    ocsp: toUrls(ocsp),
    crl: toUrls(crl),
    distributionPoints: usable.flatMap(({ names }) => names),
    namesOwnIssuer: usable.length > 0 && usable.every(({ namesIssuer }) => namesIssuer),
    delta: readDeltaAddresses(extensions, issuer),
    ignored: { ocsp: ocsp.filter(isIgnored), crl: crl.filter(isIgnored) },
  }
}

/**
 * Reads the addresses of delta CRLs in freshestCRL, which certificates and CRLs may have (RFC 5280 4.2.1.15, 5.2.6).
 *
 * @param issuer DER Name, that of the certificate or the CRL
 */
export function readDeltaAddresses(extensions: Extensions, issuer: Buffer): DeltaAddresses {
  const named = readEach(extensions, EXTENSION.freshestCrl, (point) => [
    readDistributionPoint(point, issuer),
  ]).flatMap(readPointTexts)
  return { asked: toUrls(named), ignored: named.filter(isIgnored) }
}

function readEach<T>(extensions: Extensions, id: string, read: (element: Buffer) => readonly T[]): T[] {
  const elements = attempt(() => listElements(extensions, id), [])
  return elements.flatMap((element) => attempt(() => read(element), []))
}

/** Returns the accessLocation of an AccessDescription, if it is that of an OCSP responder. */
function readResponder(description: Buffer): Buffer[] {
  const access = new DerReader(description).enter(TAG.sequence)
  return access.objectIdentifier() === ID_AD_OCSP ? [access.element()] : []
}

interface DistributionPoint {
  /** DER GeneralNames. */
  readonly names: readonly Buffer[]
  /** True if it names the issuer of the certificate as cRLIssuer. */
  readonly namesIssuer?: boolean
  /** Says why its CRL is never asked for, as that of others or of some reasons. */
  readonly why?: string
}

function readDistributionPoint(der: Buffer, issuer: Buffer): DistributionPoint {
  const point = new DerReader(der).enter(TAG.sequence)
  const name = point.enterOptional(contextTag(0))
  const names = name === undefined ? [] : readDistributionPointName(name, issuer)
  // An authority must have a complete CRL beside those for some reasons (RFC 5280 4.2.1.13)
  const reasons = point.optionalContent(REASONS)
  if (reasons !== undefined && !areAllReasons(reasons)) {
    return { names, why: 'it has a CRL for some reasons only' }
  }
  const crlIssuer = point.enterOptional(CRL_ISSUER)
  // Some authorities name themselves there, though they must not
  return crlIssuer === undefined || includesName(crlIssuer, issuer)
    ? { names, namesIssuer: crlIssuer !== undefined }
    : { names, why: 'it has the CRL of another issuer' }
}

/**
 * Returns whether ReasonFlags has all reasons, which is the same as if there were none (RFC 5280 4.2.1.13). Its bit 0 is of no use.
 *
 * @param bits content of the BIT STRING
 */
function areAllReasons([, first = 0, second = 0]: Buffer): boolean {
  return (first | 0x80) === 0xff && (second & 0x80) !== 0
}

/**
 * Reads a DistributionPointName, which certificates and CRLs have (RFC 5280 4.2.1.13, 5.2.5).
 *
 * @param name content of its tag
 * @param issuer DER Name of the issuer of the CRL, below which nameRelativeToCRLIssuer is
 * @returns DER GeneralNames
 */
export function readDistributionPointName(name: DerReader, issuer: Buffer): readonly Buffer[] {
  const relative = name.optionalContent(contextTag(1))
  if (relative === undefined) {
    return name.enterOptional(contextTag(0))?.elements() ?? []
  }
  const rdns = [...new DerReader(issuer).enter(TAG.sequence).elements(), encode(TAG.set, relative)]
  return [encode(DIRECTORY_NAME, encode(TAG.sequence, ...rdns))]
}

function readPointTexts({ names, why }: DistributionPoint): NamedAddress[] {
  return readTexts(names).map((one) => (why === undefined ? one : { ...one, why }))
}

/** Reads the addresses among names, and why one is never asked because of its protocol. */
function readTexts(names: readonly Buffer[]): NamedAddress[] {
  return (
    names
      .filter(([tag]) => tag === URI)
      .map((name) => new DerReader(name).content(URI))
      // An IA5String, in which some authorities have UTF-8
      .map((octets) => octets.toString(isUtf8(octets) ? 'utf8' : 'latin1'))
      .map((address) => (isHttp(address) ? { address } : { address, why: 'it is neither http nor https' }))
  )
}

function isIgnored(one: NamedAddress): one is IgnoredAddress {
  return one.why !== undefined
}

function toUrls(addresses: readonly NamedAddress[]): URL[] {
  const asked = addresses.filter((one) => !isIgnored(one))
  return asked.slice(0, MAX_ADDRESSES).map(({ address }) => new URL(address))
}

function isHttp(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)
}
