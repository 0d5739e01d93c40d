/** Takes DER SignedData apart and puts parts into it, with asn1js alone. */
import * as asn1js from 'asn1js'
import { parseDer, toDer } from './document-engine/der.ts'

/** id-aa-signatureTimeStampToken. */
export const SIGNATURE_TIMESTAMP = '1.2.840.113549.1.9.16.2.14'

interface Parts {
  readonly contentInfo: asn1js.BaseBlock
  readonly signedData: asn1js.Sequence
  /** Of the only signer. */
  readonly signerInfo: asn1js.Sequence
}

function isSequence(block: unknown): block is asn1js.Sequence {
  return block instanceof asn1js.Sequence
}

/** @throws where it is no SignedData with one signer */
function partsOf(container: Uint8Array): Parts {
  const contentInfo = parseDer(container)
  const explicit = isSequence(contentInfo) ? contentInfo.valueBlock.value[1] : undefined
  const signedData = explicit instanceof asn1js.Constructed ? explicit.valueBlock.value[0] : undefined
  const signers = isSequence(signedData) ? signedData.valueBlock.value.at(-1) : undefined
  const signerInfo = signers instanceof asn1js.Set ? signers.valueBlock.value[0] : undefined
  if (!contentInfo || !isSequence(signedData) || !isSequence(signerInfo)) {
    throw new Error('this is no SignedData')
  }
  return { contentInfo, signedData, signerInfo }
}

function context(tagNumber: number, value: asn1js.BaseBlock[]): asn1js.BaseBlock {
  return new asn1js.Constructed({ idBlock: { tagClass: 3, tagNumber }, value })
}

/** DER Attribute (RFC 5652 5.3) with one value. */
export function attribute(type: string, value: asn1js.BaseBlock): asn1js.Sequence {
  return new asn1js.Sequence({
    value: [new asn1js.ObjectIdentifier({ value: type }), new asn1js.Set({ value: [value] })],
  })
}

/** Reads DER. */
export function block(der: Uint8Array): asn1js.BaseBlock {
  const parsed = parseDer(der)
  if (parsed === undefined) {
    throw new Error('this is no DER')
  }
  return parsed
}

/** The bytes over which a signature timestamp is. */
export function signatureOf(container: Uint8Array): Buffer {
  const { signerInfo } = partsOf(container)
  const octets = signerInfo.valueBlock.value.find((one) => one instanceof asn1js.OctetString)
  return Buffer.from((octets as asn1js.OctetString).valueBlock.valueHexView)
}

/** Returns the signed attributes as they were signed: under the tag of a SET in place of [0] (RFC 5652 5.4). */
export function signedAttributesOf(container: Uint8Array): Buffer {
  const { signerInfo } = partsOf(container)
  const attributes = signerInfo.valueBlock.value.find(
    ({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0,
  )
  const bytes = Buffer.from((attributes as asn1js.Constructed).valueBeforeDecodeView)
  bytes[0] = 0x31
  return bytes
}

/** DER of the value of an unsigned attribute, as it stands in the container; undefined where there is none. */
export function unsignedValue(container: Uint8Array, type: string): Buffer | undefined {
  const unsigned = partsOf(container).signerInfo.valueBlock.value.at(-1)
  const attributes = unsigned instanceof asn1js.Constructed ? unsigned.valueBlock.value : []
  for (const one of attributes.filter(isSequence)) {
    const [name, values] = one.valueBlock.value
    if (name instanceof asn1js.ObjectIdentifier && name.getValue() === type && values instanceof asn1js.Set) {
      return Buffer.from((values.valueBlock.value[0] as asn1js.BaseBlock).valueBeforeDecodeView)
    }
  }
  return undefined
}

/** The container with one unsigned attribute in place of none. */
export function withUnsigned(container: Uint8Array, ...attributes: asn1js.BaseBlock[]): Buffer {
  const { contentInfo, signerInfo } = partsOf(container)
  signerInfo.valueBlock.value.push(context(1, attributes))
  return toDer(contentInfo)
}

/**
 * The container with RevocationInfoChoices (RFC 5652 10.2.1) in place of none. Its version is 5, as RFC 5652 5.1 has it
 * where one of them is not a CRL.
 */
export function withRevocationInfo(container: Uint8Array, choices: asn1js.BaseBlock[]): Buffer {
  const { contentInfo, signedData } = partsOf(container)
  signedData.valueBlock.value.splice(0, 1, new asn1js.Integer({ value: 5 }))
  signedData.valueBlock.value.splice(-1, 0, context(1, choices))
  return toDer(contentInfo)
}

/** OtherRevocationInfoFormat with an OCSPResponse (RFC 5940 2). */
export function otherRevocationInfo(response: Uint8Array): asn1js.BaseBlock {
  return context(1, [new asn1js.ObjectIdentifier({ value: '1.3.6.1.5.5.7.16.2' }), block(response)])
}

/** RevocationInfoArchival (ISO 32000-2 12.8.3.3.2), a signed attribute. */
export function revocationArchival(crls: readonly Uint8Array[], responses: readonly Uint8Array[]) {
  return attribute('1.2.840.113583.1.1.8', revocations(crls, responses))
}

/** RevocationValues (EN 319 122-1 A.1.2.2), an unsigned attribute, with the BasicOCSPResponse of each response. */
export function revocationValues(crls: readonly Uint8Array[], responses: readonly Uint8Array[]) {
  return attribute('1.2.840.113549.1.9.16.2.24', revocations(crls, responses.map(basicResponse)))
}

function revocations(crls: readonly Uint8Array[], responses: readonly Uint8Array[]): asn1js.BaseBlock {
  const list = (tagNumber: number, values: readonly Uint8Array[]) =>
    values.length === 0 ? [] : [context(tagNumber, [new asn1js.Sequence({ value: values.map(block) })])]
  return new asn1js.Sequence({ value: [...list(0, crls), ...list(1, responses)] })
}

/** The BasicOCSPResponse in a successful OCSPResponse (RFC 6960 4.2.1). */
function basicResponse(response: Uint8Array): Uint8Array {
  const whole = block(response) as asn1js.Sequence
  const bytes = (whole.valueBlock.value[1] as asn1js.Constructed).valueBlock.value[0] as asn1js.Sequence
  return (bytes.valueBlock.value[1] as asn1js.OctetString).valueBlock.valueHexView
}
