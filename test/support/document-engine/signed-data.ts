/** Takes certificates and revocation data out of containers, as they stand there. */
import * as asn1js from 'asn1js'
import { parseDer, toDer } from './der.ts'
import type { ValidationData } from './dss-dictionary.ts'

const SIGNATURE_TIMESTAMP = '1.2.840.113549.1.9.16.2.14'
/** ISO 32000-2 12.8.3.3.2. */
const REVOCATION_INFO_ARCHIVAL = '1.2.840.113583.1.1.8'

/** RFC 5126 6.3.4. */
const REVOCATION_VALUES = '1.2.840.113549.1.9.16.2.24'
const OCSP_BASIC = '1.3.6.1.5.5.7.48.1.1'

/** Returns what is in a value that has others in it. */
export function childrenOf(value: asn1js.BaseBlock | undefined): asn1js.BaseBlock[] {
  return value instanceof asn1js.Constructed ? value.valueBlock.value : []
}

/** Returns what is in the child with a context-specific tag. */
export function taggedChildren(value: asn1js.BaseBlock | undefined, tagNumber: number): asn1js.BaseBlock[] {
  return childrenOf(
    childrenOf(value).find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === tagNumber),
  )
}

/** The bytes that a value was read from. */
export function derOf(value: asn1js.BaseBlock): Buffer {
  return Buffer.from(value.valueBeforeDecodeView)
}

/**
 * Returns the certificates of a DER SignedData (RFC 5652 5.1) and of the signature timestamps in it, and the OCSP
 * responses and CRLs of adbe-revocationInfoArchival and revocation-values; nothing where it is no SignedData.
 */
export function readSignedData(container: Uint8Array): ValidationData {
  const [signedData] = taggedChildren(parseDer(container), 0)
  const signers = childrenOf(childrenOf(signedData).at(-1))
  const signed = signers.flatMap((signer) => taggedChildren(signer, 0))
  const unsigned = signers.flatMap((signer) => taggedChildren(signer, 1))
  const timestamps = valuesOf(unsigned, SIGNATURE_TIMESTAMP).map((token) => readSignedData(derOf(token)))
  const archives = valuesOf(signed, REVOCATION_INFO_ARCHIVAL)
  const values = valuesOf(unsigned, REVOCATION_VALUES)
  return {
    certificates: [
      ...taggedChildren(signedData, 0).map(derOf),
      ...timestamps.flatMap(({ certificates }) => certificates),
    ],
    crls: [...listed(archives, 0), ...listed(values, 0), ...timestamps.flatMap(({ crls }) => crls)],
    ocspResponses: [
      ...listed(archives, 1),
      ...listed(values, 1).map(ocspResponse),
      ...timestamps.flatMap(({ ocspResponses }) => ocspResponses),
    ],
  }
}

/** A signature timestamp (DER TimeStampToken), and the octets of the signature that it is over. */
export interface SignatureTimestamp {
  readonly token: Buffer
  readonly signature: Uint8Array
}

/** Returns the signature timestamps in a DER SignedData. */
export function readTimestamps(container: Uint8Array): SignatureTimestamp[] {
  const [signedData] = taggedChildren(parseDer(container), 0)
  return childrenOf(childrenOf(signedData).at(-1)).flatMap((signer) => {
    const value = childrenOf(signer).find((field) => field instanceof asn1js.OctetString)
    const signature = value?.valueBlock.valueHexView ?? new Uint8Array()
    const tokens = valuesOf(taggedChildren(signer, 1), SIGNATURE_TIMESTAMP)
    return tokens.map((token) => ({ token: derOf(token), signature }))
  })
}

/** Returns what is listed under a tag by RevocationInfoArchival and RevocationValues, which differ in what they list. */
function listed(values: readonly asn1js.BaseBlock[], tagNumber: number): Buffer[] {
  return values.flatMap((value) => taggedChildren(value, tagNumber).flatMap(childrenOf).map(derOf))
}

/** Returns the successful OCSPResponse around a BasicOCSPResponse (RFC 6960 4.2.1). */
function ocspResponse(basic: Uint8Array): Buffer {
  const responseBytes = new asn1js.Sequence({
    value: [new asn1js.ObjectIdentifier({ value: OCSP_BASIC }), new asn1js.OctetString({ valueHex: basic })],
  })
  const explicit = new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [responseBytes] })
  return toDer(new asn1js.Sequence({ value: [new asn1js.Enumerated({ value: 0 }), explicit] }))
}

function valuesOf(attributes: readonly asn1js.BaseBlock[], type: string): asn1js.BaseBlock[] {
  return attributes.flatMap((attribute) => {
    const [name, values] = childrenOf(attribute)
    return name instanceof asn1js.ObjectIdentifier && name.getValue() === type ? childrenOf(values) : []
  })
}
