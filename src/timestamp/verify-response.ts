import type { X509Certificate } from 'node:crypto'
import * as asn1js from 'asn1js'
import * as pkijs from 'pkijs'
import { withDefiniteLengths } from '../asn1/definite-lengths.ts'
import { findAttributesProblem } from '../cms/signed-attributes-reader.ts'
import { rebuild } from '../cms/signed-data-reader.ts'
import type { TimestampAuthority } from '../configuration/timestamp-authority.ts'
import { isIssuedBy } from '../x509/chain.ts'
import { readForReview } from '../x509/review/reviewed-certificate.ts'
import { isAmong, type KnownChains, traceAuthority } from './authority-chains.ts'
import { TimestampError } from './timestamp-error.ts'
import type { TimestampRequest } from './timestamp-request.ts'
import {
  checkAnswer,
  findTokenProblem,
  isNameOf,
  namedAttributeCertificates,
  namesIssuer,
  namesOnly,
  readTimestampToken,
  readTstInfo,
  type TimestampToken,
  type TstInfo,
} from './timestamp-token.ts'

export interface VerificationContext {
  readonly asked: TimestampRequest
  readonly trustAnchors: TimestampAuthority['trustAnchors']
  /** Milliseconds between the authority's clock and this one. */
  readonly clockToleranceMs: number
  /** Chains of this authority that were verified with these anchors. */
  readonly known: KnownChains
  /** Issuers that are known to be revoked. No path leads through them, and they are not kept in the token; none by default. */
  readonly revoked?: readonly X509Certificate[]
}

/** A verified timestamp. */
export interface Timestamp {
  /** DER TimeStampToken (RFC 3161 2.4.2): a ContentInfo with a SignedData. It has all issuers of `path` below a root. */
  readonly token: Buffer
  /** The authority's certificate first, then its issuers as far as they are known. */
  readonly path: readonly X509Certificate[]
  /** The time that the authority gave. */
  readonly time: Date
}

/**
 * Verifies an authority's answer as RFC 3161 2.2 demands of the requester, except for revocation.
 *
 * @param answer any bytes
 * @throws TimestampError that says what is wrong with the answer
 */
export function verifyResponse(answer: Buffer, expected: VerificationContext): Timestamp {
  try {
    const encoded = readTimestampResponse(withDefiniteLengths(answer))
    const token = readTimestampToken(encoded)
    const info = readTstInfo(token.tstInfo)
    checkAnswer(info, expected.asked, expected.clockToleranceMs)
    const path = verifyToken(token, info, expected)
    const problem = findAttributesProblem(token.signedAttributes)
    if (problem !== undefined) {
      throw new TimestampError('untrusted', `has signed attributes that not all verifiers take: ${problem}`)
    }
    return {
      path,
      token: rebuild(encoded, token.signer, chooseCertificates(token, path, expected.revoked)),
      time: info.genTime,
    }
  } catch (error) {
    if (error instanceof TimestampError) {
      throw error
    }
    // The parsers' own messages would not help an operator
    throw new TimestampError('malformed', 'answered with something other than a timestamp')
  }
}

/**
 * Most bytes of certificates beside the path that are kept in a token. The cross-certificate of a root has less than 2,000, and whoever
 * adds one on the way must not take the room of revocation data.
 */
const MAX_OTHERS_BYTES = 4_000

/**
 * Chooses the certificates of a token: those of the path, of which the authority need not have sent the root; whoever has that alone
 * could not verify a token without the others. Beside them are kept others that it sent and that are above its own, for those who
 * trust another root. Nobody has signed what else is there, and it may keep verifiers from reading the token. Those of the path come
 * first: OpenSSL takes the first one that fits, and anybody can make another one with the name and the key of an issuer.
 *
 * @returns DER
 */
function chooseCertificates(
  token: TimestampToken,
  path: readonly X509Certificate[],
  revoked: readonly X509Certificate[] = [],
): Buffer[] {
  const { certificates } = token
  const own = path.filter(
    (one, index) => index === 0 || index < path.length - 1 || isAmong(certificates, one),
  )
  const others = new Set(certificates.filter((one) => !isAmong([...path, ...revoked], one)))
  const kept = [...own]
  let left = MAX_OTHERS_BYTES
  for (const certificate of kept) {
    for (const other of others) {
      if (other.raw.length <= left && isIssuedBy(certificate, other) && isReadable(other)) {
        others.delete(other)
        kept.push(other)
        left -= other.raw.length
      }
    }
  }
  return [...kept.map(({ raw }) => raw), ...namedAttributeCertificates(token)]
}

/** Returns whether all verifiers can read a certificate. */
function isReadable(certificate: X509Certificate): boolean {
  const read = readForReview(certificate)
  return read?.version === 3 && read.unreadable === undefined && read.malformed.length === 0
}

/**
 * Verifies whose timestamp a token is: its signature, the authority's name, and the chain of its certificate.
 *
 * @returns the authority's certificate first, then its issuers as far as they are known
 * @throws TimestampError, and Error when the signed attributes are malformed
 */
export function verifyToken(
  token: TimestampToken,
  { genTime, tsa }: Pick<TstInfo, 'genTime' | 'tsa'>,
  { trustAnchors, known, revoked }: Pick<VerificationContext, 'trustAnchors' | 'known' | 'revoked'>,
): readonly X509Certificate[] {
  const { signer, certificates } = token
  const sent = [signer, ...certificates]
  const before = known.find(sent, genTime, revoked)
  const isNamed = (issuer: X509Certificate) => namesIssuer(token, issuer)
  const path = before ?? traceAuthority(signer, certificates, trustAnchors, genTime, isNamed, revoked)
  if (typeof path === 'string') {
    throw new TimestampError('untrusted', `cannot be trusted: ${path}`)
  }
  const problem = findTokenProblem(token)
  if (problem !== undefined) {
    throw new TimestampError('untrusted', `cannot be trusted: ${problem}`)
  }
  if (!namesOnly(token, path)) {
    throw new TimestampError(
      'untrusted',
      'cannot be trusted: its signed signing-certificate names an issuer that is not in the path of its certificate',
    )
  }
  if (tsa !== undefined && !isNameOf(tsa, signer)) {
    throw new TimestampError('untrusted', 'gives itself another name than its certificate has')
  }
  return before ?? known.keep(sent, path)
}

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
