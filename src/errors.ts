/**
 * Lists every error that a caller or an operator can meet, with its code, its HTTP status and its message.
 *
 * Messages say what to do. None holds a path, a PIN, a signing token, a byte of a document or a stack, since this
 * service and Document Engine print them to their logs.
 */
import createError from '@fastify/error'
import { BODY_PERIOD_MS, HEADERS_TIMEOUT_MS, MIN_BODY_BYTES, REQUEST_TIMEOUT_MS } from './common/arrival.ts'

// Errors of the request
export const INVALID_REQUEST = createError('INVALID_REQUEST', '%s', 400)
export const UNKNOWN_ACTION = createError(
  'UNKNOWN_ACTION',
  'action: must be one of sign, sign_pkcs7 and get_certificates',
  400,
)
export const UNSUPPORTED_HASH_ALGORITHM = createError(
  'UNSUPPORTED_HASH_ALGORITHM',
  'hash_algorithm: must be one of %s',
  400,
)
export const DIGEST_MISMATCH = createError(
  'DIGEST_MISMATCH',
  '%s: is not the %s; send the matching digest%s',
  400,
)
export const PAYLOAD_TOO_LARGE = createError('PAYLOAD_TOO_LARGE', '%s', 413)
export const UNSUPPORTED_MEDIA_TYPE = createError('UNSUPPORTED_MEDIA_TYPE', '%s', 415)

// Errors of the caller
export const SIGNING_TOKEN_MISSING = createError(
  'SIGNING_TOKEN_MISSING',
  'signing_token: is required, or an Authorization header with a Bearer token',
  401,
)
export const SIGNING_TOKEN_INVALID = createError(
  'SIGNING_TOKEN_INVALID',
  'The token is not valid: have another one issued, and send it in one place',
  401,
)
export const NOT_ALLOWED = createError('NOT_ALLOWED', '%s', 403)
export const RATE_LIMITED = createError(
  'RATE_LIMITED',
  '%s may have %s signatures in a minute, and has had them; try again in %s s',
  429,
)
export const ORIGIN_NOT_ALLOWED = createError(
  'ORIGIN_NOT_ALLOWED',
  'Browser pages of this origin may not call; CORS_ORIGINS lists those that may',
  403,
)

// Errors of the connection
export const REQUEST_TIMEOUT = createError(
  'REQUEST_TIMEOUT',
  `The request did not arrive in time: its headers must come within ${HEADERS_TIMEOUT_MS / 1000} s, at least ` +
    `${MIN_BODY_BYTES} bytes of its body every ${BODY_PERIOD_MS / 1000} s, and all of it within ${REQUEST_TIMEOUT_MS / 1000} s`,
  408,
)
export const EXPECTATION_FAILED = createError(
  'EXPECTATION_FAILED',
  'Expect: 100-continue is the only expectation that is met',
  417,
)
export const HEADERS_TOO_LARGE = createError(
  'HEADERS_TOO_LARGE',
  'The headers are too large, or more than 200, or Accept or the query has more than 1024 characters',
  431,
)

// Errors of the address
export const NOT_FOUND = createError(
  'NOT_FOUND',
  'There is nothing at this address; requests to sign go to POST /sign of SIGNING_SERVICE_PORT',
  404,
)
export const METHOD_NOT_ALLOWED = createError('METHOD_NOT_ALLOWED', 'This address answers %s', 405)

// Errors of the service
export const AUDIT_UNAVAILABLE = createError(
  'AUDIT_UNAVAILABLE',
  'Decisions cannot be recorded at the moment, so nothing is signed; see the log',
  503,
)
export const SERVICE_BUSY = createError(
  'SERVICE_BUSY',
  'Too many large documents at once; try again in a moment',
  503,
)

export const ACCESS_UNAVAILABLE = createError(
  'ACCESS_UNAVAILABLE',
  'Tokens cannot be verified at the moment, as the keys for it are not there; see the log',
  503,
)

// Errors of the signer
export const UNKNOWN_SIGNER = createError(
  'UNKNOWN_SIGNER',
  '%s: names a signer that this service does not have',
  400,
)
export const SIGNER_MISMATCH = createError('SIGNER_MISMATCH', '%s', 400)
export const NOT_ALLOWED_FOR_SIGNER = createError('NOT_ALLOWED_FOR_SIGNER', '%s', 400)
export const CERTIFICATE_NOT_VALID = createError('CERTIFICATE_NOT_VALID', '%s', 500)
export const CERTIFICATE_REVOKED = createError(
  'CERTIFICATE_REVOKED',
  'The certificate of %s was revoked at %s (%s); have another one issued, or, where it is one of several of an authority, take it ' +
    'out of the files',
  500,
)
export const SIGNATURE_SELF_CHECK_FAILED = createError(
  'SIGNATURE_SELF_CHECK_FAILED',
  'The HSM returned a signature that does not verify with the signer certificate; it was discarded',
  500,
)

// Errors of the HSM
export const HSM_BUSY = createError(
  'HSM_BUSY',
  'More is asked for than the HSM signs in time; try again in a moment',
  503,
)
export const HSM_UNAVAILABLE = createError(
  'HSM_UNAVAILABLE',
  'The HSM cannot sign at the moment; see /health/ready',
  503,
)
export const HSM_TIMEOUT = createError('HSM_TIMEOUT', 'The HSM did not sign within HSM_TIMEOUT_MS', 504)

// Errors of the container
export const CONTAINER_TOO_LARGE = createError(
  'CONTAINER_TOO_LARGE',
  'The container has %s bytes, more than the %s that CONTAINER_SIZE_LIMIT allows; raise it together with ' +
    "Document Engine's estimatedSize",
  500,
)

// Errors of timestamp authorities and of sources of revocation information
export const TIMESTAMP_UNAVAILABLE = createError(
  'TIMESTAMP_UNAVAILABLE',
  'No authority gave a timestamp that is any good: %s',
  503,
)

export const REVOCATION_UNAVAILABLE = createError(
  'REVOCATION_UNAVAILABLE',
  'The container cannot be made to hold for long, as revocation information is missing: %s',
  503,
)

// All other errors
export const INTERNAL_ERROR = createError(
  'INTERNAL_ERROR',
  'The request could not be completed; the log has the details under this requestId',
  500,
)

/** The fields that all log lines about a token have. */
export interface TokenFields {
  /** Name of the token, as in metrics. */
  readonly token: string
  /** Names of the signers that use the token. */
  readonly signers: readonly string[]
  /** Path of the file with the PIN, or the variable or the secret that holds it. */
  readonly pinFile: string
}

/** Says what is wrong with one variable of the configuration, and what a right value looks like. */
export interface ConfigurationProblem {
  variable: string
  message: string
  /** The token that the problem is about; absent if it was found before a token was reached. */
  token?: TokenFields
  /** True if the problem may pass without a change of the configuration, for example while the HSM is away. */
  isTemporary?: boolean
  /** True if this user may not read a file, or not write to its folder, as another one may. */
  isForbidden?: boolean
  /**
   * Message for everybody who reaches the service, without names, paths and addresses; absent if only the log has one.
   */
  publicMessage?: string
}

/** Stops the start of a service whose configuration cannot work. It has all problems, not only the first. */
export class ConfigurationError extends Error {
  readonly code = 'CONFIGURATION'
  readonly problems: readonly ConfigurationProblem[]

  constructor(problems: readonly ConfigurationProblem[]) {
    super(problems.map(({ variable, message }) => `${variable}: ${message}`).join('; '))
    this.name = 'ConfigurationError'
    this.problems = problems
  }

  /** True if every problem may pass without a change of the configuration. */
  get isTemporary(): boolean {
    return this.problems.every(({ isTemporary }) => isTemporary)
  }
}

/**
 * Refuses a configuration that has problems.
 *
 * @throws ConfigurationError
 */
export function refuseProblems(problems: readonly ConfigurationProblem[]): void {
  if (problems.length > 0) {
    throw new ConfigurationError(problems)
  }
}

/** EX_CONFIG of sysexits.h tells a supervisor that restarting the service does not help. */
export const EXIT_CONFIGURATION = 78
