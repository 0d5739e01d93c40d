/** Encodes the signature policy, commitment type and signer location of CAdES (EN 319 122-1 5.2). */

import type { HashAlgorithm } from '../algorithms/hash-algorithms.ts'
import { encode, encodeObjectIdentifier } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { attributeWriter } from './attribute.ts'
import {
  ID_COMMITMENT_TYPE,
  ID_SIGNATURE_POLICY,
  ID_SIGNATURE_POLICY_URI,
  ID_SIGNER_LOCATION,
} from './object-identifiers.ts'

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
    policy && attributeWriter(ID_SIGNATURE_POLICY)(encodePolicy(policy)),
    commitmentType === undefined
      ? undefined
      : attributeWriter(ID_COMMITMENT_TYPE)(encodeCommitment(commitmentType)),
    location && attributeWriter(ID_SIGNER_LOCATION)(encodeLocation(location)),
  ]
  return attributes.filter((attribute) => attribute !== undefined)
}

/** Encodes `SignaturePolicyId { sigPolicyId, sigPolicyHash, sigPolicyQualifiers OPTIONAL }` (EN 319 122-1 5.2.9.1). */
function encodePolicy({ id, hashAlgorithm, hash, uri }: SignaturePolicy): Buffer {
  const algorithm = encode(TAG.sequence, encodeObjectIdentifier(hashAlgorithm.oid))
  const policyHash = encode(TAG.sequence, algorithm, encode(TAG.octetString, hash))
  const fields = [encodeObjectIdentifier(id), policyHash]
  return uri === undefined
    ? encode(TAG.sequence, ...fields)
    : encode(TAG.sequence, ...fields, encode(TAG.sequence, encodePolicyUri(uri)))
}

function encodePolicyUri(uri: string): Buffer {
  return encode(
    TAG.sequence,
    encodeObjectIdentifier(ID_SIGNATURE_POLICY_URI),
    encode(TAG.ia5String, Buffer.from(uri)),
  )
}

/** Encodes `CommitmentTypeIndication { commitmentTypeId }` (EN 319 122-1 5.2.3). */
function encodeCommitment(commitmentType: string): Buffer {
  return encode(TAG.sequence, encodeObjectIdentifier(commitmentType))
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
