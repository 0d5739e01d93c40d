/** The kind of a failure, for those who treat some of them differently. */
export type HttpFailure =
  | 'unreachable'
  /** The status is another one than 200. */
  | 'status'
  /** A redirect leads where it is not followed. */
  | 'redirect'
  /** It takes more to read than any answer should. */
  | 'too_large'
  /** OpenSSL refuses the CA, certificate or key that were given. */
  | 'tls_files'

/** There is no answer that could be used. The message is for logs, and goes on after the name of who was asked. */
export class HttpError extends Error {
  readonly failure: HttpFailure
  /** The HTTP status, where that is what failed. */
  readonly status: number | undefined

  constructor(failure: HttpFailure, message: string, status?: number) {
    super(message)
    this.name = 'HttpError'
    this.failure = failure
    this.status = status
  }
}
