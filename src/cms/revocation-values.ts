import { DerReader } from '../asn1/der-reader.ts'
import { encode, encodeObjectIdentifier, encodeSetOf } from '../asn1/der-writer.ts'
import { contextTag, TAG } from '../asn1/tag.ts'
import type { RevocationValues } from './container-template.ts'
import { ID_REVOCATION_VALUES } from './object-identifiers.ts'
import { encodeAttribute } from './signed-attributes.ts'

const REVOCATION_VALUES = encodeObjectIdentifier(ID_REVOCATION_VALUES)

/**
 * Adds revocation data about its authority to a timestamp token, as revocation-values among its unsigned attributes (EN 319
 * 122-1 A.1.4). They take the place of those that it has: these are not signed, so that anybody on the way can have put
 * empty ones there, and nobody has verified them.
 *
 * @param token DER ContentInfo with a SignedData that has one SignerInfo
 * @returns DER ContentInfo
 * @throws Error when it is malformed
 */
export function addRevocationValues(token: Buffer, values: RevocationValues): Buffer {
  const contentInfo = DerReader.enterOnly(token, TAG.sequence)
  const type = contentInfo.element(TAG.objectIdentifier)
  const fields = contentInfo.enter(contextTag(0)).enter(TAG.sequence).elements()
  const signerInfos = fields.splice(-1)[0] as Buffer
  const signerInfo = DerReader.enterOnly(signerInfos, TAG.set).enter(TAG.sequence).elements()
  const hasUnsigned = signerInfo.at(-1)?.[0] === contextTag(1)
  const [unsigned] = hasUnsigned ? signerInfo.splice(-1) : []
  const attributes = unsigned === undefined ? [] : DerReader.enterOnly(unsigned, contextTag(1)).elements()
  const others = attributes.filter((attribute) => !isRevocationValues(attribute))
  const all = encodeSetOf(contextTag(1), [...others, encodeRevocationValues(values)])
  const signed = encode(TAG.set, encode(TAG.sequence, ...signerInfo, all))
  return encode(TAG.sequence, type, encode(contextTag(0), encode(TAG.sequence, ...fields, signed)))
}

function isRevocationValues(attribute: Buffer): boolean {
  return DerReader.enterOnly(attribute, TAG.sequence).element(TAG.objectIdentifier).equals(REVOCATION_VALUES)
}

/**
 * Encodes `RevocationValues { crlVals [0] SEQUENCE OF CertificateList, ocspVals [1] SEQUENCE OF BasicOCSPResponse }`, tags
 * explicit (RFC 5126 6.3.4).
 *
 * @returns DER Attribute
 */
function encodeRevocationValues({ crls, ocspResponses }: RevocationValues): Buffer {
  const fields = [crls, ocspResponses.map(basicResponseOf)].flatMap((values, number) =>
    values.length === 0 ? [] : encode(contextTag(number), encode(TAG.sequence, ...values)),
  )
  return encodeAttribute(ID_REVOCATION_VALUES, encode(TAG.sequence, ...fields))
}

/** Returns the DER BasicOCSPResponse in an OCSPResponse (RFC 6960 4.2.1). */
function basicResponseOf(ocspResponse: Uint8Array): Buffer {
  const response = DerReader.enterOnly(Buffer.from(ocspResponse), TAG.sequence)
  response.content(TAG.enumerated) // responseStatus
  const bytes = response.enter(contextTag(0)).enter(TAG.sequence)
  bytes.element(TAG.objectIdentifier) // responseType
  return bytes.content(TAG.octetString)
}
