export type HttpFailure =
  | 'unreachable'
  /** The status is not 200. */
  | 'status'
  /** A redirect leads to an address that must not be asked. */
  | 'redirect'
  /** The answer has more bytes or chunks than it may have. */
  | 'too_large'
  /** OpenSSL refuses the configured CA, certificate or key. */
  | 'tls_files'

/** Says why there is no usable answer. The message is for logs, and follows the name of the server. */
export class HttpError extends Error {
  readonly failure: HttpFailure
  /** The HTTP status, if that is the failure. */
  readonly status: number | undefined

  constructor(failure: HttpFailure, message: string, status?: number) {
    super(message)
    this.name = 'HttpError'
    this.failure = failure
    this.status = status
  }
}
