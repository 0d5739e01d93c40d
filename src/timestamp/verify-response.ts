import type { X509Certificate } from 'node:crypto'
import type { TimestampAuthority } from '../configuration/timestamp-authority.ts'
import { traceAuthority } from './authority-certificate.ts'
import { isNameOf } from './authority-name.ts'
import { withDefiniteLengths } from './definite-lengths.ts'
import type { KnownChains } from './known-chains.ts'
import { TimestampError } from './timestamp-error.ts'
import type { TimestampRequest } from './timestamp-request.ts'
import { readTimestampResponse } from './timestamp-response.ts'
import { readTimestampToken, type TimestampToken } from './timestamp-token.ts'
import { findTokenProblem } from './token-signature.ts'
import { readTstInfo } from './tst-info.ts'

export interface VerificationContext {
  readonly asked: TimestampRequest
  readonly trustAnchors: TimestampAuthority['trustAnchors']
  /** Milliseconds between the authority's clock and this one. */
  readonly clockToleranceMs: number
  /** Of this authority, with these anchors. */
  readonly known: KnownChains
}

/** What an authority gave, of which all is right. */
export interface Timestamp {
  /** DER TimeStampToken (RFC 3161 2.4.2): a ContentInfo with a SignedData. */
  readonly token: Buffer
  /** The authority's certificate, and its issuers as far as they are known. */
  readonly path: readonly X509Certificate[]
}

/**
 * The token of an authority's answer, once all that RFC 3161 2.2 has the requester verify is right, but for
 * revocation, about which nobody is asked.
 *
 * @param answer bytes, of anything
 * @throws TimestampError
 */
export function verifyResponse(answer: Buffer, expected: VerificationContext): Timestamp {
  try {
    const token = readTimestampResponse(withDefiniteLengths(answer))
    return { token, path: check(readTimestampToken(token), expected) }
  } catch (error) {
    if (error instanceof TimestampError) {
      throw error
    }
    // Why it is none would be told in terms of the parsers
    throw new TimestampError('malformed', 'answered with what is no timestamp')
  }
}

function check(
  token: TimestampToken,
  { asked, trustAnchors, clockToleranceMs, known }: VerificationContext,
): readonly X509Certificate[] {
  const { signer, certificates } = token
  const { genTime, tsa } = readTstInfo(token.tstInfo, asked, clockToleranceMs)
  const sent = [signer.x509, ...certificates]
  const path = known.find(sent, genTime) ?? traceAuthority(signer.x509, certificates, trustAnchors, genTime)
  if (typeof path === 'string') {
    throw new TimestampError('untrusted', `cannot be trusted: ${path}`)
  }
  const problem = findTokenProblem(token)
  if (problem !== undefined) {
    throw new TimestampError('untrusted', `cannot be trusted: ${problem}`)
  }
  if (tsa !== undefined && !isNameOf(tsa, signer.parsed)) {
    throw new TimestampError('untrusted', 'gives itself another name than its certificate has')
  }
  if (!known.paths.includes(path)) {
    known.keep(sent, path)
  }
  return path
}
