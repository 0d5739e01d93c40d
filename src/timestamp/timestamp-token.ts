import type { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { digest, findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../algorithms/received-signature.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import {
  ID_CONTENT_TYPE,
  ID_CT_TST_INFO,
  ID_MESSAGE_DIGEST,
  ID_SIGNING_CERTIFICATE,
  ID_SIGNING_CERTIFICATE_V2,
} from '../cms/object-identifiers.ts'
import {
  namesCertificate,
  readSigningCertificate,
  readSigningCertificateV2,
} from '../cms/signed-attributes-reader.ts'
import { matchesSignerIdentifier } from '../cms/signer-identifier.ts'
import { quote } from '../common/quote.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { TimestampError } from './timestamp-error.ts'
import type { TimestampRequest } from './timestamp-request.ts'

/** Certificates in a token; real ones have three or four. Each could be the issuer of each, which takes time. */
const MAX_CERTIFICATES = 10

/** The content of a token. Nothing in it is verified yet. */
export interface TimestampToken {
  /** DER TSTInfo (RFC 3161 2.4.2). */
  readonly tstInfo: Buffer
  readonly signer: TokenCertificate
  /** All embedded certificates, the signer's among them. */
  readonly certificates: readonly X509Certificate[]
  readonly signerInfo: pkijs.SignerInfo
  /** DER SET OF, as it was signed (RFC 5652 5.4). */
  readonly signedAttributes: Uint8Array
  readonly hashAlgorithm: HashAlgorithm
}

export interface TokenCertificate {
  readonly x509: X509Certificate
  readonly parsed: pkijs.Certificate
}

/**
 * Reads a `TimeStampToken`: a SignedData (RFC 5652 5) over a TSTInfo, with one signer, whose certificate it holds.
 *
 * @param token DER ContentInfo
 * @throws TimestampError when the SignedData is not a timestamp, and Error when it is malformed
 */
export function readTimestampToken(token: Buffer): TimestampToken {
  const { contentType, content } = pkijs.ContentInfo.fromBER(token)
  if (contentType !== pkijs.ContentInfo.SIGNED_DATA) {
    throw new TimestampError('malformed', 'sent a token that is not signed')
  }
  const { encapContentInfo, signerInfos, digestAlgorithms } = new pkijs.SignedData({ schema: content })
  const { eContentType, eContent } = encapContentInfo
  if (eContentType !== ID_CT_TST_INFO || !(eContent instanceof asn1js.OctetString)) {
    throw new TimestampError('malformed', 'signed something else than a timestamp')
  }
  const [signerInfo, second] = signerInfos
  // A token has one signature, with signed attributes (RFC 3161 2.4.2)
  if (signerInfo?.signedAttrs === undefined || second !== undefined) {
    throw new TimestampError('malformed', 'sent a token without the one signature that it must have')
  }
  const certificates = readCertificates(content)
  const signer = findSigner(certificates, signerInfo.sid)
  if (signer === undefined) {
    throw new TimestampError(
      'untrusted',
      'sent a token without the certificate of its signer, though asked for it',
    )
  }
  return {
    tstInfo: Buffer.from(eContent.valueBlock.valueHexView),
    signer,
    certificates,
    signerInfo,
    signedAttributes: new Uint8Array(signerInfo.signedAttrs.encodedValue),
    hashAlgorithm: findHash(signerInfo, digestAlgorithms),
  }
}

/** Reads the certificates byte by byte, since their hashes are signed. It leaves out attribute certificates. */
function readCertificates(signedData: asn1js.Sequence): X509Certificate[] {
  const set = signedData.valueBlock.value.find(
    ({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0,
  )
  const encoded = ((set as asn1js.Constructed | undefined)?.valueBlock.value ?? [])
    .map(({ valueBeforeDecodeView }) => Buffer.from(valueBeforeDecodeView))
    .filter(([tag]) => tag === TAG.sequence)
  if (encoded.length > MAX_CERTIFICATES) {
    throw new TimestampError('malformed', `sent more than ${MAX_CERTIFICATES} certificates`)
  }
  return encoded.map(readCertificate)
}

/** Finds the signer's certificate. It stops at that one, since pkijs takes long to parse each. */
function findSigner(certificates: readonly X509Certificate[], sid: unknown): TokenCertificate | undefined {
  for (const x509 of certificates) {
    const parsed = pkijs.Certificate.fromBER(x509.raw)
    if (matchesSignerIdentifier(sid, parsed)) {
      return { x509, parsed }
    }
  }
  return undefined
}

/** Finds the hash algorithm, which two fields must name, since verifiers read either (RFC 5652 5.1, 5.3). */
function findHash(
  { digestAlgorithm }: pkijs.SignerInfo,
  all: readonly pkijs.AlgorithmIdentifier[],
): HashAlgorithm {
  const { algorithmId } = digestAlgorithm
  const algorithm = findHashByOid(algorithmId)
  if (algorithm === undefined || algorithm.name === 'sha160') {
    throw new TimestampError(
      'untrusted',
      `signed with a hash algorithm that is not supported, ${quote(algorithmId)}`,
    )
  }
  if (![digestAlgorithm, ...all].every(isPlain) || !all.some((one) => one.algorithmId === algorithmId)) {
    throw new TimestampError('malformed', 'sent a token that names its hash algorithm in a wrong way')
  }
  return algorithm
}

/** Returns whether the parameters are absent or NULL (RFC 5754 2). */
function isPlain({ algorithmParams }: pkijs.AlgorithmIdentifier): boolean {
  return algorithmParams === undefined || algorithmParams instanceof asn1js.Null
}

/**
 * Finds what keeps a token from being signed by the certificate that it names, in words (RFC 5652 5.4, 5.6, 11; RFC
 * 5816 2.2.1).
 */
export function findTokenProblem(token: TimestampToken): string | undefined {
  const { signerInfo, hashAlgorithm, signer } = token
  const find = (type: string) => findValue(signerInfo, type)
  const contentType = find(ID_CONTENT_TYPE)
  if (!(contentType instanceof asn1js.ObjectIdentifier && contentType.getValue() === ID_CT_TST_INFO)) {
    return 'its signed content-type is not that of a timestamp'
  }
  const messageDigest = find(ID_MESSAGE_DIGEST)
  const expected = digest(hashAlgorithm, token.tstInfo)
  if (
    !(messageDigest instanceof asn1js.OctetString && expected.equals(messageDigest.valueBlock.valueHexView))
  ) {
    return 'its signed message-digest is not that of the timestamp'
  }
  if (!namesSigner(signerInfo, signer.x509.raw)) {
    return 'its signed signing-certificate is not the certificate of the signer'
  }
  const wrong = findSignatureProblem({
    hashAlgorithm,
    signatureAlgorithm: Buffer.from(signerInfo.signatureAlgorithm.toSchema().toBER()),
    publicKey: signer.x509.publicKey,
    message: token.signedAttributes,
    signature: signerInfo.signature.valueBlock.valueHexView,
  })
  return wrong && `its signature does not count: ${wrong}`
}

/**
 * Returns whether a token names its signer's certificate: in one of the two attributes, or the same in both (RFC 5816
 * 2.2.1).
 *
 * @param certificate DER
 */
function namesSigner(signerInfo: pkijs.SignerInfo, certificate: Buffer): boolean {
  const values = READERS.flatMap(({ type, read }) => {
    const value = findValue(signerInfo, type)
    return value === undefined ? [] : [{ read, der: Buffer.from((value as asn1js.BaseBlock).toBER()) }]
  })
  try {
    return values.length > 0 && values.every(({ read, der }) => namesCertificate(read(der), certificate))
  } catch {
    return false
  }
}

const READERS = [
  { type: ID_SIGNING_CERTIFICATE, read: readSigningCertificate },
  { type: ID_SIGNING_CERTIFICATE_V2, read: readSigningCertificateV2 },
]

/**
 * Returns an attribute's value; undefined unless there is exactly one, as there must be (RFC 5652 11, RFC 5035 5.4).
 */
function findValue({ signedAttrs }: pkijs.SignerInfo, type: string): unknown {
  const values = signedAttrs?.attributes.filter((one) => one.type === type).flatMap(({ values }) => values)
  return values?.length === 1 ? values[0] : undefined
}

/** The fields of a TSTInfo that are used. */
export interface TstInfo {
  readonly genTime: Date
  readonly tsa?: pkijs.GeneralName
}

/**
 * Reads a TSTInfo (RFC 3161 2.4.2), and checks that it matches the request and the present time.
 *
 * @param der TSTInfo
 * @param toleranceMs between the authority's clock and this one
 * @throws TimestampError when it does not match, and Error when it is malformed
 */
export function readTstInfo(der: Buffer, asked: TimestampRequest, toleranceMs: number): TstInfo {
  const { offset, result } = asn1js.fromBER(der)
  const info = new pkijs.TSTInfo({ schema: result })
  if (offset !== der.length || info.version !== 1) {
    throw new TimestampError('malformed', 'sent a timestamp of an unknown version')
  }
  const { tsa } = info
  const genTime = readGenTime(der)
  const problem = findMismatch(info, asked) ?? findClockProblem(genTime, toleranceMs)
  if (problem !== undefined) {
    throw new TimestampError('mismatch', problem)
  }
  return tsa === undefined ? { genTime } : { genTime, tsa }
}

/** Reads the time strictly, since pkijs accepts malformed ones. */
function readGenTime(der: Buffer): Date {
  const info = new DerReader(der).enter(TAG.sequence)
  for (const tag of [TAG.integer, TAG.objectIdentifier, TAG.sequence, TAG.integer]) {
    info.element(tag) // version, policy, messageImprint, serialNumber
  }
  return readTime(info, { fractions: true })
}

function findMismatch(info: pkijs.TSTInfo, asked: TimestampRequest): string | undefined {
  const { hashAlgorithm, hashedMessage } = info.messageImprint
  if (
    hashAlgorithm.algorithmId !== asked.hashAlgorithm.oid ||
    !asked.digest.equals(hashedMessage.valueBlock.valueHexView)
  ) {
    return 'timestamped another digest than the one it was sent'
  }
  if (info.nonce === undefined || !asked.nonce.equals(info.nonce.valueBlock.valueHexView)) {
    return 'did not send the nonce of the request back: the timestamp is that of another request'
  }
  if (asked.policy !== undefined && info.policy !== asked.policy) {
    return `timestamped under the policy ${quote(info.policy)}, not under the one that was asked for; correct the policy, or leave it out`
  }
  const critical = info.extensions?.find((extension) => extension.critical)
  return (
    critical && `sent a timestamp with a critical extension that is not supported, ${quote(critical.extnID)}`
  )
}

function findClockProblem(genTime: Date, toleranceMs: number): string | undefined {
  const offBy = genTime.getTime() - Date.now()
  return Math.abs(offBy) > toleranceMs
    ? `gave a time that is ${Math.round(offBy / 1000)} seconds off this clock; check both clocks`
    : undefined
}
