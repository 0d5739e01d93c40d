/** Describes the refusals of an address: by status, with an example for each code. */
import { STATUS_CODES } from 'node:http'
import { sharedAnswer } from '../../schemas/answers.ts'
import { ERROR_TYPES, type ErrorType } from '../common/error-types.ts'
import * as errors from '../errors.ts'
import type { Answer, Answers, Examples } from './operation.ts'

/** Words of an example where the error has none of its own, keyed by code. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  INVALID_REQUEST: ['data_to_be_signed: is required for a raw signature'],
  UNSUPPORTED_HASH_ALGORITHM: ['sha256, sha384, sha512'],
  DIGEST_MISMATCH: ['digest', 'sha256 digest of the contents', ', or leave it out'],
  PAYLOAD_TOO_LARGE: ['The body is larger than the 157286400 bytes that SIGNING_SERVICE_BODY_LIMIT allows'],
  UNSUPPORTED_MEDIA_TYPE: ['The body must be sent as Content-Type: application/json'],
  NOT_ALLOWED: ['signer: this caller may not use it'],
  RATE_LIMITED: ['This caller', '600', '42'],
  METHOD_NOT_ALLOWED: ['POST, OPTIONS'],
  UNKNOWN_SIGNER: ['signing_token'],
  SIGNER_MISMATCH: ['signing_token: names another signer than the path'],
  NOT_ALLOWED_FOR_SIGNER: ['signature_container: this signer makes PKCS#7 containers alone; ask for pkcs7'],
  CERTIFICATE_NOT_VALID: ['The certificate of CN=Contracts has expired'],
  CERTIFICATE_REVOKED: ['CN=Contracts', '2026-03-01T07:00:00.000Z', 'keyCompromise'],
  CONTAINER_TOO_LARGE: ['40211', '32768'],
  TIMESTAMP_UNAVAILABLE: ['no answer; the log has the details'],
  REVOCATION_UNAVAILABLE: ['there is no fresh answer about the certificate of CN=Contracts'],
}

/** Headers of refusals, keyed by status. */
const HEADERS: Readonly<Record<number, Answer['headers']>> = {
  401: { 'WWW-Authenticate': { type: 'string', description: 'Bearer' } },
  429: { 'Retry-After': { type: 'integer', description: 'seconds until another attempt may succeed' } },
  503: {
    'Retry-After': {
      type: 'integer',
      description:
        'seconds until another attempt may succeed; with AUDIT_UNAVAILABLE, HSM_BUSY and SERVICE_BUSY alone',
    },
  },
}

/** Refusals that any request may meet, whatever it asks for. */
const ANYWHERE: readonly ErrorType[] = [
  ...[errors.NOT_FOUND, errors.METHOD_NOT_ALLOWED],
  ...[errors.REQUEST_TIMEOUT, errors.EXPECTATION_FAILED, errors.HEADERS_TOO_LARGE],
]

/** Describes these refusals, each under its status, and under `default` those that any request may meet. */
export function describeRefusals(types: readonly ErrorType[]): Answers {
  const statuses = [...new Set(types.map(statusOf))].sort()
  const described = statuses.map((status) => {
    const ofStatus = types.filter((type) => statusOf(type) === status)
    return [status, describe(ofStatus, HEADERS[status])]
  })
  return { ...Object.fromEntries(described), default: describe(ANYWHERE) }
}

function statusOf(type: ErrorType): number {
  return new type().statusCode
}

function describe(types: readonly ErrorType[], headers: Answer['headers'] = {}): Answer {
  const codes = types.map((type) => new type().code)
  const examples = Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]))
  return {
    description: codes.join(', '),
    headers,
    content: { 'application/json': { schema: sharedAnswer('Refusal'), examples } },
  }
}

/** Examples of refusals, keyed by code. */
export const EXAMPLES: Examples = Object.fromEntries(
  ERROR_TYPES.map((type) => {
    const { code } = new type()
    const { statusCode, message } = new type(...(WORDS[code] ?? []))
    const requestId = '79230a91-5ec5-4c4b-8f3c-05ce8d35b733'
    return [code, { value: { statusCode, code, error: STATUS_CODES[`${statusCode}`], message, requestId } }]
  }),
)
