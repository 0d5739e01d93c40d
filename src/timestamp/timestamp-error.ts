/** What became of a request to an authority, in a word for metrics. */
export type TimestampOutcome =
  | 'granted'
  /** Of its files one cannot be read, or not be used. */
  | 'misconfigured'
  | 'unreachable'
  | 'timeout'
  /** The status or the type of its answer is not that of a timestamp. */
  | 'http_error'
  | 'malformed'
  /** In its own words. */
  | 'rejected'
  /** A timestamp of something else, under another policy, or at another time. */
  | 'mismatch'
  /** Neither its signature nor its certificates may be wrong. */
  | 'untrusted'
  /** A certificate of the authority was revoked. */
  | 'revoked'
  /** Whoever wanted the timestamp does so no more. */
  | 'abandoned'

/** The outcomes of requests that bring no good timestamp. */
export type TimestampFailure = Exclude<TimestampOutcome, 'granted' | 'abandoned'>

/** An authority gave no timestamp that is any good. The message goes on after the authority's name. */
export class TimestampError extends Error {
  readonly outcome: TimestampFailure
  /** What the authority itself said, which can be anything. */
  readonly statusText: string | undefined

  constructor(outcome: TimestampFailure, message: string, said?: string) {
    super(message)
    this.name = 'TimestampError'
    this.outcome = outcome
    this.statusText = said
  }
}
