import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { DerReader } from '../asn1/der-reader.ts'
import { TAG } from '../asn1/tag.ts'
import { readTime } from '../asn1/time.ts'
import { quote } from '../common/quote.ts'
import { TimestampError } from './timestamp-error.ts'
import type { TimestampRequest } from './timestamp-request.ts'

/** The fields of a TSTInfo that are used. */
export interface TstInfo {
  readonly genTime: Date
  readonly tsa?: pkijs.GeneralName
}

/**
 * Reads a TSTInfo (RFC 3161 2.4.2), and checks that it matches the request and the present time.
 *
 * @param der TSTInfo
 * @param toleranceMs between the authority's clock and this one
 * @throws TimestampError when it does not match, and Error when it is malformed
 */
export function readTstInfo(der: Buffer, asked: TimestampRequest, toleranceMs: number): TstInfo {
  const { offset, result } = asn1js.fromBER(der)
  const info = new pkijs.TSTInfo({ schema: result })
  if (offset !== der.length || info.version !== 1) {
    throw new TimestampError('malformed', 'sent a timestamp of an unknown version')
  }
  const { tsa } = info
  const genTime = readGenTime(der)
  const problem = findMismatch(info, asked) ?? findClockProblem(genTime, toleranceMs)
  if (problem !== undefined) {
    throw new TimestampError('mismatch', problem)
  }
  return tsa === undefined ? { genTime } : { genTime, tsa }
}

/** Reads the time strictly, since pkijs accepts malformed ones. */
function readGenTime(der: Buffer): Date {
  const info = new DerReader(der).enter(TAG.sequence)
  for (const tag of [TAG.integer, TAG.objectIdentifier, TAG.sequence, TAG.integer]) {
    info.element(tag) // version, policy, messageImprint, serialNumber
  }
  return readTime(info, { fractions: true })
}

function findMismatch(info: pkijs.TSTInfo, asked: TimestampRequest): string | undefined {
  const { hashAlgorithm, hashedMessage } = info.messageImprint
  if (
    hashAlgorithm.algorithmId !== asked.hashAlgorithm.oid ||
    !asked.digest.equals(hashedMessage.valueBlock.valueHexView)
  ) {
    return 'timestamped another digest than the one it was sent'
  }
  if (info.nonce === undefined || !asked.nonce.equals(info.nonce.valueBlock.valueHexView)) {
    return 'did not send the nonce of the request back: the timestamp is that of another request'
  }
  if (asked.policy !== undefined && info.policy !== asked.policy) {
    return `timestamped under the policy ${quote(info.policy)}, not under the one that was asked for; correct the policy, or leave it out`
  }
  const critical = info.extensions?.find((extension) => extension.critical)
  return (
    critical && `sent a timestamp with a critical extension that is not supported, ${quote(critical.extnID)}`
  )
}

function findClockProblem(genTime: Date, toleranceMs: number): string | undefined {
  const offBy = genTime.getTime() - Date.now()
  return Math.abs(offBy) > toleranceMs
    ? `gave a time that is ${Math.round(offBy / 1000)} seconds off this clock; check both clocks`
    : undefined
}
