/** Encodes revocation data in the two forms that containers have: signed and unsigned. */
import { encode, encodeObjectIdentifier, encodeSetOf } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import { attributeWriter } from './attribute.ts'
import { ID_OCSP_RESPONSE, ID_REVOCATION_INFO_ARCHIVAL } from './object-identifiers.ts'

export interface RevocationValues {
  /** DER OCSPResponse (RFC 6960 4.2.1). */
  readonly ocspResponses: readonly Uint8Array[]
  /** DER CertificateList (RFC 5280 5.1). */
  readonly crls: readonly Uint8Array[]
}

const OCSP_RESPONSE = encodeObjectIdentifier(ID_OCSP_RESPONSE)
const writeArchival = attributeWriter(ID_REVOCATION_INFO_ARCHIVAL)

/**
 * Encodes `RevocationInfoArchival { crl [0] EXPLICIT SEQUENCE OF, ocsp [1] EXPLICIT SEQUENCE OF }`
 * (ISO 32000-2 12.8.3.3.2), where readers of PDFs look for revocation data.
 *
 * @returns DER Attribute, to be signed
 */
export function revocationInfoArchivalAttribute({ ocspResponses, crls }: RevocationValues): Buffer {
  const fields = [crls, ocspResponses].flatMap((values, number) =>
    values.length === 0 ? [] : encode(contextTag(number), encode(TAG.sequence, ...values)),
  )
  return writeArchival(encode(TAG.sequence, ...fields))
}

/**
 * Encodes `crls [1] IMPLICIT SET OF RevocationInfoChoice` of a SignedData (RFC 5652 10.2.1), with OCSP responses as
 * `other [1] IMPLICIT OtherRevocationInfoFormat { otherRevInfoFormat, otherRevInfo }` (RFC 5940 2).
 *
 * @returns DER, not signed
 */
export function encodeRevocationInfoChoices({ ocspResponses, crls }: RevocationValues): Buffer {
  const others = ocspResponses.map((response) => encode(contextTag(1), OCSP_RESPONSE, response))
  return encodeSetOf(contextTag(1), [...crls, ...others])
}
