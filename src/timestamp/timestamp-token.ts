import type { X509Certificate } from 'node:crypto'
import { findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { readAlgorithmIdentifier } from '../asn1/algorithm-identifier.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readGeneralizedTime } from '../asn1/time.ts'
import { ID_CT_TST_INFO } from '../cms/object-identifiers.ts'
import {
  namesAttributeCertificate,
  namesCertificate,
  readAttributes,
  readNamedOthers,
} from '../cms/signed-attributes-reader.ts'
import {
  findContentProblem,
  readSignedData,
  readSignerInfo,
  type SignedData,
} from '../cms/signed-data-reader.ts'
import { isSigner } from '../cms/signer-identifier.ts'
import { quote } from '../common/quote.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { isSelfSigned } from '../x509/chain.ts'
import { EXTENSION, listElements, readExtensionList, toCount } from '../x509/extensions.ts'
import { DIRECTORY_NAME, sameGeneralName } from '../x509/names.ts'
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
  /** DER attribute certificates, each with the tag of its choice (RFC 5652 10.2.2). */
  readonly attributeCertificates: readonly Buffer[]
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
  const signedData = readSignedData(token)
  if (signedData === undefined) {
    throw new TimestampError('malformed', 'sent a token that is not signed')
  }
  const { content: tstInfo, contentType, attributeCertificates, digestAlgorithms } = signedData
  if (!contentType.equals(TST_INFO) || tstInfo === undefined) {
    throw new TimestampError('malformed', 'signed something else than a timestamp')
  }
  // A token has one signature, with signed attributes (RFC 3161 2.4.2)
  const [first, second] = signedData.signerInfos
  const signerInfo = first && readSignerInfo(first)
  if (signerInfo?.signedAttributes === undefined || second !== undefined) {
    throw new TimestampError('malformed', 'sent a token without the one signature that it must have')
  }
  const { sid, digestAlgorithm, signedAttributes, signatureAlgorithm, signature } = signerInfo
  if (signerInfo.unsignedAttributes !== undefined) {
    // Revocation data may be added to them
    readAttributes(signerInfo.unsignedAttributes)
  }
  return {
    ...{ tstInfo, attributeCertificates, signedAttributes, signatureAlgorithm, signature },
    ...readCertificates(signedData, sid),
    hashAlgorithm: findHash(digestAlgorithm, digestAlgorithms),
  }
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

/** Reads the certificates, and finds the signer's among them. */
function readCertificates(
  sent: Pick<SignedData, 'certificates' | 'attributeCertificates'>,
  sid: Buffer,
): Pick<TimestampToken, 'certificates' | 'signer'> {
  if (sent.certificates.length + sent.attributeCertificates.length > MAX_CERTIFICATES) {
    throw new TimestampError('malformed', `sent more than ${MAX_CERTIFICATES} certificates`)
  }
  const certificates = sent.certificates.map(readCertificate)
  const signer = certificates.find((certificate) => isSigner(certificate, sid))
  if (signer === undefined) {
    throw new TimestampError(
      'untrusted',
      'sent a token without the certificate of its signer, though asked for it',
    )
  }
  return { certificates, signer }
}

/** The fields of a TSTInfo that are used. */
export interface TstInfo {
  /** Dotted object identifier. */
  readonly policy: string
  /** Dotted object identifier of the hash algorithm. */
  readonly oid: string
  readonly digest: Buffer
  readonly genTime: Date
  /** Content of the INTEGER. */
  readonly nonce: Buffer | undefined
  /** DER GeneralName. */
  readonly tsa: Buffer | undefined
}

/**
 * Reads a TSTInfo (RFC 3161 2.4.2), and refuses what verifiers of the container could not read.
 *
 * @param der TSTInfo
 * @throws TimestampError when it is of an unknown version, or has a critical extension, and Error when it is malformed
 */
export function readTstInfo(der: Buffer): TstInfo {
  const outer = new DerReader(der)
  const info = outer.enter(TAG.sequence)
  if (!info.integer().equals(VERSION_1) || outer.tag !== undefined) {
    throw new TimestampError('malformed', 'sent a timestamp of an unknown version')
  }
  const policy = info.objectIdentifier()
  const imprint = info.enter(TAG.sequence)
  const { oid, parameters } = readAlgorithmIdentifier(imprint.element(TAG.sequence))
  const digest = imprint.content(TAG.octetString)
  imprint.finish()
  info.integer() // serialNumber
  const genTime = readGeneralizedTime(info)
  checkAccuracy(info.enterOptional(TAG.sequence))
  info.optionalBoolean() // ordering
  const nonce = info.optionalContent(TAG.integer)
  const name = info.enterOptional(contextTag(0))
  const tsa = name?.element()
  name?.finish()
  const extensions = readExtensionList(info.enterOptional(contextTag(1)))
  info.finish()
  if (parameters !== undefined) {
    throw new Error('a hash algorithm has no parameters but NULL (RFC 5754 2)')
  }
  const critical = [...extensions].find(([, extension]) => extension.critical)
  if (critical !== undefined) {
    throw new TimestampError(
      'mismatch',
      `sent a timestamp with a critical extension that is not supported, ${quote(critical[0])}`,
    )
  }
  return { policy, oid, digest, genTime, nonce, tsa }
}

/**
 * Checks that verifiers can read an Accuracy (RFC 3161 2.4.2). How accurate it is does not matter here.
 *
 * @throws Error when it is malformed, or millis or micros are outside of 1 to 999
 */
function checkAccuracy(accuracy: DerReader | undefined): void {
  if (accuracy?.tag === TAG.integer) {
    accuracy.integer()
  }
  for (const tag of [contextTag(0, 'primitive'), contextTag(1, 'primitive')]) {
    const part = accuracy?.tag === tag ? toCount(accuracy.integer(tag)) : 1
    if (part < 1 || part > 999) {
      throw new Error('millis and micros are 1 to 999')
    }
  }
  accuracy?.finish()
}

/**
 * Checks that a TSTInfo matches the request and the present time.
 *
 * @param toleranceMs between the authority's clock and this one
 * @throws TimestampError when it does not
 */
export function checkAnswer(sent: TstInfo, asked: TimestampRequest, toleranceMs: number): void {
  const problem = findMismatch(sent, asked) ?? findClockProblem(sent.genTime, toleranceMs)
  if (problem !== undefined) {
    throw new TimestampError('mismatch', problem)
  }
}

function findMismatch(sent: TstInfo, asked: TimestampRequest): string | undefined {
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

/** Finds what keeps a token from being signed by the certificate that it names, in words. */
export function findTokenProblem(token: TimestampToken): string | undefined {
  return findContentProblem(token, { name: 'timestamp', type: TST_INFO, octets: token.tstInfo })
}

/**
 * Returns whether all issuers that the signed attributes name are in the path, as verifiers demand (RFC 5035 3). In one that
 * does not reach a root, any of the missing ones may be meant.
 *
 * @param path from the signer upwards
 * @throws Error when the signed attributes are malformed
 */
export function namesOnly(token: TimestampToken, path: readonly X509Certificate[]): boolean {
  const [, ...issuers] = path
  return (
    !isSelfSigned(path.at(-1) as X509Certificate) ||
    readNamedOthers(readAttributes(token.signedAttributes)).every(
      (named) =>
        issuers.some(({ raw }) => namesCertificate(named, raw)) ||
        token.attributeCertificates.some((one) => namesAttributeCertificate(named, one)),
    )
  )
}

/**
 * Returns the attribute certificates that the signed attributes name. They limit what the authority's certificate is good for (RFC
 * 5035 3), and verifiers look for them.
 *
 * @throws Error when the signed attributes are malformed
 */
export function namedAttributeCertificates(token: TimestampToken): Buffer[] {
  const others = readNamedOthers(readAttributes(token.signedAttributes))
  // Copies of one, which anybody on the way can add, are left out
  const found = others.flatMap(
    (named) => token.attributeCertificates.find((one) => namesAttributeCertificate(named, one)) ?? [],
  )
  return [...new Set(found)]
}

/** Returns whether the signed attributes name a certificate as an issuer. Attributes that cannot be read name none. */
export function namesIssuer({ signedAttributes }: TimestampToken, { raw }: X509Certificate): boolean {
  try {
    return readNamedOthers(readAttributes(signedAttributes)).some((named) => namesCertificate(named, raw))
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
