/** Encodes the signed attributes of containers (RFC 5652 5.3). Each function returns one DER Attribute. */
import { digest, type HashAlgorithm, SHA_256 } from '../algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import {
  ID_CMS_ALGORITHM_PROTECTION,
  ID_COMMITMENT_TYPE,
  ID_CONTENT_TYPE,
  ID_DATA,
  ID_SIGNATURE_POLICY,
  ID_SIGNATURE_POLICY_URI,
  ID_SIGNER_LOCATION,
  ID_SIGNING_CERTIFICATE_V2,
  ID_SIGNING_TIME,
} from './object-identifiers.ts'

/** `cms` states the signing time. `cades` in PDFs does not, since PAdES forbids it (EN 319 142-1 6.3). */
export type SignatureType = 'cms' | 'cades'

/** Encoded types of attributes, which are a few constants, keyed by their dotted form. */
const ENCODED_TYPES = new Map<string, Buffer>()

/** The content-type attribute with id-data (RFC 5652 11.1). */
export const CONTENT_TYPE_ATTRIBUTE = encodeAttribute(ID_CONTENT_TYPE, encodeObjectIdentifier(ID_DATA))

/** Encodes signing-time in whole seconds: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5652 11.3). */
export function signingTimeAttribute(time: Date): Buffer {
  const text = `${time.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return encodeAttribute(
    ID_SIGNING_TIME,
    time.getUTCFullYear() < 2050
      ? encode(TAG.utcTime, Buffer.from(text.slice(2)))
      : encode(TAG.generalizedTime, Buffer.from(text)),
  )
}

/**
 * Encodes `SigningCertificateV2 { certs SEQUENCE OF ESSCertIDv2 }` (RFC 5035 3) with the one certificate that signs.
 * The hash is SHA-256, the default, so DER leaves it out. There is no issuerSerial: the SignerInfo's sid says the
 * same.
 *
 * @param certificate DER
 */
export function signingCertificateAttribute(certificate: Uint8Array): Buffer {
  const hash = encode(TAG.octetString, digest(SHA_256, certificate))
  const certificates = encode(TAG.sequence, encode(TAG.sequence, hash))
  return encodeAttribute(ID_SIGNING_CERTIFICATE_V2, encode(TAG.sequence, certificates))
}

/**
 * Encodes `CMSAlgorithmProtection { digestAlgorithm, signatureAlgorithm [1] }` (RFC 6211 2), so that nobody can pass
 * the signature off as one of another algorithm.
 *
 * @param digestAlgorithm DER AlgorithmIdentifier of the SignerInfo
 * @param signatureAlgorithm DER AlgorithmIdentifier of the SignerInfo
 */
export function algorithmProtectionAttribute(
  digestAlgorithm: Uint8Array,
  signatureAlgorithm: Uint8Array,
): Buffer {
  // The field is IMPLICIT, so its tag replaces that of the SEQUENCE
  const implicit = Buffer.from(signatureAlgorithm)
  implicit[0] = contextTag(1)
  return encodeAttribute(ID_CMS_ALGORITHM_PROTECTION, encode(TAG.sequence, digestAlgorithm, implicit))
}

/**
 * Encodes `Attribute ::= SEQUENCE { attrType, attrValues SET }` with one value (RFC 5652 5.3).
 *
 * @param type dotted object identifier, one of the constants of this program
 */
export function encodeAttribute(type: string, value: Uint8Array): Buffer {
  const encoded = ENCODED_TYPES.get(type) ?? encodeObjectIdentifier(type)
  ENCODED_TYPES.set(type, encoded)
  return encode(TAG.sequence, encoded, encode(TAG.set, value))
}

/** The rules under which a signature is made (EN 319 122-1 5.2.9). */
export interface SignaturePolicy {
  /** Dotted object identifier. */
  readonly id: string
  readonly hashAlgorithm: HashAlgorithm
  /** Digest of the policy's document. */
  readonly hash: Buffer
  /** Address of the document. */
  readonly uri?: string
}

/** The place where the signer claims to have signed (EN 319 122-1 5.2.5). At least one field is there. */
export interface SignerLocation {
  readonly country?: string
  readonly locality?: string
  /** One to six lines. */
  readonly postalAddress?: readonly string[]
}

export interface SignerStatements {
  readonly policy?: SignaturePolicy
  /** Dotted object identifier. */
  readonly commitmentType?: string
  readonly location?: SignerLocation
}

/** Encodes the statements as DER Attributes. */
export function encodeStatements({ policy, commitmentType, location }: SignerStatements): Buffer[] {
  const attributes = [
    policy && encodeAttribute(ID_SIGNATURE_POLICY, encodePolicy(policy)),
    // CommitmentTypeIndication { commitmentTypeId } (EN 319 122-1 5.2.3)
    commitmentType === undefined
      ? undefined
      : encodeAttribute(ID_COMMITMENT_TYPE, encode(TAG.sequence, encodeObjectIdentifier(commitmentType))),
    location && encodeAttribute(ID_SIGNER_LOCATION, encodeLocation(location)),
  ]
  return attributes.filter((attribute) => attribute !== undefined)
}

/** Encodes `SignaturePolicyId { sigPolicyId, sigPolicyHash, sigPolicyQualifiers OPTIONAL }` (EN 319 122-1 5.2.9.1). */
function encodePolicy({ id, hashAlgorithm, hash, uri }: SignaturePolicy): Buffer {
  const algorithm = encode(TAG.sequence, encodeObjectIdentifier(hashAlgorithm.oid))
  const policyHash = encode(TAG.sequence, algorithm, encode(TAG.octetString, hash))
  const fields = [encodeObjectIdentifier(id), policyHash]
  if (uri !== undefined) {
    const text = encode(TAG.ia5String, Buffer.from(uri))
    const qualifier = encode(TAG.sequence, encodeObjectIdentifier(ID_SIGNATURE_POLICY_URI), text)
    fields.push(encode(TAG.sequence, qualifier))
  }
  return encode(TAG.sequence, ...fields)
}

/**
 * Encodes `SignerLocation { countryName [0], localityName [1], postalAddress [2] }`, tags explicit (EN 319 122-1
 * 5.2.5).
 */
function encodeLocation({ country, locality, postalAddress }: SignerLocation): Buffer {
  const fields = [
    country === undefined ? undefined : encodeText(country),
    locality === undefined ? undefined : encodeText(locality),
    postalAddress && encode(TAG.sequence, ...postalAddress.map(encodeText)),
  ]
  return encode(
    TAG.sequence,
    ...fields.flatMap((field, number) => (field === undefined ? [] : encode(contextTag(number), field))),
  )
}

/** Encodes a DirectoryString as UTF8String, the alternative that can hold all characters. */
function encodeText(text: string): Buffer {
  return encode(TAG.utf8String, Buffer.from(text))
}
