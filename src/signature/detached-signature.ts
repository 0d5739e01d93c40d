import type { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { readCertificate } from '../x509/read-certificate.ts'
import { HASH_ALGORITHMS, type HashAlgorithm } from './hash-algorithms.ts'
import { ID_MESSAGE_DIGEST, ID_SIGNING_TIME } from './object-identifiers.ts'
import { identifies } from './signer-identifier.ts'

/** A detached CMS as somebody handed it in: what it says, of which nothing is verified yet. */
export interface DetachedSignature {
  readonly hashAlgorithm: HashAlgorithm
  readonly signatureAlgorithm: pkijs.AlgorithmIdentifier
  readonly signer: X509Certificate
  /** All that are embedded, the signer's among them. */
  readonly certificates: readonly X509Certificate[]
  /** DER SET OF, as it was signed (RFC 5652 5.4). */
  readonly signedAttributes: Uint8Array
  /** What the signed attributes say the digest of the content is. */
  readonly messageDigest: Uint8Array
  /** By the signer's own word. */
  readonly signingTime?: Date
  readonly signature: Uint8Array
}

const PEM = /-----BEGIN (CMS|PKCS7)-----([A-Za-z0-9+/=\s]+)-----END \1-----/

/**
 * Reads a CMS SignedData (RFC 5652 5) with one signer and without content.
 *
 * @param content DER or PEM
 * @throws Error whose message says what it is not
 */
export function parseDetachedSignature(content: Buffer): DetachedSignature {
  const [, , base64] = PEM.exec(content.toString('latin1')) ?? []
  const signedData = parse(base64 === undefined ? content : Buffer.from(base64, 'base64'))
  if (signedData.encapContentInfo.eContent !== undefined) {
    throw new Error('it holds its own content: it is not a detached signature')
  }
  const [signerInfo, second] = signedData.signerInfos
  if (signerInfo === undefined || second !== undefined) {
    throw new Error(`it has ${signedData.signerInfos.length} signers; only one is supported`)
  }
  const embedded = (signedData.certificates ?? []).filter((one) => one instanceof pkijs.Certificate)
  const own = embedded.find((certificate) => identifies(signerInfo.sid, certificate))
  if (own === undefined) {
    throw new Error('it does not hold the certificate of its signer by issuer and serial number')
  }
  const messageDigest = findAttribute(signerInfo, ID_MESSAGE_DIGEST)
  if (signerInfo.signedAttrs === undefined || !(messageDigest instanceof asn1js.OctetString)) {
    throw new Error('it has no signed attribute message-digest')
  }
  const signingTime = findAttribute(signerInfo, ID_SIGNING_TIME)
  return {
    hashAlgorithm: findHash(signerInfo.digestAlgorithm.algorithmId),
    signatureAlgorithm: signerInfo.signatureAlgorithm,
    signer: toX509(own),
    certificates: embedded.map(toX509),
    signedAttributes: new Uint8Array(signerInfo.signedAttrs.encodedValue),
    messageDigest: messageDigest.valueBlock.valueHexView,
    // GeneralizedTime is a kind of UTCTime here
    ...(signingTime instanceof asn1js.UTCTime ? { signingTime: signingTime.toDate() } : {}),
    signature: signerInfo.signature.valueBlock.valueHexView,
  }
}

function parse(der: Buffer): pkijs.SignedData {
  try {
    const { contentType, content } = pkijs.ContentInfo.fromBER(der)
    if (contentType === pkijs.ContentInfo.SIGNED_DATA) {
      return new pkijs.SignedData({ schema: content })
    }
  } catch {
    // Why it is none would be told in terms of the parser
  }
  throw new Error('it is no CMS signature, neither DER nor PEM')
}

/** Its value: these attributes have one (RFC 5652 11). */
function findAttribute({ signedAttrs }: pkijs.SignerInfo, type: string): unknown {
  return signedAttrs?.attributes.find((one) => one.type === type)?.values[0]
}

function findHash(oid: string): HashAlgorithm {
  const algorithm = HASH_ALGORITHMS.find((one) => one.oid === oid)
  if (algorithm === undefined) {
    throw new Error(`its hash algorithm, ${oid}, is not supported`)
  }
  return algorithm
}

function toX509(certificate: pkijs.Certificate): X509Certificate {
  return readCertificate(Buffer.from(certificate.toSchema().toBER()))
}
