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
  /** Chains of this authority that were verified with these anchors. */
  readonly known: KnownChains
}

/** A verified timestamp. */
export interface Timestamp {
  /** DER TimeStampToken (RFC 3161 2.4.2): a ContentInfo with a SignedData. */
  readonly token: Buffer
  /** The authority's certificate first, then its issuers as far as they are known. */
  readonly path: readonly X509Certificate[]
}

/**
 * Verifies an authority's answer as RFC 3161 2.2 demands of the requester, except for revocation.
 *
 * @param answer any bytes
 * @throws TimestampError that says what is wrong with the answer
 */
export function verifyResponse(answer: Buffer, expected: VerificationContext): Timestamp {
  try {
    const token = readTimestampResponse(withDefiniteLengths(answer))
    return { token, path: check(readTimestampToken(token), expected) }
  } catch (error) {
    if (error instanceof TimestampError) {
      throw error
    }
    // The parsers' own messages would not help an operator
    throw new TimestampError('malformed', 'answered with something other than a timestamp')
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
