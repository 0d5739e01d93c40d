import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import type { SignatureAlgorithm } from '../algorithms/signature-algorithm.ts'
import { DerReader } from '../asn1/der-reader.ts'
import {
  enclose,
  encode,
  encodeObjectIdentifier,
  encodeSetOf,
  encodeSmallInteger,
} from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { countBytes } from '../common/count-bytes.ts'
import {
  ID_DATA,
  ID_MESSAGE_DIGEST,
  ID_OCSP_RESPONSE,
  ID_REVOCATION_INFO_ARCHIVAL,
  ID_SIGNATURE_TIMESTAMP,
  ID_SIGNED_DATA,
} from './object-identifiers.ts'
import {
  algorithmProtectionAttribute,
  CONTENT_TYPE_ATTRIBUTE,
  encodeAttribute,
  encodeStatements,
  type SignatureType,
  type SignerStatements,
  signingCertificateAttribute,
  signingTimeAttribute,
} from './signed-attributes.ts'
import type { Attribute } from './signed-attributes-reader.ts'
import { encodeSignerIdentifier } from './signer-identifier.ts'

export interface ContainerSigner {
  /** DER, leaf first, then its issuers. */
  readonly certificates: readonly [Buffer, ...Buffer[]]
  readonly algorithm: SignatureAlgorithm
  /** Identifier for RSASSA-PKCS1-v1_5. RFC 3370 3.2 allows both. */
  readonly rsaSignatureIdentifier: 'rsaEncryption' | 'shaWithRSAEncryption'
  /** Attributes that only CAdES has. */
  readonly statements: SignerStatements
}

export interface AttributesRequest {
  readonly type: SignatureType
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the detached content. */
  readonly messageDigest: Uint8Array
  readonly signingTime: Date
  /**
   * The content is a file of its own, not a PDF that will hold the container. Then `cades` has signing-time too: CAdES
   * requires it (EN 319 122-1 6.3), PAdES forbids it (EN 319 142-1 6.3).
   */
  readonly overFile?: true
  /** Revocation data to be signed, as adbe-revocationInfoArchival. */
  readonly revocationValues?: RevocationValues
}

export interface SignedDataRequest {
  readonly hashAlgorithm: HashAlgorithm
  /** DER SET OF, as `signedAttributes` returned it. */
  readonly signedAttributes: Uint8Array
  /** The signature as `SignatureAlgorithm.encode` returns it. */
  readonly signature: Uint8Array
  /** DER TimeStampToken of the signature (EN 319 122-1 5.3). */
  readonly timestamp?: Uint8Array
  /** Revocation data for SignedData.crls, not signed; not empty. */
  readonly revocationValues?: RevocationValues
}

/** The parts of a container that depend only on the hash algorithm. */
interface Algorithms {
  /** DER AlgorithmIdentifier. */
  readonly digest: Buffer
  /** DER AlgorithmIdentifier. */
  readonly signature: Buffer
}

const VERSION_1 = encodeSmallInteger(1)
const VERSION_5 = encodeSmallInteger(5)
const SIGNED_DATA = encodeObjectIdentifier(ID_SIGNED_DATA)
/** Detached, so without eContent (RFC 5652 5.2). */
const ENCAPSULATED_CONTENT_INFO = encode(TAG.sequence, encodeObjectIdentifier(ID_DATA))

/**
 * Encodes the detached PKCS#7 / CMS containers of one signer (RFC 5652 5). They name the signer by issuer and serial
 * number, and embed the whole chain. The parts that all containers share are encoded once.
 */
export class ContainerTemplate {
  readonly #signer: ContainerSigner
  readonly #signingCertificate: Buffer
  readonly #statements: readonly Buffer[]
  /** DER IssuerAndSerialNumber. */
  readonly #sid: Buffer
  readonly #certificates: Buffer
  readonly #algorithms = new Map<HashAlgorithm, Algorithms>()

  /** @throws Error when the leaf is not DER, even if OpenSSL could read it */
  constructor(signer: ContainerSigner) {
    const [leaf] = signer.certificates
    this.#signer = signer
    this.#signingCertificate = signingCertificateAttribute(leaf)
    this.#statements = encodeStatements(signer.statements)
    this.#sid = encodeSignerIdentifier({ raw: leaf })
    this.#certificates = encodeSetOf(contextTag(0), signer.certificates)
  }

  /** Bytes that the certificates take in each container. */
  get certificatesLength(): number {
    return this.#certificates.length
  }

  /**
   * Encodes the signed attributes (RFC 5652 5.4): content-type, message-digest, signing-certificate-v2, CMS algorithm
   * protection, and revocation data if there are any. `cms` adds signing-time. `cades` adds the signer's statements,
   * and signing-time over a file.
   *
   * @returns DER SET OF
   */
  signedAttributes(request: AttributesRequest): Buffer {
    const { type, overFile, hashAlgorithm, messageDigest, signingTime, revocationValues } = request
    const { digest, signature } = this.#algorithmsFor(hashAlgorithm)
    const attributes = [
      CONTENT_TYPE_ATTRIBUTE,
      encodeAttribute(ID_MESSAGE_DIGEST, encode(TAG.octetString, messageDigest)),
      this.#signingCertificate,
      algorithmProtectionAttribute(digest, signature),
      ...(type === 'cms' || overFile ? [signingTimeAttribute(signingTime)] : []),
      ...(type === 'cades' ? this.#statements : []),
      ...(revocationValues === undefined ? [] : [revocationInfoArchivalAttribute(revocationValues)]),
    ]
    return encodeSetOf(TAG.set, attributes)
  }

  /**
   * Returns whether signed attributes protect the algorithms of a container around them, or none (RFC 6211 3).
   *
   * @param attributes as `readAttributes` returned them
   */
  protectsAlgorithms(hashAlgorithm: HashAlgorithm, attributes: readonly Attribute[]): boolean {
    const { digest, signature } = this.#algorithmsFor(hashAlgorithm)
    const expected = DerReader.enterOnly(algorithmProtectionAttribute(digest, signature), TAG.sequence)
    const type = expected.element()
    const values = expected.content(TAG.set)
    return attributes.every((one) => !one.type.equals(type) || one.values.equals(values))
  }

  /**
   * Encodes the whole container (RFC 5652 5.1).
   *
   * @returns DER ContentInfo
   */
  signedData(request: SignedDataRequest): Buffer {
    return Buffer.concat(this.#contentInfo(request))
  }

  /** Returns how many bytes the whole container has. */
  signedDataLength(request: SignedDataRequest): number {
    return countBytes(this.#contentInfo(request))
  }

  #contentInfo(request: SignedDataRequest): readonly Uint8Array[] {
    const { hashAlgorithm, revocationValues } = request
    // Version 5 says that there is revocation data other than CRLs (RFC 5652 5.1)
    const hasOther = revocationValues !== undefined && revocationValues.ocspResponses.length > 0
    const signedData = enclose(
      TAG.sequence,
      hasOther ? VERSION_5 : VERSION_1,
      encode(TAG.set, this.#algorithmsFor(hashAlgorithm).digest),
      ENCAPSULATED_CONTENT_INFO,
      this.#certificates,
      ...(revocationValues === undefined ? [] : [encodeRevocationInfoChoices(revocationValues)]),
      ...enclose(TAG.set, ...this.#signerInfo(request)),
    )
    return enclose(TAG.sequence, SIGNED_DATA, ...enclose(contextTag(0), ...signedData))
  }

  /** Encodes the one SignerInfo (RFC 5652 5.3). */
  #signerInfo(request: SignedDataRequest): readonly Uint8Array[] {
    const { hashAlgorithm, signedAttributes, signature, timestamp } = request
    const algorithms = this.#algorithmsFor(hashAlgorithm)
    // The field is IMPLICIT, so its tag replaces that of the SET OF that was signed
    const implicit = Buffer.from(signedAttributes)
    implicit[0] = contextTag(0)
    return enclose(
      TAG.sequence,
      VERSION_1,
      this.#sid,
      algorithms.digest,
      implicit,
      algorithms.signature,
      encode(TAG.octetString, signature),
      ...(timestamp === undefined
        ? []
        : [encode(contextTag(1), encodeAttribute(ID_SIGNATURE_TIMESTAMP, timestamp))]),
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
  // Parameters are absent (RFC 5754 2)
  const digest = encode(TAG.sequence, encodeObjectIdentifier(hash.oid))
  const identifier =
    rsaSignatureIdentifier === 'rsaEncryption'
      ? algorithm.signerInfoIdentifier(hash)
      : algorithm.certificateIdentifier(hash)
  return { digest, signature: Buffer.from(identifier.toSchema().toBER()) }
}

export interface RevocationValues {
  /** DER OCSPResponse (RFC 6960 4.2.1). */
  readonly ocspResponses: readonly Uint8Array[]
  /** DER CertificateList (RFC 5280 5.1). */
  readonly crls: readonly Uint8Array[]
}

const OCSP_RESPONSE = encodeObjectIdentifier(ID_OCSP_RESPONSE)

/**
 * Encodes `RevocationInfoArchival { crl [0] EXPLICIT SEQUENCE OF, ocsp [1] EXPLICIT SEQUENCE OF }`
 * (ISO 32000-2 12.8.3.3.2), where readers of PDFs look for revocation data.
 *
 * @returns DER Attribute, to be signed
 */
function revocationInfoArchivalAttribute({ ocspResponses, crls }: RevocationValues): Buffer {
  const fields = [crls, ocspResponses].flatMap((values, number) =>
    values.length === 0 ? [] : encode(contextTag(number), encode(TAG.sequence, ...values)),
  )
  return encodeAttribute(ID_REVOCATION_INFO_ARCHIVAL, encode(TAG.sequence, ...fields))
}

/**
 * Encodes `crls [1] IMPLICIT SET OF RevocationInfoChoice` of a SignedData (RFC 5652 10.2.1), with OCSP responses as
 * `other [1] IMPLICIT OtherRevocationInfoFormat { otherRevInfoFormat, otherRevInfo }` (RFC 5940 2).
 *
 * @returns DER, not signed
 */
function encodeRevocationInfoChoices({ ocspResponses, crls }: RevocationValues): Buffer {
  const others = ocspResponses.map((response) => encode(contextTag(1), OCSP_RESPONSE, response))
  return encodeSetOf(contextTag(1), [...crls, ...others])
}
