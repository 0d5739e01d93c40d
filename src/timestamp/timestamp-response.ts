import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { TimestampError } from './timestamp-error.ts'

/** PKIStatus (RFC 3161 2.4.2); the first two come with a token. */
const STATUSES = [
  'granted',
  'granted with modifications',
  'rejection',
  'waiting',
  'revocation warning',
  'revocation notification',
]
const GRANTED_WITH_MODS = 1

/** Messages with advice, keyed by the bits of PKIFailureInfo (RFC 3161 2.4.2). */
const FAILURES = new Map([
  [0, 'it does not take this hash algorithm; choose another'],
  [2, 'it does not allow or support the request; ask it what its customers may do'],
  [5, 'it takes the request to be in a wrong format'],
  [14, 'its clock is not available; try again later'],
  [15, 'it does not have the policy that is asked for; correct the policy, or leave it out'],
  [16, 'it does not support an extension, though none is asked for'],
  [17, 'what is asked for beside the timestamp is not known or not available'],
  [25, 'it has failed by itself; try again later'],
])
/** Characters of an authority's own text in messages. */
const MAX_STATUS_TEXT = 200

/**
 * Reads the token of a `TimeStampResp` (RFC 3161 2.4.2). It verifies nothing in the token.
 *
 * @param answer DER
 * @returns DER ContentInfo, as it is in the answer
 * @throws TimestampError when the authority has rejected the request, and Error when the answer is malformed
 */
export function readTimestampResponse(answer: Buffer): Buffer {
  const sequence = asn1js.fromBER(answer).result
  const { status, timeStampToken } = new pkijs.TimeStampResp({ schema: sequence })
  if (status.status > GRANTED_WITH_MODS) {
    throw new TimestampError('rejected', describeRejection(status), readStatusText(status))
  }
  if (timeStampToken === undefined) {
    throw new TimestampError('malformed', 'granted a timestamp, but sent none')
  }
  const [, token] = (sequence as asn1js.Sequence).valueBlock.value
  return Buffer.from((token as asn1js.Sequence).valueBeforeDecodeView)
}

function describeRejection({ status, failInfo }: pkijs.PKIStatusInfo): string {
  const bits = failInfo?.valueBlock.valueHexView ?? new Uint8Array()
  const failures = [...FAILURES].filter(([bit]) => ((bits[bit >> 3] ?? 0) << (bit & 7)) & 0x80)
  return [`rejected the request (${STATUSES[status]})`, ...failures.map(([, text]) => text)].join(': ')
}

/** Returns the text in one line, without control characters; undefined if there is none. */
function readStatusText({ statusStrings = [] }: pkijs.PKIStatusInfo): string | undefined {
  const text = statusStrings.map(({ valueBlock }) => valueBlock.value).join(' ')
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, ' ').slice(0, MAX_STATUS_TEXT) || undefined
}
