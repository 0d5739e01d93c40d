/** What shows that certificates were not revoked, in the forms that containers have for it. */
import { DerReader } from '../der/der-reader.ts'
import { encode, encodeSetOf } from '../der/der-writer.ts'
import { contextTag, TAG } from '../der/tag.ts'
import { attributeWriter } from './attribute.ts'
import { ID_REVOCATION_INFO_ARCHIVAL, ID_REVOCATION_VALUES } from './object-identifiers.ts'

export interface RevocationValues {
  /** DER OCSPResponse (RFC 6960 4.2.1). */
  readonly ocspResponses: readonly Uint8Array[]
  /** DER CertificateList (RFC 5280 5.1). */
  readonly crls: readonly Uint8Array[]
}

const writeArchival = attributeWriter(ID_REVOCATION_INFO_ARCHIVAL)
const writeRevocationValues = attributeWriter(ID_REVOCATION_VALUES)

/**
 * `RevocationInfoArchival { crl [0] EXPLICIT SEQUENCE OF, ocsp [1] EXPLICIT SEQUENCE OF }` (ISO 32000-2 12.8.3.3.2), for
 * containers of adbe.pkcs7.detached.
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
 * `RevocationValues { ocspVals [1] EXPLICIT SEQUENCE OF BasicOCSPResponse }` (EN 319 122-1 A.1.1.2). SignedData's own
 * place for OCSP responses (RFC 5940) would keep NSS, and with it poppler, from reading the container.
 *
 * @returns DER Attribute, not to be signed
 */
export function revocationValuesAttribute(ocspResponses: readonly Uint8Array[]): Buffer {
  const values = encode(TAG.sequence, ...ocspResponses.map(basicResponse))
  return writeRevocationValues(encode(TAG.sequence, encode(contextTag(1), values)))
}

/** `crls [1] IMPLICIT SET OF RevocationInfoChoice` of a SignedData (RFC 5652 10.2.1). */
export function encodeCrls(crls: readonly Uint8Array[]): Buffer {
  return encodeSetOf(contextTag(1), crls)
}

/** What is in `OCSPResponse { responseStatus, responseBytes [0] { responseType, response OCTET STRING } }`. */
function basicResponse(ocspResponse: Uint8Array): Buffer {
  const response = new DerReader(Buffer.from(ocspResponse)).enter(TAG.sequence)
  response.content(TAG.enumerated)
  const bytes = response.enter(contextTag(0)).enter(TAG.sequence)
  bytes.content(TAG.objectIdentifier)
  return bytes.content(TAG.octetString)
}
