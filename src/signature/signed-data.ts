import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import type { EncodedCertificate } from './encoded-certificate.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import type { SignatureAlgorithm } from './signature-algorithm.ts'
import { createSignedAttributes, type SignatureType } from './signed-attributes.ts'
import { TokenKey, TokenKeyEngine } from './token-key-engine.ts'

const engine = new TokenKeyEngine()

export interface SignedDataRequest {
  readonly type: SignatureType
  readonly hashAlgorithm: HashAlgorithm
  /** With which `sign` signs. */
  readonly algorithm: SignatureAlgorithm
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
  /** Leaf first, then its issuers. */
  readonly certificates: readonly [EncodedCertificate, ...EncodedCertificate[]]
  /** Hashes the DER signed attributes with the hash algorithm and signs the digest; the signature is encoded. */
  readonly sign: (signedAttributes: Uint8Array) => Promise<Uint8Array>
}

/**
 * A detached PKCS#7 / CMS SignedData (RFC 5652 5) with one signer, who is identified by issuer and serial number, and
 * with the whole chain embedded, leaf first.
 *
 * @returns DER ContentInfo
 * @throws whatever `sign` throws
 */
export async function createSignedData(request: SignedDataRequest): Promise<Buffer> {
  const [leaf] = request.certificates
  const signerInfo = new pkijs.SignerInfo({
    version: 1,
    sid: new pkijs.IssuerAndSerialNumber({ issuer: leaf.issuer, serialNumber: leaf.serialNumber }),
    signedAttrs: createSignedAttributes({
      type: request.type,
      messageDigest: request.messageDigest,
      certificate: leaf.der,
      signingTime: new Date(),
    }),
  })
  const signedData = new pkijs.SignedData({
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: pkijs.id_ContentType_Data }),
    signerInfos: [signerInfo],
    certificates: [...request.certificates],
  })
  const key = new TokenKey(request.algorithm.signerInfoIdentifier(request.hashAlgorithm), request.sign)
  await signedData.sign(key, 0, request.hashAlgorithm.webCryptoName, undefined, engine)
  leaveOutNullParameters(signedData)
  const contentInfo = new pkijs.ContentInfo({
    contentType: pkijs.ContentInfo.SIGNED_DATA,
    content: signedData.toSchema(true),
  })
  return Buffer.from(contentInfo.toSchema().toBER())
}

/** RFC 5754 2: the AlgorithmIdentifier of a SHA-2 digest should have no parameters; pkijs writes NULL. */
function leaveOutNullParameters(signedData: pkijs.SignedData): void {
  const identifiers = [
    ...signedData.digestAlgorithms,
    ...signedData.signerInfos.map((info) => info.digestAlgorithm),
  ]
  for (const identifier of identifiers) {
    if (identifier.algorithmParams instanceof asn1js.Null) {
      delete identifier.algorithmParams
    }
  }
}
