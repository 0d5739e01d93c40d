import type { X509Certificate } from 'node:crypto'
import { CURVE_NAMES } from '../../algorithms/elliptic-curves.ts'
import { areAskable, type IgnoredAddress, readCertificateExtensions } from '../certificate-extensions.ts'
import { readCertificateFields } from '../certificate-fields.ts'
import {
  type ChainLink,
  chainLinks,
  hasIssuerName,
  isSelfSigned,
  matchesIssuer,
  matchesKeyIdentifier,
} from '../chain.ts'
import { EXTENSION, KEY_PURPOSE } from '../extensions.ts'
import { publicKeyOf } from '../key-type.ts'
import { describeIssuer, describeSubject } from '../validity.ts'
import {
  findUnusualSignature,
  hasTwoAlgorithms,
  NAMES_TWO_ALGORITHMS,
  type ReviewedCertificate,
} from './reviewed-certificate.ts'

/** Purposes (extended key usage) that validators accept for the signer of a document. */
const DOCUMENT_PURPOSES: ReadonlySet<string> = new Set([
  KEY_PURPOSE.documentSigning,
  KEY_PURPOSE.emailProtection,
  KEY_PURPOSE.any,
  KEY_PURPOSE.microsoftDocumentSigning,
  KEY_PURPOSE.adobeAuthenticDocuments,
])

/** Names of the other purposes of RFC 5280 4.2.1.12. */
const OTHER_PURPOSES: ReadonlyMap<string, string> = new Map([
  [KEY_PURPOSE.serverAuth, 'serverAuth'],
  [KEY_PURPOSE.clientAuth, 'clientAuth'],
  [KEY_PURPOSE.codeSigning, 'codeSigning'],
  [KEY_PURPOSE.timeStamping, 'timeStamping'],
  [KEY_PURPOSE.ocspSigning, 'OCSPSigning'],
])

const PURPOSE_ADVICE = {
  signer:
    'validators may refuse its signatures: have it issued with documentSigning (1.3.6.1.5.5.7.3.36) and emailProtection',
  // Some validators apply the purposes of an issuer to all certificates below it
  issuer: 'validators that take this for a limit of what it certifies may refuse signatures',
}

/** Returns whether a certificate may be used for documents, by its extended key usage. */
export function isForDocuments({ extendedKeyUsage }: ReviewedCertificate): boolean {
  return extendedKeyUsage?.some((purpose) => DOCUMENT_PURPOSES.has(purpose)) ?? true
}

/** Returns whether a certificate is for purposes alone that are known to be others than documents. */
export function isForOthers({ extendedKeyUsage = [] }: ReviewedCertificate): boolean {
  return extendedKeyUsage.length > 0 && extendedKeyUsage.every((purpose) => OTHER_PURPOSES.has(purpose))
}

/** Warns of a certificate in a signer's chain that is for other purposes than documents, by what all or by what some validators read. */
export function findPurposeWarning(
  reviewed: ReviewedCertificate,
  of: 'signer' | 'issuer',
): string | undefined {
  const { subject, extendedKeyUsage = [] } = reviewed
  if (isForDocuments(reviewed)) {
    return findMailWarning(reviewed, of)
  }
  const purposes = extendedKeyUsage.map((purpose) => OTHER_PURPOSES.get(purpose) ?? purpose).join(', ')
  return (
    `the certificate of ${subject} is not for signing documents, by its extended key usage (${purposes || 'none'}); ` +
    PURPOSE_ADVICE[of]
  )
}

/**
 * Warns of a certificate that is not for e-mail, by which NSS, and `pdfsig` with it, judge signatures whatever they are for: by the
 * extended key usage or Netscape's type, if there is one of them (`cert_ComputeCertType`).
 */
function findMailWarning(
  { subject, extendedKeyUsage, netscapeTypes, selfSigned }: ReviewedCertificate,
  of: 'signer' | 'issuer',
): string | undefined {
  const types = of === 'signer' ? (['email'] as const) : (['emailCA', 'sslCA'] as const)
  const isForMail =
    (extendedKeyUsage === undefined && netscapeTypes === undefined) ||
    extendedKeyUsage?.includes(KEY_PURPOSE.emailProtection) ||
    types.some((type) => netscapeTypes?.includes(type))
  return isForMail || (of === 'issuer' && selfSigned)
    ? undefined
    : `the certificate of ${subject} is not for e-mail, by its extended key usage or Netscape's type: NSS and pdfsig refuse ` +
        'signatures because of it; have it issued with emailProtection too'
}

/** Warns of a key usage without which some validators refuse a certificate that others take. */
export function findKeyUsageWarning(
  { subject, ca, keyUsage, selfSigned }: ReviewedCertificate,
  of: 'signer' | 'issuer',
): string | undefined {
  if (
    of === 'signer' &&
    (keyUsage?.includes('digitalSignature') ?? true) &&
    !keyUsage?.includes('nonRepudiation')
  ) {
    return (
      `the certificate of ${subject} does not say that its key is for nonRepudiation (contentCommitment, in the key usage): pyHanko ` +
      'refuses signatures because of it unless it is told otherwise, and EU DSS warns; have it issued with that too'
    )
  }
  return of === 'issuer' && ca && keyUsage === undefined && !selfSigned
    ? `the certificate of ${subject} has no key usage, which RFC 5280 4.2.1.3 demands of authorities: EU DSS refuses signatures ` +
        'because of it; have it issued anew'
    : undefined
}

/** Warns of a signer certificate that no authority has issued. */
export function findSelfSignedWarning({ subject, selfSigned }: ReviewedCertificate): string | undefined {
  return selfSigned
    ? `the certificate of ${subject} is self-signed: validators trust its signatures only where it is installed itself`
    : undefined
}

/** Warns of malformed extensions in a certificate that other validators read than those that build on OpenSSL. */
export function findMalformedWarning({ subject, malformed }: ReviewedCertificate): string | undefined {
  return malformed.length === 0
    ? undefined
    : `the certificate of ${subject} has a malformed extension (${malformed.join(', ')}): ` +
        'some validators may refuse signatures because of it'
}

/** Extensions that this service knows where they are critical, and that each are unknown to some of NSS, gpgsm, Bouncy Castle and EU DSS. */
const KNOWN_TO_SOME = [
  'crlDistributionPoints',
  'certificatePolicies',
  'policyMappings',
  'policyConstraints',
  'inhibitAnyPolicy',
  'ocspNoCheck',
] as const

/** Warns of critical extensions that are known here, and not to all validators. These judge no trust anchor. */
export function findCriticalWarning({
  subject,
  selfSigned,
  ca,
  critical,
}: ReviewedCertificate): string | undefined {
  // Bouncy Castle and gpgsm do not know the extended key usage of an authority
  const known = ca ? ([...KNOWN_TO_SOME, 'extendedKeyUsage'] as const) : KNOWN_TO_SOME
  const names = selfSigned ? [] : known.filter((name) => critical.includes(EXTENSION[name]))
  return names.length === 0
    ? undefined
    : `the certificate of ${subject} has a critical extension that only some validators know (${names.join(', ')}): ` +
        'others refuse signatures because of it'
}

/** Warns of a certificate that is another one for validators that encode it anew, as EU DSS does. */
export function findEncodingWarning({ subject, encodingFlaw }: ReviewedCertificate): string | undefined {
  return encodingFlaw === undefined
    ? undefined
    : `the certificate of ${subject} is not DER in its depths (${encodingFlaw}): some validators encode it anew, and do not find ` +
        'it in signatures then (EU DSS); have it issued anew'
}

/** Warns of fields that OpenSSL reads, and some others do not. */
export function findFieldWarning({ subject, fieldFlaw }: ReviewedCertificate): string | undefined {
  return (
    fieldFlaw &&
    `the certificate of ${subject} ${fieldFlaw.flaw}: signatures are refused because of it by ${fieldFlaw.refusedBy}; have it issued anew`
  )
}

/**
 * Warns of a signature, over a certificate that is no trust anchor, of an algorithm such as Ed25519, RSA with SHA-3, or
 * RSASSA-PSS with two hashes.
 */
export function findSignatureWarning({
  subject,
  selfSigned,
  unusualSignature,
}: ReviewedCertificate): string | undefined {
  return unusualSignature === undefined || selfSigned
    ? undefined
    : `the certificate of ${subject} is signed with an algorithm that only some validators know (${unusualSignature}): others refuse ` +
        'signatures because of it (some of NSS, pdfsig and EU DSS); have it issued with RSA or ECDSA and SHA-2'
}

/**
 * Warns of certificates that have the name of their issuer in other octets than the issuer itself, though it is the same by RFC 5280
 * 7.1: NSS, with which many readers of PDFs are built, and EU DSS compare octets.
 *
 * @param path leaf first
 */
export function findIssuerNameWarnings(path: readonly X509Certificate[]): string[] {
  return path.slice(1).flatMap((issuer, index) => {
    const certificate = path[index] as X509Certificate
    return readCertificateFields(certificate).issuer.equals(readCertificateFields(issuer).subject)
      ? []
      : [
          `the certificate of ${describeSubject(certificate)} has the name of its issuer in another encoding than the issuer's own ` +
            'certificate, such as another type of string: some validators do not find the issuer (NSS, EU DSS); have it issued anew',
        ]
  })
}

/**
 * Warns of certificates whose authorityKeyIdentifier has issuer and serial number of another certificate than that of the path, as after
 * a renewal of the authority with its key, or of none: OpenSSL and pyHanko look for that one.
 *
 * @param path leaf first
 */
export function findIdentifierWarnings(path: readonly X509Certificate[]): string[] {
  const ofRoots = path.filter(
    (certificate) => isSelfSigned(certificate) && !matchesIssuer(certificate, certificate),
  )
  return [
    ...findForeignIdentifiers(path),
    ...ofRoots.map(
      (root) =>
        `the certificate of ${describeSubject(root)}, which is self-signed, has the authorityKeyIdentifier of another one: some ` +
        'validators refuse signatures because of it (OpenSSL, gpgsm); have it issued anew',
    ),
  ]
}

function findForeignIdentifiers(path: readonly X509Certificate[]): string[] {
  return path.slice(1).flatMap((issuer, index) => {
    const certificate = path[index] as X509Certificate
    const { extensions } = readCertificateFields(certificate)
    return matchesIssuer(certificate, issuer) || !matchesKeyIdentifier(extensions, issuer)
      ? []
      : [
          `the certificate of ${describeSubject(certificate)} has an authorityKeyIdentifier with issuer and serial number of another ` +
            'certificate of its issuer: some validators refuse signatures because of it (OpenSSL, pyHanko); add that certificate with ' +
            'those above it, or have this one issued anew',
        ]
  })
}

/** The most octets of a serial number (RFC 5280 4.1.2.2). */
const MAX_SERIAL_NUMBER_LENGTH = 20
/** First octet of a point that is neither compressed nor hybrid (SEC 1 2.3.3). */
const UNCOMPRESSED = 4

/** Warns of a serial number that OpenSSL reads in a signer certificate, but NSS does not, with which many readers of PDFs are built. */
export function findSerialNumberWarning(signer: X509Certificate): string | undefined {
  const { length } = readCertificateFields(signer).serialNumber
  return length > MAX_SERIAL_NUMBER_LENGTH
    ? `the certificate of ${describeSubject(signer)} has a serial number of ${length} octets, of which RFC 5280 4.1.2.2 allows ` +
        `${MAX_SERIAL_NUMBER_LENGTH}: some validators do not find it in its signatures (NSS); have it issued anew`
    : undefined
}

/**
 * Warns of the form of an EC key in a certificate of a path with which NSS verifies no signature, of a document or of a certificate.
 *
 * @param index place in the path, leaf first
 */
export function findPointWarning(certificate: X509Certificate, index: number): string | undefined {
  const { publicKeyBits } = readCertificateFields(certificate)
  const advice =
    index === 0
      ? 'have it issued for a request with the whole point, as `signing-service csr` makes it'
      : 'have its authority certify the key anew, with the whole point'
  return publicKeyOf(certificate)?.asymmetricKeyType === 'ec' && publicKeyBits[0] !== UNCOMPRESSED
    ? `the certificate of ${describeSubject(certificate)} has the point of its key in a compressed form: some validators call its ` +
        `signatures invalid (NSS); ${advice}`
    : undefined
}

/** Warns of a signer certificate whose key is for RSASSA-PSS alone (RFC 4055 1.2), which NSS, and `pdfsig` with it, do not read. */
export function findPssKeyWarning(signer: X509Certificate): string | undefined {
  return publicKeyOf(signer)?.asymmetricKeyType === 'rsa-pss'
    ? `the certificate of ${describeSubject(signer)} has a key for RSASSA-PSS alone (id-RSASSA-PSS): NSS and pdfsig call its signatures ` +
        'invalid; have it issued for rsaEncryption, with the signatureAlgorithm rsassa-pss of the signer where PSS is wanted'
    : undefined
}

/** Warns of a key of an issuer, or of an OCSP responder, on a curve with which some validators verify no signature. */
export function findCurveWarning({ subject, unusualCurve }: ReviewedCertificate): string | undefined {
  return (
    unusualCurve &&
    `the certificate of ${subject} has a key on a curve that only some validators know (${unusualCurve}): others refuse signatures ` +
      `because of it (NSS, pdfsig, Java's own provider); have its authority take a key on ${CURVE_NAMES.join(', ')}, or RSA`
  )
}

const WITHOUT_LTV =
  'Document Engine cannot embed revocation data, and signatures are without long-term validation (LTV)'

/**
 * Warns of a certificate whose addresses for OCSP and CRLs are missing or never asked (RFC 5280 4.2.1.13, 4.2.2.1). A
 * self-signed one needs none, since nobody can revoke it, and neither does one that its authority never revokes.
 */
export function findRevocationWarnings(reviewed: ReviewedCertificate): string[] {
  const { subject, selfSigned, neverRevoked, addresses } = reviewed
  if (selfSigned || neverRevoked) {
    return []
  }
  const { ocsp, crl, ignored } = addresses
  const never = [...ignored.ocsp, ...ignored.crl]
  if (!areAskable(addresses)) {
    return [
      never.length === 0
        ? `the certificate of ${subject} has neither an OCSP address nor that of a CRL: ${WITHOUT_LTV}`
        : `the certificate of ${subject} names nobody who is ever asked whether it was revoked ` +
          `(${describeIgnored(never)}): ${WITHOUT_LTV}`,
    ]
  }
  // One address of a kind that is asked is enough, since authorities also name directories
  return [
    { kind: 'OCSP address', asked: ocsp, ignored: ignored.ocsp },
    { kind: 'CRL distribution point', asked: crl, ignored: ignored.crl },
  ]
    .filter(({ asked, ignored }) => asked.length === 0 && ignored.length > 0)
    .map(
      ({ kind, ignored }) =>
        `the certificate of ${subject} has no ${kind} that is ever asked (${describeIgnored(ignored)}): ` +
        'nobody stands in where its other addresses do not answer',
    )
}

function describeIgnored(ignored: readonly IgnoredAddress[]): string {
  return ignored.map(({ address, why }) => `${address}: ${why}`).join('; ')
}

/**
 * Returns a warning for a chain that does not reach a root.
 *
 * @param path leaf first
 * @param files all certificates but the leaf
 */
export function describeMissingIssuer(
  path: readonly X509Certificate[],
  files: readonly X509Certificate[],
): string {
  const last = path.at(-1) as X509Certificate
  if (hasTwoAlgorithms(last)) {
    return (
      `the chain is incomplete: it ends at the certificate of ${describeSubject(last)}, which ${NAMES_TWO_ALGORITHMS}, so that ` +
      'its signature cannot be verified; have it issued anew'
    )
  }
  const missing =
    `the chain is incomplete: missing is the certificate of ${describeIssuer(last)}, which issued that of ` +
    `${describeSubject(last)}; add it to the CA certificates, so that validators find their way to the root`
  const unused = new Map(files.map((certificate) => [certificate.fingerprint256, certificate]))
  for (const { fingerprint256 } of path) {
    unused.delete(fingerprint256)
  }
  if (unused.size === 0) {
    return missing
  }
  const named = [...unused.values()].filter((certificate) => hasIssuerName(last, certificate))
  if (named.some((certificate) => publicKeyOf(certificate) === undefined)) {
    return (
      `the chain is incomplete: it ends at the certificate of ${describeSubject(last)}, as that of its issuer has a key of a type that ` +
      'is unknown here, or with which verifying takes long; some validators may not know it either'
    )
  }
  if (named.length > 0) {
    const algorithm = findUnusualSignature(last)
    const orUnknown =
      algorithm === undefined ? '' : `; or the algorithm of the signature, ${algorithm}, may be unknown here`
    return `${missing} (there is one of that name, but it did not issue this one: look for an older or a newer one${orUnknown})`
  }
  const others = unused.size === 1 ? '1 other certificate is' : `${unused.size} other certificates are`
  return `${missing} (${others} there, but not connected to it: the missing one may be the one in between)`
}

/**
 * Finds the certificates of a chain about which nobody can be asked, so that containers cannot reach level b-lt (EN 319
 * 122-1 6.3). It returns one sentence without its capital for each, with advice.
 *
 * @param path leaf first
 */
export function findMissingRevocationSources(path: readonly X509Certificate[]): string[] {
  return chainLinks(path).flatMap(describeLink)
}

function describeLink({ certificate, issuer }: ChainLink): string[] {
  const subject = describeSubject(certificate)
  if (issuer === undefined) {
    return [
      `the issuer of ${subject} is not known, so that nobody's word about it can be verified; add its certificate`,
    ]
  }
  return areAskable(readCertificateExtensions(certificate).addresses)
    ? []
    : [
        `the certificate of ${subject} names neither an OCSP responder nor a CRL that could be asked over http or https; ` +
          'have it issued with one of them',
      ]
}
