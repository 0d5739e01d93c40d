/** The outcome of a request to an authority, in a word for metrics. */
export type TimestampOutcome =
  | 'granted'
  /** A configured file cannot be read or used. */
  | 'misconfigured'
  | 'unreachable'
  | 'timeout'
  /** The answer has an HTTP status or content type that is not that of a timestamp. */
  | 'http_error'
  | 'malformed'
  /** The authority refused, with a PKIStatus (RFC 3161 2.4.2). */
  | 'rejected'
  /** The timestamp is about other data, under another policy, or of another time. */
  | 'mismatch'
  /** The signature or the certificates are not valid. */
  | 'untrusted'
  /** A certificate of the authority was revoked. */
  | 'revoked'
  /** Others have the connections for so long that its answer would come too late. */
  | 'crowded'
  /** The caller no longer wants the timestamp. */
  | 'abandoned'

/** The outcomes of requests without a valid timestamp. */
export type TimestampFailure = Exclude<TimestampOutcome, 'granted' | 'abandoned'>

/** An authority gave no valid timestamp. The message follows the authority's name. */
export class TimestampError extends Error {
  readonly outcome: TimestampFailure
  /** The PKIFreeText of the authority, which can be any text. */
  readonly statusText: string | undefined

  constructor(outcome: TimestampFailure, message: string, statusText?: string) {
    super(message)
    this.name = 'TimestampError'
    this.outcome = outcome
    this.statusText = statusText
  }
}
