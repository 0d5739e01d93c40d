/** Takes certificates and revocation data out of containers, as they stand there. */
import * as asn1js from 'asn1js'
import { parseDer } from './der.ts'
import type { ValidationData } from './dss-dictionary.ts'

const SIGNATURE_TIMESTAMP = '1.2.840.113549.1.9.16.2.14'
/** ISO 32000-2 12.8.3.3.2. */
const REVOCATION_INFO_ARCHIVAL = '1.2.840.113583.1.1.8'

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
 * responses and CRLs of adbe-revocationInfoArchival; nothing where it is no SignedData.
 */
export function readSignedData(container: Uint8Array): ValidationData {
  const [signedData] = taggedChildren(parseDer(container), 0)
  const signers = childrenOf(childrenOf(signedData).at(-1))
  const signed = signers.flatMap((signer) => taggedChildren(signer, 0))
  const unsigned = signers.flatMap((signer) => taggedChildren(signer, 1))
  const timestamps = valuesOf(unsigned, SIGNATURE_TIMESTAMP).map((token) => readSignedData(derOf(token)))
  const archives = valuesOf(signed, REVOCATION_INFO_ARCHIVAL)
  const archived = (tagNumber: number) =>
    archives.flatMap((archive) => taggedChildren(archive, tagNumber).flatMap(childrenOf).map(derOf))
  return {
    certificates: [
      ...taggedChildren(signedData, 0).map(derOf),
      ...timestamps.flatMap(({ certificates }) => certificates),
    ],
    crls: archived(0),
    ocspResponses: archived(1),
  }
}

function valuesOf(attributes: readonly asn1js.BaseBlock[], type: string): asn1js.BaseBlock[] {
  return attributes.flatMap((attribute) => {
    const [name, values] = childrenOf(attribute)
    return name instanceof asn1js.ObjectIdentifier && name.getValue() === type ? childrenOf(values) : []
  })
}
