import { randomBytes } from 'node:crypto'
import * as asn1js from 'asn1js'
import { toDer } from './der.ts'
import { SignPdfError } from './errors.ts'
import { askAuthority } from './exchange.ts'
import { digest } from './hash.ts'
import { HASH_OIDS } from './signature-options.ts'
import { timestampTokenOf } from './timestamp-response.ts'

/**
 * Asks a timestamp authority for a timestamp over `data`, hashed with SHA-256 (RFC 3161 2.4, 3.4). Whether the token is
 * right is left to whoever validates the signature.
 *
 * @param timeoutMs limit of the whole exchange
 * @returns DER of the TimeStampToken
 * @throws SignPdfError NO_TIMESTAMP
 */
export async function fetchTimestamp(url: string, data: Uint8Array, timeoutMs: number): Promise<Buffer> {
  try {
    const body = timestampRequest(data)
    return timestampTokenOf(
      await askAuthority(url, timeoutMs, { contentType: 'application/timestamp-query', body }),
    )
  } catch (cause) {
    const reason = (cause as Error).message
    throw new SignPdfError('NO_TIMESTAMP', `There is no timestamp: ${url} ${reason}`, { cause })
  }
}

/** DER of a TimeStampReq that asks for the authority's certificates, too. */
function timestampRequest(data: Uint8Array): Buffer {
  const hashAlgorithm = new asn1js.Sequence({
    value: [new asn1js.ObjectIdentifier({ value: HASH_OIDS.sha256 }), new asn1js.Null()],
  })
  const hashedMessage = new asn1js.OctetString({ valueHex: digest('sha256', data) })
  // An INTEGER that begins with 01 is positive and has no padding (X.690 8.3.2)
  const nonce = Buffer.concat([Buffer.from([1]), randomBytes(7)])
  return toDer(
    new asn1js.Sequence({
      value: [
        new asn1js.Integer({ value: 1 }),
        new asn1js.Sequence({ value: [hashAlgorithm, hashedMessage] }),
        new asn1js.Integer({ valueHex: nonce }),
        new asn1js.Boolean({ value: true }),
      ],
    }),
  )
}
