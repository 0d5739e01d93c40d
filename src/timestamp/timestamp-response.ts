import { encode, encodeSmallInteger } from '../asn1/der-writer.ts'
import { TAG } from '../asn1/tag.ts'

/** PKIStatusInfo with the status granted (RFC 3161 2.4.2). */
const GRANTED = encode(TAG.sequence, encodeSmallInteger(0))

/**
 * Encodes a `TimeStampResp` (RFC 3161 2.4.2) that grants a token, which some clients take in place of the bare token.
 *
 * @param token DER TimeStampToken
 */
export function encodeTimestampResponse(token: Uint8Array): Buffer {
  return encode(TAG.sequence, GRANTED, token)
}
