import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { encode, encodeObjectIdentifier, encodeSetOf, encodeSmallInteger } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { readCertificateFields } from '../x509/certificate-fields.ts'
import { attributeWriter } from './attribute.ts'
import { encodeStatements, type SignerStatements } from './cades-attributes.ts'
import { ID_DATA, ID_SIGNATURE_TIMESTAMP, ID_SIGNED_DATA } from './object-identifiers.ts'
import {
  encodeRevocationInfoChoices,
  type RevocationValues,
  revocationInfoArchivalAttribute,
} from './revocation-values.ts'
import {
  algorithmProtectionAttribute,
  CONTENT_TYPE_ATTRIBUTE,
  messageDigestAttribute,
  type SignatureType,
  signingCertificateAttribute,
  signingTimeAttribute,
} from './signed-attributes.ts'

export interface ContainerSigner {
  /** DER, leaf first, then its issuers. */
  readonly certificates: readonly [Buffer, ...Buffer[]]
  readonly algorithm: SignatureAlgorithm
  /** How RSASSA-PKCS1-v1_5 is told: RFC 3370 3.2 knows both. */
  readonly rsaSignatureIdentifier: 'rsaEncryption' | 'shaWithRSAEncryption'
  /** For CAdES. */
  readonly statements: SignerStatements
}

export interface AttributesRequest {
  readonly type: SignatureType
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
  readonly signingTime: Date
  /**
   * Whether the content is a file of its own: then `cades` has signing-time too, which CAdES requires
   * (EN 319 122-1 6.3) and PAdES forbids (EN 319 142-1 6.3).
   */
  readonly overFile?: true
  /** Revocation data to be signed, as adbe-revocationInfoArchival. */
  readonly revocationValues?: RevocationValues
}

export interface SignedDataRequest {
  readonly hashAlgorithm: HashAlgorithm
  /** DER SET OF, of `signedAttributes`. */
  readonly signedAttributes: Uint8Array
  /** As CMS knows it. */
  readonly signature: Uint8Array
  /** DER TimeStampToken of the signature (EN 319 122-1 5.3). */
  readonly timestamp?: Uint8Array
  /** Revocation data that are not signed, as SignedData.crls; not empty. */
  readonly revocationValues?: RevocationValues
}

/** What a container says of its algorithms with one hash. */
interface Algorithms {
  /** DER AlgorithmIdentifier. */
  readonly digest: Buffer
  /** DER AlgorithmIdentifier. */
  readonly signature: Buffer
  /** DER SET OF. */
  readonly digests: Buffer
  /** DER Attribute. */
  readonly protection: Buffer
}

const VERSION_1 = encodeSmallInteger(1)
const VERSION_5 = encodeSmallInteger(5)
const SIGNED_DATA = encodeObjectIdentifier(ID_SIGNED_DATA)
/** Detached: without eContent. */
const ENCAPSULATED_CONTENT_INFO = encode(TAG.sequence, encodeObjectIdentifier(ID_DATA))
const writeTimestamp = attributeWriter(ID_SIGNATURE_TIMESTAMP)

/**
 * The detached PKCS#7 / CMS containers of one signer (RFC 5652 5), who is identified by issuer and serial number, with
 * the whole chain embedded: what is the same in all of them is encoded once.
 */
export class ContainerTemplate {
  readonly #signer: ContainerSigner
  readonly #signingCertificate: Buffer
  readonly #statements: readonly Buffer[]
  /** IssuerAndSerialNumber. */
  readonly #sid: Buffer
  readonly #certificates: Buffer
  readonly #algorithms = new Map<HashAlgorithm, Algorithms>()

  /** @throws Error when the leaf is not DER, though OpenSSL could read it */
  constructor(signer: ContainerSigner) {
    const [leaf] = signer.certificates
    const { issuer, serialNumber } = readCertificateFields({ raw: leaf })
    this.#signer = signer
    this.#signingCertificate = signingCertificateAttribute(leaf)
    this.#statements = encodeStatements(signer.statements)
    this.#sid = encode(TAG.sequence, issuer, encode(TAG.integer, serialNumber))
    this.#certificates = encodeSetOf(contextTag(0), signer.certificates)
  }

  /**
   * Encodes what is to be signed (RFC 5652 5.4): content-type, message-digest, signing-certificate-v2, CMS algorithm
   * protection, and revocation data where they are given. `cms` has signing-time, `cades` what the signer states, and
   * signing-time over a file.
   *
   * @returns DER SET OF
   */
  signedAttributes(request: AttributesRequest): Buffer {
    const { type, overFile, hashAlgorithm, messageDigest, signingTime, revocationValues } = request
    const attributes = [
      CONTENT_TYPE_ATTRIBUTE,
      messageDigestAttribute(messageDigest),
      this.#signingCertificate,
      this.#algorithmsFor(hashAlgorithm).protection,
      ...(type === 'cms' || overFile ? [signingTimeAttribute(signingTime)] : []),
      ...(type === 'cades' ? this.#statements : []),
      ...(revocationValues === undefined ? [] : [revocationInfoArchivalAttribute(revocationValues)]),
    ]
    return encodeSetOf(TAG.set, attributes)
  }

  /** @returns DER ContentInfo */
  signedData(request: SignedDataRequest): Buffer {
    const { hashAlgorithm, revocationValues } = request
    // RFC 5652 5.1: the version tells whether there is revocation data other than CRLs
    const hasOther = revocationValues !== undefined && revocationValues.ocspResponses.length > 0
    const signedData = encode(
      TAG.sequence,
      hasOther ? VERSION_5 : VERSION_1,
      this.#algorithmsFor(hashAlgorithm).digests,
      ENCAPSULATED_CONTENT_INFO,
      this.#certificates,
      ...(revocationValues === undefined ? [] : [encodeRevocationInfoChoices(revocationValues)]),
      encode(TAG.set, this.#signerInfo(request)),
    )
    return encode(TAG.sequence, SIGNED_DATA, encode(contextTag(0), signedData))
  }

  /** RFC 5652 5.3. */
  #signerInfo(request: SignedDataRequest): Buffer {
    const { hashAlgorithm, signedAttributes, signature, timestamp } = request
    const algorithms = this.#algorithmsFor(hashAlgorithm)
    // IMPLICIT: the tag takes the place of that of the SET OF that was signed
    const implicit = Buffer.from(signedAttributes)
    implicit[0] = contextTag(0)
    return encode(
      TAG.sequence,
      VERSION_1,
      this.#sid,
      algorithms.digest,
      implicit,
      algorithms.signature,
      encode(TAG.octetString, signature),
      ...(timestamp === undefined ? [] : [encode(contextTag(1), writeTimestamp(timestamp))]),
    )
  }

  #algorithmsFor(hash: HashAlgorithm): Algorithms {
    const known = this.#algorithms.get(hash) ?? encodeAlgorithms(this.#signer, hash)
    this.#algorithms.set(hash, known)
    return known
  }
}

function encodeAlgorithms(
  { algorithm, rsaSignatureIdentifier }: ContainerSigner,
  hash: HashAlgorithm,
): Algorithms {
  // RFC 5754 2: without parameters
  const digest = encode(TAG.sequence, encodeObjectIdentifier(hash.oid))
  const identifier =
    rsaSignatureIdentifier === 'rsaEncryption'
      ? algorithm.signerInfoIdentifier(hash)
      : algorithm.certificateIdentifier(hash)
  const signature = Buffer.from(identifier.toSchema().toBER())
  return {
    digest,
    signature,
    digests: encode(TAG.set, digest),
    protection: algorithmProtectionAttribute(digest, signature),
  }
}
