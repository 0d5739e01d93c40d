import type { TimestampAuthority } from './authority.ts'
import { traceAuthority } from './authority-certificate.ts'
import { isNameOf } from './authority-name.ts'
import { withDefiniteLengths } from './definite-lengths.ts'
import type { KnownChain } from './known-chain.ts'
import { TimestampFault } from './timestamp-fault.ts'
import type { AskedTimestamp } from './timestamp-request.ts'
import { readTimestampResponse } from './timestamp-response.ts'
import { readTimestampToken, type TimestampToken } from './timestamp-token.ts'
import { describeWrongToken } from './token-signature.ts'
import { readTstInfo } from './tst-info.ts'

export interface Expectation {
  readonly asked: AskedTimestamp
  readonly trustAnchors: TimestampAuthority['trustAnchors']
  /** Milliseconds between the authority's clock and this one. */
  readonly clockToleranceMs: number
  /** Of this authority, with these anchors. */
  readonly known: KnownChain
}

/**
 * The token of an authority's answer, once all that RFC 3161 2.2 has the requester verify is right, but for
 * revocation, about which nobody is asked.
 *
 * @param answer bytes, of anything
 * @returns DER TimeStampToken (a ContentInfo)
 * @throws TimestampFault
 */
export function acceptAnswer(answer: Buffer, expected: Expectation): Buffer {
  try {
    const token = readTimestampResponse(withDefiniteLengths(answer))
    check(readTimestampToken(token), expected)
    return token
  } catch (error) {
    if (error instanceof TimestampFault) {
      throw error
    }
    // Why it is none would be told in terms of the parsers
    throw new TimestampFault('malformed', 'answered with what is no timestamp')
  }
}

function check(token: TimestampToken, { asked, trustAnchors, clockToleranceMs, known }: Expectation): void {
  const { signer, certificates } = token
  const { genTime, tsa } = readTstInfo(token.tstInfo, asked, clockToleranceMs)
  const sent = [signer.x509, ...certificates]
  const path = known.covers(sent, genTime) || traceAuthority(signer.x509, certificates, trustAnchors, genTime)
  const problem = typeof path === 'string' ? path : describeWrongToken(token)
  if (problem !== undefined) {
    throw new TimestampFault('untrusted', `cannot be trusted: ${problem}`)
  }
  if (tsa !== undefined && !isNameOf(tsa, signer.parsed)) {
    throw new TimestampFault('untrusted', 'gives itself another name than its certificate has')
  }
  if (Array.isArray(path)) {
    known.keep(sent, path)
  }
}
