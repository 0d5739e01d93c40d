import type { AsymmetricKeyDetails, X509Certificate } from 'node:crypto'
import * as pkijs from 'pkijs'
import { curveOf, EXPLICIT_CURVE, hasExplicitCurve } from '../../algorithms/elliptic-curves.ts'
import { SHA_1 } from '../../algorithms/hash-algorithms.ts'
import { keyDetails } from '../../algorithms/key-details.ts'
import { readSignatureIdentifier } from '../../algorithms/received-signature.ts'
import { ID_RSASSA_PSS } from '../../algorithms/rsa-pss.ts'
import { USUAL_SIGNATURES } from '../../algorithms/signature-algorithms.ts'
import { WEAK_SIGNATURES } from '../../algorithms/weak-signatures.ts'
import { findEncodingFlaw } from '../../asn1/der-check.ts'
import { DerReader } from '../../asn1/der-reader.ts'
import { TAG } from '../../asn1/tag.ts'
import { type CertificateExtensions, readCertificateExtensions } from '../certificate-extensions.ts'
import { readCertificateFields } from '../certificate-fields.ts'
import { isSelfIssued, isSelfSigned } from '../chain.ts'
import {
  EXTENSION,
  ID_DOMAIN_COMPONENT,
  ID_EMAIL_ADDRESS,
  ID_TELEPHONE_NUMBER,
  ID_UNIQUE_IDENTIFIER,
} from '../extensions.ts'
import { publicKeyOf } from '../key-type.ts'
import { findDoubtfulExtensions, findUnreadableExtensions } from '../malformed-extensions.ts'
import { listAttributes } from '../names.ts'
import { describeSubject } from '../validity.ts'

/** The facts about a certificate that a review needs. */
export interface ReviewedCertificate extends CertificateExtensions {
  /** The subject in one line. */
  readonly subject: string
  readonly selfSigned: boolean
  /** True if it says by its key usage alone that it is that of an authority, which is enough for a root. */
  readonly lacksConstraints: boolean
  /** Says why validators cannot read it, if so. The message follows the certificate's name, as the next two do. */
  readonly unreadable: string | undefined
  /** Names the extensions that some validators cannot read. */
  readonly malformed: readonly string[]
  /** Says what in it is not DER, if anything is. */
  readonly encodingFlaw: string | undefined
  /** Says what in its fields OpenSSL reads and others do not, if anything is. */
  readonly fieldFlaw: FieldFlaw | undefined
  /** Says that the key is weak, if so. */
  readonly weakKey: string | undefined
  /** Names the curve of its key, if not all validators know that and the key is not weak. */
  readonly unusualCurve: string | undefined
  /** Says that its signature can be forged, if so. That of a self-signed one does not matter: nobody relies on it. */
  readonly weakSignature: string | undefined
  /** Names the algorithm that it is signed with, if not all validators know that. */
  readonly unusualSignature: string | undefined
}

export interface FieldFlaw {
  /** Follows the certificate's name. */
  readonly flaw: string
  /** Names the validators that refuse it. */
  readonly refusedBy: string
}

/**
 * Reads a certificate for a review.
 *
 * @returns undefined if the certificate is not DER, or an algorithm's parameters cannot be read
 */
export function readForReview(certificate: X509Certificate): ReviewedCertificate | undefined {
  if (!read.has(certificate)) {
    read.set(certificate, tryRead(certificate))
  }
  return read.get(certificate)
}

/** Certificates that were read already: signers share their issuers, and reading one takes milliseconds. */
const read = new WeakMap<X509Certificate, ReviewedCertificate | undefined>()

function tryRead(certificate: X509Certificate): ReviewedCertificate | undefined {
  try {
    const selfSigned = isSelfSigned(certificate)
    const own = readCertificateExtensions(certificate)
    const { extensions } = readCertificateFields(certificate)
    const lacksConstraints =
      !extensions.has(EXTENSION.basicConstraints) && own.keyUsage?.includes('keyCertSign') === true
    const weakKey = findWeakKey(certificate)
    const weakHash = findWeakSignatureHash(certificate)
    return {
      ...own,
      subject: describeSubject(certificate),
      ...{ selfSigned, lacksConstraints },
      unreadable: findUnreadableField(certificate),
      malformed: findDoubtfulExtensions(extensions),
      encodingFlaw: findEncodingFlaw(certificate.raw),
      fieldFlaw: findFieldFlaw(certificate, lacksConstraints),
      weakKey: weakKey && `has a key that is not secure, ${weakKey}`,
      unusualCurve: weakKey === undefined ? findUnusualCurve(certificate) : undefined,
      weakSignature: weakHash && !selfSigned ? `is signed with ${weakHash}, which can be forged` : undefined,
      unusualSignature: findUnusualSignature(certificate),
    }
  } catch {
    return undefined
  }
}

function findUnreadableField(certificate: X509Certificate): string | undefined {
  const { extensions } = readCertificateFields(certificate)
  const malformed = findUnreadableExtensions(extensions)
  if (malformed.length > 0) {
    return `has a malformed extension (${malformed.join(', ')}), because of which validators refuse it`
  }
  if (extensions.has(EXTENSION.proxyCertInfo)) {
    return 'is a proxy certificate (RFC 3820), which validators refuse'
  }
  // Validators do not verify the signature of a root
  return hasTwoAlgorithms(certificate) && !isSelfIssued(certificate)
    ? `${NAMES_TWO_ALGORITHMS}, because of which validators refuse it`
    : undefined
}

export const NAMES_TWO_ALGORITHMS =
  'names two different algorithms for its signature, outside and inside of what is signed (RFC 5280 4.1.1.2)'

/** Returns whether a certificate names two algorithms for its signature. Then OpenSSL does not verify it with any key. */
export function hasTwoAlgorithms(certificate: X509Certificate): boolean {
  const { signature, signatureAlgorithm } = readCertificateFields(certificate)
  return !signature.equals(signatureAlgorithm)
}

/** Describes a certificate that validators cannot read; undefined for all others. The message begins with its subject. */
export function findUnreadable(certificate: X509Certificate): string | undefined {
  const unreadable = readForReview(certificate)?.unreadable
  return unreadable && `the certificate of ${describeSubject(certificate)} ${unreadable}`
}

/** Names the algorithm that a certificate is signed with by its object identifier, if not all validators know that. */
export function findUnusualSignature(certificate: X509Certificate): string | undefined {
  return findUnusualAlgorithm(readCertificateFields(certificate).signatureAlgorithm)
}

/**
 * Names the algorithm of a signature by its object identifier, if not all validators know that.
 *
 * @param algorithm DER AlgorithmIdentifier
 */
export function findUnusualAlgorithm(algorithm: Buffer): string | undefined {
  try {
    const id = new DerReader(algorithm).enter(TAG.sequence).objectIdentifier()
    if (id === ID_RSASSA_PSS) {
      return hasUsualPss(algorithm) ? undefined : `${id} with unusual parameters`
    }
    return USUAL_SIGNATURES.has(id) || WEAK_SIGNATURES.has(id) ? undefined : id
  } catch {
    return 'one that cannot be read'
  }
}

/** Returns whether RSASSA-PSS has SHA-1 or SHA-2, and the same hash for MGF1, as all validators know it. */
function hasUsualPss(algorithm: Buffer): boolean {
  try {
    readSignatureIdentifier(algorithm)
    return true
  } catch {
    return false
  }
}

/** Finds what in the fields of a certificate some validators refuse, though OpenSSL reads it. */
function findFieldFlaw(certificate: X509Certificate, lacksConstraints: boolean): FieldFlaw | undefined {
  const { version, subject, issuer, publicKeyBits, extensions } = readCertificateFields(certificate)
  if (version > VERSION_3 || (version < VERSION_3 && extensions.size > 0)) {
    return {
      flaw: `has version ${version}, where 3 is the one with extensions (RFC 5280 4.1.2.1)`,
      refusedBy: 'Bouncy Castle, PDFBox and EU DSS',
    }
  }
  const isNamed = new DerReader(subject).enter(TAG.sequence).tag !== undefined
  if (!isNamed && extensions.get(EXTENSION.subjectAltName)?.critical !== true) {
    return {
      flaw: 'has no subject, and no critical subjectAltName in its place (RFC 5280 4.1.2.6)',
      refusedBy: 'pdfsig, gpgsm, Bouncy Castle and PDFBox',
    }
  }
  if ([subject, issuer].some(hasEmptyRdn)) {
    return {
      flaw: 'has an RDN without attributes in the name of its subject or issuer (RFC 5280 4.1.2.4)',
      refusedBy: 'some of gpgsm, Bouncy Castle, PDFBox and EU DSS',
    }
  }
  if (lacksConstraints && isSelfIssued(certificate)) {
    return { flaw: 'is that of a root without basicConstraints (RFC 5280 4.2.1.9)', refusedBy: 'gpgsm' }
  }
  if ([subject, issuer].some(hasOddValue)) {
    return {
      flaw:
        'has an attribute in the name of its subject or issuer whose value is of a type that it should not have ' +
        '(RFC 5280 A.1, RFC 4519 2)',
      refusedBy: 'pyHanko',
    }
  }
  const isRsa = RSA_KEY_TYPES.includes(publicKeyOf(certificate)?.asymmetricKeyType)
  return isRsa && !isRsaPublicKey(publicKeyBits)
    ? {
        flaw: 'has a key that is not the DER of an RSAPublicKey (RFC 3279 2.3.1)',
        refusedBy: 'some of NSS, pdfsig, EU DSS and pyHanko',
      }
    : undefined
}

/** @param name DER, or another encoding, which is told by itself */
function hasEmptyRdn(name: Buffer): boolean {
  try {
    const rdns = new DerReader(name).enter(TAG.sequence).elements()
    return rdns.some((rdn) => new DerReader(rdn).content(TAG.set).length === 0)
  } catch {
    return false
  }
}

/** The types of DirectoryString (RFC 5280 4.1.2.4), and IA5String. */
const NAME_TYPES: readonly (number | undefined)[] = [
  TAG.utf8String,
  TAG.printableString,
  TAG.ia5String,
  TAG.teletexString,
  TAG.bmpString,
  TAG.universalString,
]

/** The types that pyHanko reads in attributes with types of their own, keyed by the attributes. */
const OTHER_NAME_TYPES: ReadonlyMap<string, readonly (number | undefined)[]> = new Map([
  [ID_DOMAIN_COMPONENT, [TAG.ia5String, TAG.utf8String, TAG.printableString]],
  [ID_EMAIL_ADDRESS, [TAG.ia5String, TAG.utf8String, TAG.printableString]],
  [ID_TELEPHONE_NUMBER, [TAG.printableString]],
  [ID_UNIQUE_IDENTIFIER, []],
])

/** @param name DER, or another encoding, which is told by itself */
function hasOddValue(name: Buffer): boolean {
  try {
    return listAttributes(name).some(
      ({ type, value: [tag] }) => !(OTHER_NAME_TYPES.get(type) ?? NAME_TYPES).includes(tag),
    )
  } catch {
    return false
  }
}

const VERSION_3 = 3
const RSA_KEY_TYPES: readonly (string | undefined)[] = ['rsa', 'rsa-pss']

/** Returns whether octets are `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` in DER, of positive numbers. */
function isRsaPublicKey(octets: Buffer): boolean {
  try {
    const key = DerReader.enterOnly(octets, TAG.sequence)
    const numbers = [key.integer(), key.integer()]
    key.finish()
    return numbers.every(([first]) => first !== undefined && first < SIGN_BIT)
  } catch {
    return false
  }
}

/** The bit that is set in the first octet of negative numbers (X.690 8.3.3). */
const SIGN_BIT = 0x80

/** The least that publicly trusted authorities may certify (CA/Browser Forum, Baseline Requirements 6.1.5). */
const RSA_BITS = 2048
const EC_BITS = 256
/** The keys that are not weak, for messages. */
export const GOOD_KEYS = `RSA with at least ${RSA_BITS} bits, or EC with at least ${EC_BITS}`
/** First octets of compressed points, which have one coordinate; others have two (SEC 1 2.3.3, X9.62 4.3.6). */
const COMPRESSED: readonly (number | undefined)[] = [2, 3]

/**
 * Describes a certificate's key if it can be broken, or cannot sign.
 *
 * @throws Error when the certificate is not DER
 */
export function findWeakKey(certificate: X509Certificate): string | undefined {
  const { publicKeyInfo, publicKeyBits } = readCertificateFields(certificate)
  if (hasExplicitCurve(publicKeyInfo)) {
    return EXPLICIT_CURVE
  }
  const key = publicKeyOf(certificate)
  switch (key?.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      return findWeakRsa(keyDetails(key) as RsaDetails)
    }
    case 'ec': {
      const bits = fieldBits(publicKeyBits)
      return bits < EC_BITS ? `EC with ${bits} bits` : undefined
    }
    case undefined:
      return 'or may not be: it is of DSA or of a type that is unknown here, or verifying with it takes long'
    default:
      return undefined
  }
}

function findUnusualCurve(certificate: X509Certificate): string | undefined {
  const key = publicKeyOf(certificate)
  return key === undefined || curveOf(key) !== undefined ? undefined : keyDetails(key).namedCurve
}

type RsaDetails = Required<Pick<AsymmetricKeyDetails, 'modulusLength' | 'publicExponent'>>

/** Checks size and exponent, which must be odd and at least 3 (FIPS 186-5 A.1.1): with 1, everybody could sign. */
function findWeakRsa({ modulusLength: bits, publicExponent: exponent }: RsaDetails): string | undefined {
  if (bits < RSA_BITS) {
    return `RSA with ${bits} bits`
  }
  return exponent < 3n || exponent % 2n === 0n ? `RSA with the public exponent ${exponent}` : undefined
}

/** Returns the size of a curve from the length of a point, since Node knows only the curve's name. */
function fieldBits([form, ...coordinates]: Buffer): number {
  return COMPRESSED.includes(form) ? coordinates.length * 8 : coordinates.length * 4
}

/**
 * Finds the weak hash function that a certificate was signed with.
 *
 * @throws Error when asn1js cannot read the certificate, or not the parameters of RSASSA-PSS
 */
export function findWeakSignatureHash({ raw }: X509Certificate): string | undefined {
  const { algorithmId, algorithmParams } = pkijs.Certificate.fromBER(raw).signatureAlgorithm
  if (algorithmId !== ID_RSASSA_PSS) {
    return WEAK_SIGNATURES.get(algorithmId)?.hash
  }
  // The default is SHA-1 (RFC 4055 3.1). The hash of the mask generation function need not resist collisions
  const { hashAlgorithm } = new pkijs.RSASSAPSSParams({ schema: algorithmParams })
  return hashAlgorithm.algorithmId === SHA_1.oid ? 'SHA-1' : undefined
}
