import type { X509Certificate } from 'node:crypto'
import { digest, findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../algorithms/received-signature.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { ID_CT_TST_INFO, ID_SIGNED_DATA } from '../cms/object-identifiers.ts'
import {
  type Attribute,
  CONTENT_TYPE,
  MESSAGE_DIGEST,
  namesCertificate,
  readAttributes,
  readNamedCertificates,
  singleValue,
} from '../cms/signed-attributes-reader.ts'
import { quote } from '../common/quote.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { EXTENSION, listElements, readExtensionList } from '../x509/extensions.ts'
import { DIRECTORY_NAME, sameGeneralName, sameName } from '../x509/names.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { TimestampError } from './timestamp-error.ts'
import type { TimestampRequest } from './timestamp-request.ts'

/** Certificates in a token; real ones have three or four. Each could be the issuer of each, which takes time. */
const MAX_CERTIFICATES = 10

const TST_INFO = encodeObjectIdentifier(ID_CT_TST_INFO)
/** Content of the version's INTEGER (RFC 3161 2.4.2). */
const VERSION_1 = Buffer.of(1)

/** The content of a token. Nothing in it is verified yet. */
export interface TimestampToken {
  /** DER TSTInfo (RFC 3161 2.4.2). */
  readonly tstInfo: Buffer
  readonly signer: X509Certificate
  /** All embedded certificates, the signer's among them. */
  readonly certificates: readonly X509Certificate[]
  /** DER SET OF, as it was signed (RFC 5652 5.4). */
  readonly signedAttributes: Buffer
  readonly hashAlgorithm: HashAlgorithm
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer
  readonly signature: Buffer
}

/**
 * Reads a `TimeStampToken`: a SignedData (RFC 5652 5) over a TSTInfo, with one signer, whose certificate it holds.
 *
 * @param token DER ContentInfo
 * @throws TimestampError when the SignedData is not a timestamp, and Error when it is malformed
 */
export function readTimestampToken(token: Buffer): TimestampToken {
  const contentInfo = DerReader.enterOnly(token, TAG.sequence)
  if (contentInfo.objectIdentifier() !== ID_SIGNED_DATA) {
    throw new TimestampError('malformed', 'sent a token that is not signed')
  }
  const content = contentInfo.enter(contextTag(0))
  contentInfo.finish()
  const signedData = content.enter(TAG.sequence)
  content.finish()
  signedData.content(TAG.integer) // version
  const digestAlgorithms = signedData.enter(TAG.set).elements()
  const encapsulated = signedData.enter(TAG.sequence)
  const contentType = encapsulated.element(TAG.objectIdentifier)
  const eContent = encapsulated.enterOptional(contextTag(0))
  const tstInfo = eContent?.optionalContent(TAG.octetString)
  eContent?.finish()
  encapsulated.finish()
  if (!contentType.equals(TST_INFO) || tstInfo === undefined) {
    throw new TimestampError('malformed', 'signed something else than a timestamp')
  }
  const certificates = signedData.enterOptional(contextTag(0))?.elements() ?? []
  signedData.enterOptional(contextTag(1)) // crls
  const signerInfos = signedData.enter(TAG.set)
  signedData.finish()
  // A token has one signature, with signed attributes (RFC 3161 2.4.2)
  const signature = signerInfos.tag && readSignerInfo(signerInfos.enter(TAG.sequence))
  if (!signature || signerInfos.tag !== undefined) {
    throw new TimestampError('malformed', 'sent a token without the one signature that it must have')
  }
  const { sid, digestAlgorithm, ...signed } = signature
  return {
    tstInfo,
    ...signed,
    ...readCertificates(certificates, sid),
    hashAlgorithm: findHash(digestAlgorithm, digestAlgorithms),
  }
}

/**
 * Reads a SignerInfo (RFC 5652 5.3).
 *
 * @param signerInfo its content
 * @returns undefined if it has no signed attributes
 */
function readSignerInfo(signerInfo: DerReader) {
  signerInfo.content(TAG.integer) // version
  const sid = signerInfo.element()
  const digestAlgorithm = signerInfo.element(TAG.sequence)
  const attributes = signerInfo.optionalContent(contextTag(0))
  const signatureAlgorithm = signerInfo.element(TAG.sequence)
  const signature = signerInfo.content(TAG.octetString)
  signerInfo.enterOptional(contextTag(1)) // unsignedAttrs
  signerInfo.finish()
  return (
    attributes && {
      ...{ sid, digestAlgorithm, signatureAlgorithm, signature },
      signedAttributes: encode(TAG.set, attributes),
    }
  )
}

/** Finds the hash algorithm, which two fields must name, since verifiers read either (RFC 5652 5.1, 5.3). */
function findHash(digestAlgorithm: Buffer, all: readonly Buffer[]): HashAlgorithm {
  const own = readAlgorithmIdentifier(digestAlgorithm)
  const listed = all.map(readAlgorithmIdentifier)
  const { oid } = own
  const algorithm = findHashByOid(oid)
  if (algorithm === undefined || algorithm.name === 'sha160') {
    throw new TimestampError('untrusted', `signed with a hash algorithm that is not supported, ${quote(oid)}`)
  }
  // Parameters are absent or NULL (RFC 5754 2)
  const isPlain = [own, ...listed].every(({ parameters }) => parameters === undefined)
  if (!isPlain || !listed.some((one) => one.oid === oid)) {
    throw new TimestampError('malformed', 'sent a token that names its hash algorithm in a wrong way')
  }
  return algorithm
}

/** Tags of those among CertificateChoices (RFC 5652 10.2.2) that are no certificates of a public key. */
const ATTRIBUTE_CERTIFICATES = [contextTag(1), contextTag(2), contextTag(3)]

/** Reads the certificates, and finds the signer's among them. It leaves out attribute certificates. */
function readCertificates(
  elements: readonly Buffer[],
  sid: Buffer,
): Pick<TimestampToken, 'certificates' | 'signer'> {
  const encoded = elements.filter(([tag]) => !ATTRIBUTE_CERTIFICATES.includes(Number(tag)))
  if (encoded.length > MAX_CERTIFICATES) {
    throw new TimestampError('malformed', `sent more than ${MAX_CERTIFICATES} certificates`)
  }
  const certificates = encoded.map(readCertificate)
  const signer = certificates.find((certificate) => isSigner(certificate, sid))
  if (signer === undefined) {
    throw new TimestampError(
      'untrusted',
      'sent a token without the certificate of its signer, though asked for it',
    )
  }
  return { certificates, signer }
}

/** Returns whether the sid of a SignerInfo names a certificate, by issuer and serial number (RFC 5652 5.3). */
function isSigner(certificate: X509Certificate, sid: Buffer): boolean {
  const { issuer, serialNumber } = readCertificateFields(certificate)
  const named = new DerReader(sid).enterOptional(TAG.sequence)
  return (
    named !== undefined &&
    sameName(named.element(TAG.sequence), issuer) &&
    named.content(TAG.integer).equals(serialNumber)
  )
}

/** The fields of a TSTInfo that are used. */
export interface TstInfo {
  readonly genTime: Date
  /** DER GeneralName. */
  readonly tsa: Buffer | undefined
}

/**
 * Reads a TSTInfo (RFC 3161 2.4.2), and checks that it matches the request and the present time.
 *
 * @param der TSTInfo
 * @param toleranceMs between the authority's clock and this one
 * @throws TimestampError when it does not match, and Error when it is malformed
 */
export function readTstInfo(der: Buffer, asked: TimestampRequest, toleranceMs: number): TstInfo {
  const outer = new DerReader(der)
  const info = outer.enter(TAG.sequence)
  if (!info.content(TAG.integer).equals(VERSION_1) || outer.tag !== undefined) {
    throw new TimestampError('malformed', 'sent a timestamp of an unknown version')
  }
  const policy = info.objectIdentifier()
  const imprint = info.enter(TAG.sequence)
  const { oid } = readAlgorithmIdentifier(imprint.element(TAG.sequence))
  const digest = imprint.content(TAG.octetString)
  info.content(TAG.integer) // serialNumber
  const genTime = readTime(info, { fractions: true })
  info.enterOptional(TAG.sequence) // accuracy
  info.optionalContent(TAG.boolean) // ordering
  const nonce = info.optionalContent(TAG.integer)
  const tsa = info.enterOptional(contextTag(0))?.element()
  const extensions = readExtensionList(info.enterOptional(contextTag(1)))
  info.finish()
  const critical = [...extensions].find(([, extension]) => extension.critical)
  const problem =
    findMismatch({ oid, digest, nonce, policy }, asked) ??
    (critical && `sent a timestamp with a critical extension that is not supported, ${quote(critical[0])}`) ??
    findClockProblem(genTime, toleranceMs)
  if (problem !== undefined) {
    throw new TimestampError('mismatch', problem)
  }
  return { genTime, tsa }
}

function findMismatch(
  sent: { oid: string; digest: Buffer; nonce: Buffer | undefined; policy: string },
  asked: TimestampRequest,
): string | undefined {
  if (sent.oid !== asked.hashAlgorithm.oid || !asked.digest.equals(sent.digest)) {
    return 'timestamped another digest than the one it was sent'
  }
  if (sent.nonce === undefined || !asked.nonce.equals(sent.nonce)) {
    return 'did not send the nonce of the request back: the timestamp is that of another request'
  }
  return asked.policy === undefined || sent.policy === asked.policy
    ? undefined
    : `timestamped under the policy ${quote(sent.policy)}, not under the one that was asked for; correct the policy, or leave it out`
}

function findClockProblem(genTime: Date, toleranceMs: number): string | undefined {
  const offBy = genTime.getTime() - Date.now()
  return Math.abs(offBy) > toleranceMs
    ? `gave a time that is ${Math.round(offBy / 1000)} seconds off this clock; check both clocks`
    : undefined
}

/**
 * Finds what keeps a token from being signed by the certificate that it names, in words (RFC 5652 5.4, 5.6, 11; RFC
 * 5816 2.2.1).
 */
export function findTokenProblem(token: TimestampToken): string | undefined {
  const { hashAlgorithm, signedAttributes, signer } = token
  const attributes = readAttributes(signedAttributes)
  if (!singleValue(attributes, CONTENT_TYPE)?.equals(TST_INFO)) {
    return 'its signed content-type is not that of a timestamp'
  }
  const expected = encode(TAG.octetString, digest(hashAlgorithm, token.tstInfo))
  if (!singleValue(attributes, MESSAGE_DIGEST)?.equals(expected)) {
    return 'its signed message-digest is not that of the timestamp'
  }
  if (!namesSigner(attributes, signer.raw)) {
    return 'its signed signing-certificate is not the certificate of the signer'
  }
  const { publicKey } = signer
  const wrong = findSignatureProblem({ ...token, publicKey, message: signedAttributes })
  return wrong && `its signature does not count: ${wrong}`
}

/**
 * Returns whether a token names its signer's certificate: in one of the two attributes, or the same in both (RFC 5816
 * 2.2.1).
 *
 * @param certificate DER
 */
function namesSigner(attributes: readonly Attribute[], certificate: Buffer): boolean {
  try {
    const named = readNamedCertificates(attributes)
    return named.length > 0 && named.every((one) => namesCertificate(one, certificate))
  } catch {
    return false
  }
}

/**
 * Returns whether the authority's name in a timestamp (RFC 3161 2.4.2, `tsa`) is the subject of the certificate, or
 * one of its alternative names.
 *
 * @param name DER GeneralName
 */
export function isNameOf(name: Buffer, certificate: X509Certificate): boolean {
  const { subject, extensions } = readCertificateFields(certificate)
  const names = [encode(DIRECTORY_NAME, subject), ...listElements(extensions, EXTENSION.subjectAltName)]
  return names.some((own) => sameGeneralName(own, name))
}
