/** What went wrong; the message says it in words. */
export type SignPdfErrorCode =
  | 'NOT_A_PDF'
  | 'ENCRYPTED_PDF'
  | 'LOCKED_PDF'
  | 'SERVICE_UNREACHABLE'
  | 'SERVICE_TIMEOUT'
  | 'SERVICE_REFUSED'
  | 'INVALID_ANSWER'
  | 'CONTAINER_TOO_LARGE'
  | 'NO_TIMESTAMP'
  | 'NO_VALIDATION_DATA'

/** The signing service's own words, when it answered with another status than 200. */
export interface Refusal {
  /** HTTP status. */
  status: number
  /** `code` of the JSON error body, if there was one. */
  code: string | undefined
  /** `message` of the JSON error body, or the text of any other body. */
  message: string
}

/** Every failure of the stand-in that is not a mistake in its own code. */
export class SignPdfError extends Error {
  override readonly name = 'SignPdfError'
  readonly code: SignPdfErrorCode
  readonly refusal: Refusal | undefined

  constructor(code: SignPdfErrorCode, message: string, details: { cause?: unknown; refusal?: Refusal } = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.refusal = details.refusal
  }
}
