/** Reads a SignedData (RFC 5652 5) that others sent, and says whether its signature is over what it is said to be over. */
import type { KeyObject, X509Certificate } from 'node:crypto'
import { digest, type HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { findSignatureProblem } from '../algorithms/received-signature.ts'
import { DerReader } from '../asn1/der-reader.ts'
import { encode } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { ID_SIGNED_DATA } from './object-identifiers.ts'
import {
  type Attribute,
  CONTENT_TYPE,
  MESSAGE_DIGEST,
  namesCertificate,
  readAttributes,
  readNamedCertificates,
  singleValue,
} from './signed-attributes-reader.ts'
import { encodeSignerIdentifier } from './signer-identifier.ts'

/** The parts of a SignedData, octet by octet. Nothing in it is verified yet. */
export interface SignedData {
  /** DER AlgorithmIdentifiers. */
  readonly digestAlgorithms: readonly Buffer[]
  /** DER OBJECT IDENTIFIER. */
  readonly contentType: Buffer
  /** The octets of eContent; undefined if the content is detached. */
  readonly content: Buffer | undefined
  /** DER certificates, without attribute certificates and those of other formats. */
  readonly certificates: readonly Buffer[]
  /** DER attribute certificates (RFC 5755 4.1), each with the tag of its choice (RFC 5652 10.2.2). */
  readonly attributeCertificates: readonly Buffer[]
  /** DER SignerInfos. */
  readonly signerInfos: readonly Buffer[]
}

/** Tags of those among CertificateChoices (RFC 5652 10.2.2) that are no certificates of a public key. */
const VERSION_2_ATTRIBUTE_CERTIFICATE = contextTag(2)
const ATTRIBUTE_CERTIFICATES: readonly number[] = [contextTag(1), VERSION_2_ATTRIBUTE_CERTIFICATE]
const OTHER_CERTIFICATE = contextTag(3)

/**
 * Reads a ContentInfo with a SignedData (RFC 5652 3, 5.1).
 *
 * @returns undefined for a ContentInfo with something else
 * @throws Error when it is malformed
 */
export function readSignedData(der: Buffer): SignedData | undefined {
  const contentInfo = DerReader.enterOnly(der, TAG.sequence)
  if (contentInfo.objectIdentifier() !== ID_SIGNED_DATA) {
    return undefined
  }
  const content = contentInfo.enter(contextTag(0))
  contentInfo.finish()
  const signedData = content.enter(TAG.sequence)
  content.finish()
  signedData.integer() // version
  const digestAlgorithms = signedData.enter(TAG.set).elements()
  const encapsulated = signedData.enter(TAG.sequence)
  const contentType = encapsulated.element(TAG.objectIdentifier)
  const eContent = encapsulated.enterOptional(contextTag(0))
  const octets = eContent?.optionalContent(TAG.octetString)
  eContent?.finish()
  encapsulated.finish()
  const certificates = signedData.enterOptional(contextTag(0))?.elements() ?? []
  signedData.enterOptional(contextTag(1)) // crls
  const signerInfos = signedData.enter(TAG.set).elements()
  signedData.finish()
  return {
    ...{ digestAlgorithms, contentType, signerInfos },
    content: octets,
    certificates: certificates.filter(isCertificate),
    attributeCertificates: certificates.filter(isAttributeCertificate),
  }
}

/** Version of a SignerInfo with issuer and serial number (RFC 5652 5.3). */
const VERSION_1 = encode(TAG.integer, Buffer.of(1))
/** Versions of a SignedData over other content than id-data, the second one with attribute certificates of version 2 (RFC 5652 5.1). */
const VERSION_3 = encode(TAG.integer, Buffer.of(3))
const VERSION_4 = encode(TAG.integer, Buffer.of(4))

/**
 * Rebuilds a SignedData from what its one signer has signed, the signer's certificate and these certificates. The rest is not
 * signed, so that anybody on the way can change it to what keeps verifiers from reading it: other certificates, crls, unsigned
 * attributes, digest algorithms that no signer has, wrong versions, and a name of the signer that is the same by its letters alone.
 *
 * @param der ContentInfo with a SignedData over other content than id-data
 * @param certificates DER, attribute certificates with their tags among them
 * @throws Error when it is malformed
 */
export function rebuild(
  der: Buffer,
  signer: { readonly raw: Buffer },
  certificates: readonly Buffer[],
): Buffer {
  const contentInfo = DerReader.enterOnly(der, TAG.sequence)
  const contentType = contentInfo.element(TAG.objectIdentifier)
  const fields = contentInfo.enter(contextTag(0)).enter(TAG.sequence).elements()
  const [, , content = Buffer.alloc(0)] = fields
  const signerInfos = DerReader.enterOnly(fields.at(-1) as Buffer, TAG.set)
  const [, , digestAlgorithm = Buffer.alloc(0), ...signed] = signerInfos.enter(TAG.sequence).elements()
  const signerInfo = encode(
    TAG.sequence,
    VERSION_1,
    encodeSignerIdentifier(signer),
    digestAlgorithm,
    ...signed.filter(([tag]) => tag !== contextTag(1)),
  )
  const signedData = encode(
    TAG.sequence,
    certificates.some(([tag]) => tag === VERSION_2_ATTRIBUTE_CERTIFICATE) ? VERSION_4 : VERSION_3,
    encode(TAG.set, digestAlgorithm),
    content,
    encode(contextTag(0), ...certificates),
    encode(TAG.set, signerInfo),
  )
  return encode(TAG.sequence, contentType, encode(contextTag(0), signedData))
}

function isCertificate(choice: Buffer): boolean {
  return !isAttributeCertificate(choice) && choice[0] !== OTHER_CERTIFICATE
}

function isAttributeCertificate([tag]: Buffer): boolean {
  return ATTRIBUTE_CERTIFICATES.includes(Number(tag))
}

/** The fields of a SignerInfo (RFC 5652 5.3). */
export interface SignerInfo {
  /** DER SignerIdentifier. */
  readonly sid: Buffer
  /** DER AlgorithmIdentifier. */
  readonly digestAlgorithm: Buffer
  /** DER SET OF, as it was signed (RFC 5652 5.4); undefined without any. */
  readonly signedAttributes: Buffer | undefined
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer
  readonly signature: Buffer
  /** DER SET OF; undefined without any. */
  readonly unsignedAttributes: Buffer | undefined
}

/**
 * Reads a SignerInfo (RFC 5652 5.3).
 *
 * @throws Error when it is malformed
 */
export function readSignerInfo(der: Buffer): SignerInfo {
  const signerInfo = DerReader.enterOnly(der, TAG.sequence)
  signerInfo.integer() // version
  const sid = signerInfo.element()
  const digestAlgorithm = signerInfo.element(TAG.sequence)
  const signed = signerInfo.optionalContent(contextTag(0))
  const signatureAlgorithm = signerInfo.element(TAG.sequence)
  const signature = signerInfo.content(TAG.octetString)
  const unsigned = signerInfo.optionalContent(contextTag(1))
  signerInfo.finish()
  return {
    ...{ sid, digestAlgorithm, signatureAlgorithm, signature },
    signedAttributes: signed && encode(TAG.set, signed),
    unsignedAttributes: unsigned && encode(TAG.set, unsigned),
  }
}

/** A signature that may be over some content. */
export interface ContentSignature {
  readonly signer: Pick<X509Certificate, 'raw'> & { readonly publicKey: KeyObject }
  readonly hashAlgorithm: HashAlgorithm
  /** DER SET OF, as it was signed. */
  readonly signedAttributes: Buffer
  /** DER AlgorithmIdentifier. */
  readonly signatureAlgorithm: Buffer
  readonly signature: Buffer
}

/** The content that a signature should be over. */
export interface SignedContent {
  /** Word for it in messages. */
  readonly name: string
  /** DER OBJECT IDENTIFIER. */
  readonly type: Buffer
  readonly octets: Uint8Array
}

/**
 * Finds what keeps a signature from being that of its signer over a content, in words (RFC 5652 5.4, 5.6, 11; RFC 5035 3;
 * RFC 5816 2.2.1).
 *
 * @throws Error when the signed attributes are malformed
 */
export function findContentProblem(signed: ContentSignature, content: SignedContent): string | undefined {
  const { hashAlgorithm, signedAttributes, signer } = signed
  const attributes = readAttributes(signedAttributes)
  if (!singleValue(attributes, CONTENT_TYPE)?.equals(content.type)) {
    return `its signed content-type is not that of a ${content.name}`
  }
  const expected = encode(TAG.octetString, digest(hashAlgorithm, content.octets))
  if (!singleValue(attributes, MESSAGE_DIGEST)?.equals(expected)) {
    return `its signed message-digest is not that of the ${content.name}`
  }
  if (!namesSigner(attributes, signer.raw)) {
    return 'its signed signing-certificate is not the certificate of the signer'
  }
  const { publicKey } = signer
  const wrong = findSignatureProblem({ ...signed, publicKey, message: signedAttributes })
  return wrong && `its signature does not count: ${wrong}`
}

/**
 * Returns whether signed attributes name the signer's certificate: in one of the two attributes, or the same in both (RFC
 * 5816 2.2.1).
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
