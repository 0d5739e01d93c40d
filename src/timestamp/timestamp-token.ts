import type { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { findHashByOid, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { TAG } from '../asn1/tag.ts'
import { ID_CT_TST_INFO } from '../cms/object-identifiers.ts'
import { matchesSignerIdentifier } from '../cms/signer-identifier.ts'
import { quote } from '../common/quote.ts'
import { readCertificate } from '../x509/read-certificate.ts'
import { TimestampError } from './timestamp-error.ts'

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
