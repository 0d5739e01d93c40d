/**
 * Reads signed attributes that others have built, as far as needed to find the certificate that they name (RFC 2634 5.4,
 * RFC 5035 3).
 */
import { digest, findHashByOid, type HashAlgorithm, SHA_1, SHA_256 } from '../algorithms/hash-algorithms.ts'
import { readSignatureIdentifier, type SignatureIdentifier } from '../algorithms/received-signature.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { areSorted, findEncodingFlaw, isSortedSet } from '../asn1/der-check.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { checkPrimitive } from '../asn1/primitive.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { DIRECTORY_NAME, sameName } from '../x509/names.ts'
import {
  ID_CMS_ALGORITHM_PROTECTION,
  ID_CONTENT_TYPE,
  ID_COUNTERSIGNATURE,
  ID_DATA,
  ID_MESSAGE_DIGEST,
  ID_REVOCATION_INFO_ARCHIVAL,
  ID_SIGNING_CERTIFICATE,
  ID_SIGNING_CERTIFICATE_V2,
  ID_SIGNING_TIME,
} from './object-identifiers.ts'

export interface SignedAttributes {
  /** True if there is one content-type, and it is id-data as in all signatures of PDFs (RFC 5652 11.1). */
  readonly hasDataContentType: boolean
  /** The message-digest (RFC 5652 11.2); undefined unless there is exactly one. */
  readonly messageDigest: Buffer | undefined
  /** The signing-time (RFC 5652 11.3); undefined without it. */
  readonly signingTime: Date | undefined
  /** Digests of the signer's certificate in signing-certificate and signing-certificate-v2. */
  readonly certificates: readonly CertificateDigest[]
  /** Those of the certificates that stand behind it there. */
  readonly others: readonly CertificateDigest[]
  /** The algorithms in CMSAlgorithmProtection (RFC 6211), which verifiers compare; undefined without it. */
  readonly protectedAlgorithms: ProtectedAlgorithms | 'unreadable' | undefined
}

export interface ProtectedAlgorithms {
  /** Dotted object identifier. */
  readonly digest: string
  readonly signature: SignatureIdentifier
}

/** An Attribute (RFC 5652 5.3): its type as a DER OBJECT IDENTIFIER, and the content of its SET of values. */
export interface Attribute {
  readonly type: Buffer
  readonly values: Buffer
}

export const CONTENT_TYPE = encodeObjectIdentifier(ID_CONTENT_TYPE)
const DATA = encodeObjectIdentifier(ID_DATA)
export const MESSAGE_DIGEST = encodeObjectIdentifier(ID_MESSAGE_DIGEST)
const SIGNING_CERTIFICATE = encodeObjectIdentifier(ID_SIGNING_CERTIFICATE)
const SIGNING_CERTIFICATE_V2 = encodeObjectIdentifier(ID_SIGNING_CERTIFICATE_V2)
const ALGORITHM_PROTECTION = encodeObjectIdentifier(ID_CMS_ALGORITHM_PROTECTION)
const SIGNING_TIME = encodeObjectIdentifier(ID_SIGNING_TIME)
/** id-aa-receiptRequest (RFC 2634 2.7). */
const RECEIPT_REQUEST = encodeObjectIdentifier('1.2.840.113549.1.9.16.2.1')
const REVOCATION_ARCHIVAL = encodeObjectIdentifier(ID_REVOCATION_INFO_ARCHIVAL)
const COUNTERSIGNATURE = encodeObjectIdentifier(ID_COUNTERSIGNATURE)
/** Octets of tag and length before these object identifiers; other encodings write the length in more. */
const HEADER_LENGTH = 2
/** Types of which there is one attribute at most, with one value (RFC 5652 11, RFC 2634 2.7). */
const SINGLE = [CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME, RECEIPT_REQUEST]

/**
 * Reads the DER SET OF Attribute that a signature is made over (RFC 5652 5.4).
 *
 * @returns undefined for other bytes, and for attributes that verifiers refuse
 * @throws Error when these name a certificate, or the attributes do in a way that cannot be read; and for attributes in another order
 */
export function readSignedAttributes(bytes: Buffer): SignedAttributes | undefined {
  // Attributes under the [0] of SignerInfo are refused too: no verifier accepts a signature over them (RFC 5652 5.4)
  if (bytes[0] !== TAG.set && bytes[0] !== contextTag(0)) {
    return undefined
  }
  const attributes = decode(bytes)
  // An attribute that names a certificate may stand anywhere among them
  if (attributes !== undefined && !isSortedSet(bytes)) {
    throw new Error(UNSORTED)
  }
  if (attributes === undefined || !areAllowed(attributes)) {
    if (NAMING.some(({ type }) => bytes.includes(type.subarray(HEADER_LENGTH)))) {
      throw new Error(
        attributes === undefined
          ? `they are not the DER encoding of a SET OF Attribute (RFC 5652 5.4), of ${MAX_ATTRIBUTES} with ${MAX_VALUES} values at most`
          : NOT_ALLOWED,
      )
    }
    return undefined
  }
  const signingTime = singleValue(attributes, SIGNING_TIME)
  return {
    hasDataContentType: singleValue(attributes, CONTENT_TYPE)?.equals(DATA) === true,
    messageDigest: octetsOf(singleValue(attributes, MESSAGE_DIGEST)),
    signingTime: signingTime && readSigningTime(signingTime),
    ...readNamed(attributes),
    protectedAlgorithms: readProtectedAlgorithms(attributes),
  }
}

function readProtectedAlgorithms(attributes: readonly Attribute[]): SignedAttributes['protectedAlgorithms'] {
  if (!attributes.some(({ type }) => type.equals(ALGORITHM_PROTECTION))) {
    return undefined
  }
  const value = singleValue(attributes, ALGORITHM_PROTECTION)
  try {
    const protection = DerReader.enterOnly(value ?? Buffer.alloc(0), TAG.sequence)
    const digest = readAlgorithmIdentifier(protection.element(TAG.sequence)).oid
    // An AlgorithmIdentifier under an IMPLICIT tag
    const signature = readSignatureIdentifier(encode(TAG.sequence, protection.content(contextTag(1))))
    protection.finish()
    return { digest, signature }
  } catch {
    return 'unreadable'
  }
}

/**
 * Reads those among signed attributes that are whole in their beginning. Attributes can have megabytes, since
 * adbe-revocationInfoArchival with its CRLs is one of them (ISO 32000-2 12.8.3.3.2). In the order of DER, in which they are
 * signed, short ones come first (X.690 11.6).
 *
 * @param beginning first octets of more than are kept
 * @returns undefined for other bytes
 * @throws Error as `readSignedAttributes`, and for shorter attributes behind the beginning, which may name a certificate
 */
export function readLongAttributes(beginning: Buffer): SignedAttributes | undefined {
  const [tag = 0, first = 0] = beginning
  const octets = first & 0x7f
  if (first <= 0x80 || octets > 4) {
    return undefined
  }
  const end = 2 + octets + beginning.readUIntBE(2, octets)
  // Other bytes follow a set that ends before the beginning does
  if (end < beginning.length) {
    return undefined
  }
  const { whole, isUnordered } = readBeginning(new DerReader(beginning, 2 + octets, end))
  const attributes = readSignedAttributes(encode(tag, ...whole))
  if (attributes !== undefined && isUnordered) {
    throw new Error('they are long, and not in the order of DER (X.690 11.6)')
  }
  return attributes
}

interface Beginning {
  /** Elements that are whole. */
  readonly whole: Buffer[]
  /** True if a shorter element stands behind another one, since less is left than that one has. */
  readonly isUnordered: boolean
}

function readBeginning(reader: DerReader): Beginning {
  const whole: Buffer[] = []
  let isUnordered = false
  try {
    while (reader.tag !== undefined) {
      const before = reader.left
      const element = reader.element()
      const length = before - reader.left
      isUnordered ||= reader.left > 0 && reader.left < length
      if (element.length < length) {
        break
      }
      whole.push(element)
    }
  } catch {
    // The last one is no element, or its length is cut off
  }
  return { whole, isUnordered }
}

function decode(bytes: Buffer): Attribute[] | undefined {
  try {
    const attributes = readAttributes(bytes)
    checkEncodings(attributes)
    return attributes
  } catch {
    return undefined
  }
}

/**
 * Finds why some verifiers refuse a signature over signed attributes, in words, though OpenSSL takes it.
 *
 * @param bytes DER SET OF but for the order
 * @throws Error when they are malformed
 */
export function findAttributesProblem(bytes: Buffer): string | undefined {
  const attributes = readAttributes(bytes)
  if (!areAllowed(attributes)) {
    return NOT_ALLOWED
  }
  try {
    checkEncodings(attributes)
    return isSortedSet(bytes) ? undefined : UNSORTED
  } catch (error) {
    return (error as Error).message
  }
}

const NOT_ALLOWED =
  'a countersignature is among them, or content-type, message-digest or signing-time not once, with one value (RFC 5652 11)'

/** Returns whether there may be such attributes among those that are signed (RFC 5652 11). */
function areAllowed(attributes: readonly Attribute[]): boolean {
  return attributes.every(
    ({ type }) =>
      !type.equals(COUNTERSIGNATURE) &&
      !(SINGLE.some((one) => type.equals(one)) && singleValue(attributes, type) === undefined),
  )
}

const UNSORTED = 'they are not in the order of DER (RFC 5652 5.4)'

/**
 * Refuses attributes that verifiers cannot read, or not all alike: some, such as those with Bouncy Castle, encode them anew before
 * they verify.
 *
 * @throws Error
 */
function checkEncodings(attributes: readonly Attribute[]): void {
  if (attributes.length > MAX_ATTRIBUTES) {
    throw new Error(`there are more than ${MAX_ATTRIBUTES}`)
  }
  let count = 0
  const checked: Buffer[] = []
  for (const { type, values } of attributes) {
    const elements = new DerReader(values).elements()
    count += elements.length
    if (count > MAX_VALUES) {
      throw new Error(`they have more than ${MAX_VALUES} values`)
    }
    new DerReader(type).objectIdentifier()
    if (type.equals(REVOCATION_ARCHIVAL)) {
      elements.forEach(checkPrimitive)
    } else {
      checked.push(values)
    }
    if (type.equals(SIGNING_TIME)) {
      elements.forEach(readSigningTime)
    }
    if (!areSorted(elements)) {
      throw new Error(
        'the values are not in the order of DER, in which OpenSSL puts them before it verifies (X.690 11.6)',
      )
    }
  }
  // CRLs and OCSP responses are left as their issuers have encoded them
  const flaw = findEncodingFlaw(Buffer.concat(checked), MAX_CHECKED)
  if (flaw !== undefined) {
    throw new Error(flaw)
  }
}

/** Elements of all values that are looked at, which takes some 2 ms. A timestamp with its certificates has some hundreds. */
const MAX_CHECKED = 2_000

/** Most attributes, and most values of them and certificates that they name. Usual ones have a dozen; many take long to read. */
const MAX_ATTRIBUTES = 64
const MAX_VALUES = 128

/**
 * Reads a SET OF Attribute, DER. It refuses what other readers of lists refuse, so that none of them throws later.
 *
 * @throws Error when it is malformed, or has more than a thousand attributes
 */
export function readAttributes(bytes: Buffer): Attribute[] {
  return DerReader.enterOnly(bytes, TAG.set)
    .elements()
    .map((element) => {
      const attribute = DerReader.enterOnly(element, TAG.sequence)
      const read = { type: attribute.element(TAG.objectIdentifier), values: attribute.content(TAG.set) }
      attribute.finish()
      return read
    })
}

/** Returns the DER value of an attribute; undefined unless it occurs once, with one value (RFC 5652 11). */
export function singleValue(attributes: readonly Attribute[], type: Buffer): Buffer | undefined {
  const [attribute, second] = attributes.filter((one) => one.type.equals(type))
  if (attribute === undefined || second !== undefined) {
    return undefined
  }
  try {
    const reader = new DerReader(attribute.values)
    const value = reader.element()
    reader.finish()
    return value
  } catch {
    return undefined
  }
}

/** @throws Error when the value is no Time (RFC 5652 11.3) */
function readSigningTime(value: Buffer): Date {
  const reader = new DerReader(value)
  const time = readTime(reader)
  reader.finish()
  return time
}

function octetsOf(value: Buffer | undefined): Buffer | undefined {
  return value?.[0] === TAG.octetString ? new DerReader(value).content(TAG.octetString) : undefined
}

/**
 * Reads which certificates signing-certificate and signing-certificate-v2 name as the signer's: the first of each (RFC 5035 3).
 *
 * @throws Error when one of the attributes cannot be read, or does not occur once
 */
export function readNamedCertificates(attributes: readonly Attribute[]): readonly CertificateDigest[] {
  return readNamed(attributes).certificates
}

/**
 * Reads which other certificates they name: those of issuers, which verifiers look for in the signer's path, and attribute
 * certificates (RFC 5035 3).
 *
 * @throws Error as `readNamedCertificates`
 */
export function readNamedOthers(attributes: readonly Attribute[]): readonly CertificateDigest[] {
  return readNamed(attributes).others
}

function readNamed(attributes: readonly Attribute[]): Pick<SignedAttributes, 'certificates' | 'others'> {
  const lists = NAMING.map((naming) => readIdentifiers(attributes, naming))
  return {
    certificates: lists.flatMap((identifiers) => identifiers.slice(0, 1)),
    others: lists.flatMap((identifiers) => identifiers.slice(1)),
  }
}

interface Naming {
  /** DER OBJECT IDENTIFIER of the attribute. */
  readonly type: Buffer
  /** Reads the content of an ESSCertID or ESSCertIDv2. */
  readonly read: (identifier: DerReader) => CertificateDigest
}

/** The attributes that name certificates. */
const NAMING: readonly Naming[] = [
  { type: SIGNING_CERTIFICATE, read: readCertId },
  { type: SIGNING_CERTIFICATE_V2, read: readCertIdV2 },
]

/**
 * Most certificates and policies that such an attribute may name. No chain is as long, and each certificate is compared with all of the
 * signer's.
 */
const MAX_NAMED = 20

/** Reads all certificates that such an attribute names, at least one; none without the attribute. */
function readIdentifiers(attributes: readonly Attribute[], { type, read }: Naming): CertificateDigest[] {
  if (!attributes.some((one) => one.type.equals(type))) {
    return []
  }
  const value = singleValue(attributes, type)
  if (value === undefined) {
    // It must be single-valued (RFC 5035 3), since each verifier would choose among several in its own way
    throw new Error('an attribute that names the certificate does not occur once, with one value')
  }
  const signingCertificate = DerReader.enterOnly(value, TAG.sequence)
  const [first, ...others] = signingCertificate.enter(TAG.sequence).elements()
  if (first === undefined) {
    throw new Error('an attribute that names the certificate names none')
  }
  const policies = signingCertificate.enterOptional(TAG.sequence)?.elements() ?? []
  signingCertificate.finish()
  if (1 + others.length + policies.length > MAX_NAMED) {
    throw new Error('an attribute that names the certificate has too many values')
  }
  for (const policy of policies) {
    checkPolicy(new DerReader(policy).enter(TAG.sequence))
  }
  return [first, ...others].map((identifier) => read(DerReader.enterOnly(identifier, TAG.sequence)))
}

/**
 * Reads the content of a PolicyInformation (RFC 5280 4.2.1.4).
 *
 * @throws Error when it is malformed
 */
function checkPolicy(policy: DerReader): void {
  policy.objectIdentifier()
  for (const qualifier of policy.enterOptional(TAG.sequence)?.elements() ?? []) {
    new DerReader(qualifier).enter(TAG.sequence).objectIdentifier()
  }
  policy.finish()
}

/** The ESSCertID or ESSCertIDv2 by which signed attributes name the certificate of their signer. */
export interface CertificateDigest {
  readonly hashAlgorithm: HashAlgorithm
  /** certHash: the digest of the whole DER certificate. */
  readonly digest: Buffer
  /** Content of issuerSerial, not parsed yet; undefined where the field is absent. */
  readonly issuerSerial?: Buffer
}

/** Reads an ESSCertID (RFC 2634 5.4.1), whose digest is SHA-1. */
function readCertId(identifier: DerReader): CertificateDigest {
  return readCertHash(SHA_1, identifier)
}

/**
 * Reads an ESSCertIDv2 (RFC 5035 4), whose hash algorithm is SHA-256 where it is left out.
 *
 * @throws Error when it is malformed, or the hash algorithm is not supported
 */
function readCertIdV2(identifier: DerReader): CertificateDigest {
  const isNamed = identifier.tag === TAG.sequence
  return readCertHash(isNamed ? readHashAlgorithm(identifier.element()) : SHA_256, identifier)
}

/**
 * Returns whether such an attribute names a certificate, by its digest and by issuerSerial where that is present.
 *
 * @param certificate DER
 * @throws Error when issuerSerial is malformed
 */
export function namesCertificate(named: CertificateDigest, certificate: Buffer): boolean {
  return (
    isDigestOf(named, certificate) &&
    (named.issuerSerial === undefined || matchesIssuerSerial(named.issuerSerial, certificate))
  )
}

/** Returns whether such an attribute names an attribute certificate, by its digest: as it was sent, or as it is by itself. */
export function namesAttributeCertificate(named: CertificateDigest, sent: Buffer): boolean {
  // Authorities are seen to hash the one with the tag of its choice in CertificateChoices (RFC 5652 10.2.2)
  const itself = Buffer.concat([Buffer.of(TAG.sequence), sent.subarray(1)])
  return [sent, itself].some((one) => isDigestOf(named, one))
}

function isDigestOf({ hashAlgorithm, digest: named }: CertificateDigest, der: Buffer): boolean {
  return digest(hashAlgorithm, der).equals(named)
}

function readCertHash(hashAlgorithm: HashAlgorithm, identifier: DerReader): CertificateDigest {
  const digest = identifier.content(TAG.octetString)
  const issuerSerial = identifier.optionalContent(TAG.sequence)
  identifier.finish()
  return { hashAlgorithm, digest, ...(issuerSerial && { issuerSerial }) }
}

/** @param der AlgorithmIdentifier */
function readHashAlgorithm(der: Buffer): HashAlgorithm {
  const found = findHashByOid(readAlgorithmIdentifier(der).oid)
  if (found === undefined) {
    throw new Error('the hash algorithm of the certificate is not supported')
  }
  return found
}

/** Compares `IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber INTEGER }`, which has one name (RFC 5035 4). */
function matchesIssuerSerial(content: Buffer, certificate: Buffer): boolean {
  const issuerSerial = new DerReader(content)
  const [name, second] = issuerSerial.enter(TAG.sequence).elements()
  const named = issuerSerial.integer()
  issuerSerial.finish()
  const { issuer, serialNumber } = readCertificateFields({ raw: certificate })
  return (
    name?.[0] === DIRECTORY_NAME &&
    second === undefined &&
    sameName(new DerReader(name).content(DIRECTORY_NAME), issuer) &&
    named.equals(serialNumber)
  )
}
