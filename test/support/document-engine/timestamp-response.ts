import * as asn1js from 'asn1js'
import { parseDer } from './der.ts'

/** PKIStatus granted and grantedWithMods (RFC 3161 2.4.2). */
const GRANTED: readonly unknown[] = [0, 1]

/**
 * Returns the TimeStampToken (DER) of a DER TimeStampResp (RFC 3161 2.4.2).
 *
 * @throws Error where there is none; its message is a predicate of the authority, such as `grants none, status 2`
 */
export function timestampTokenOf(answer: Uint8Array): Buffer {
  const response = parseDer(answer)
  const [info, token] = response instanceof asn1js.Sequence ? response.valueBlock.value : []
  const status = info instanceof asn1js.Sequence ? info.valueBlock.value[0] : undefined
  if (!(status instanceof asn1js.Integer))
    throw new Error('answered with something else than a TimeStampResp')
  if (!GRANTED.includes(status.valueBlock.valueDec) || token === undefined) {
    throw new Error(`grants none, status ${status.valueBlock.valueDec}`)
  }
  return Buffer.from(token.valueBeforeDecodeView)
}
