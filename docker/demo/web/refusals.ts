/** Explains what went wrong, to a person at the page. */
export interface Explanation {
  readonly sentence: string
  readonly advice: string
}

const TRY_AGAIN = 'Wait a moment, and sign once more.'
const LOG = 'The log, .demo/server.log, has the reason under the request id.'

/** Keyed by the codes of the service's refusals. */
const REFUSALS: Readonly<Record<string, Explanation>> = {
  INVALID_REQUEST: {
    sentence: 'The service did not understand the request.',
    advice: 'Its words below name the field. Nothing was signed.',
  },
  UNKNOWN_ACTION: {
    sentence: 'The service does not know what was asked of it.',
    advice: 'Page and service are of different versions: start the demo again.',
  },
  UNSUPPORTED_HASH_ALGORITHM: {
    sentence: 'The service does not sign with this hash algorithm.',
    advice: 'HASH_ALGORITHMS, or the signer’s own list, has those that it signs with.',
  },
  DIGEST_MISMATCH: {
    sentence: 'The hash that was sent is not that of the data to sign.',
    advice: 'The document has changed while it was being signed: choose it again.',
  },
  PAYLOAD_TOO_LARGE: {
    sentence: 'The request is larger than the service accepts.',
    advice: 'Send the hash alone, as this page does, or raise SIGNING_SERVICE_BODY_LIMIT.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    sentence: 'The service takes JSON alone.',
    advice: 'Send Content-Type: application/json.',
  },
  SIGNING_TOKEN_MISSING: {
    sentence: 'The request had no token, and the service signs for nobody unknown.',
    advice:
      'Choose a valid token under “See a refusal”. An application would issue one when its user has logged in.',
  },
  SIGNING_TOKEN_INVALID: {
    sentence: 'The token does not count: it has expired, or is not from who may issue it.',
    advice:
      'Choose a valid token under “See a refusal”. The service tells its log alone why a token does not count.',
  },
  NOT_ALLOWED: {
    sentence: 'The token does not allow this signature.',
    advice: 'Take a token for this signer, container and hash algorithm. Nothing was signed.',
  },
  RATE_LIMITED: {
    sentence: 'There were too many signatures within a minute.',
    advice: 'Wait a minute, and sign once more.',
  },
  ORIGIN_NOT_ALLOWED: {
    sentence: 'The service does not answer pages of this address.',
    advice: 'Add the address of the page to CORS_ORIGINS.',
  },
  REQUEST_TIMEOUT: { sentence: 'The request did not arrive at the service in time.', advice: TRY_AGAIN },
  EXPECTATION_FAILED: {
    sentence: 'The request has an Expect header that the service does not meet.',
    advice: 'A proxy between page and service has added it.',
  },
  HEADERS_TOO_LARGE: {
    sentence: 'The headers of the request are too large.',
    advice: 'Delete the cookies of this address, and sign once more.',
  },
  NOT_FOUND: {
    sentence: 'The service has nothing at the address that the page asked.',
    advice: 'The addresses of the Web SDK are there with WEB_SDK=true alone.',
  },
  METHOD_NOT_ALLOWED: {
    sentence: 'The service does not answer this kind of request at this address.',
    advice: 'Page and service are of different versions: start the demo again.',
  },
  AUDIT_UNAVAILABLE: {
    sentence: 'The service cannot record its decisions now, so it signs nothing.',
    advice: 'Mostly a disk is full. It goes on by itself once the audit log can be written.',
  },
  SERVICE_BUSY: { sentence: 'The service has too many large documents at once.', advice: TRY_AGAIN },
  ACCESS_UNAVAILABLE: {
    sentence: 'The service cannot tell whose token this is, as the keys for it are not there.',
    advice: LOG,
  },
  UNKNOWN_SIGNER: {
    sentence: 'The service has no signer of this name.',
    advice: 'Choose another signer, or add it to the signers file.',
  },
  SIGNER_MISMATCH: {
    sentence: 'The data to sign names the certificate of another signer.',
    advice: 'The signer’s certificate was changed meanwhile: sign once more.',
  },
  NOT_ALLOWED_FOR_SIGNER: {
    sentence: 'This signer does not make such signatures.',
    advice: 'Choose another container, type or signer: the words of the service below say what it makes.',
  },
  CERTIFICATE_NOT_VALID: {
    sentence: 'A certificate of this signer has expired, or is not valid yet.',
    advice: 'Delete the folder .demo and start the demo again. Elsewhere: have the certificate renewed.',
  },
  CERTIFICATE_REVOKED: {
    sentence: 'The certificate of this signer was revoked.',
    advice: 'Choose another signer. Elsewhere: have another certificate issued.',
  },
  SIGNATURE_SELF_CHECK_FAILED: {
    sentence: 'The HSM made a signature that is wrong, so the service threw it away.',
    advice: 'The key is not that of the certificate, or the HSM is faulty.',
  },
  HSM_BUSY: { sentence: 'The HSM has more to sign than it can in time.', advice: TRY_AGAIN },
  HSM_UNAVAILABLE: {
    sentence: 'The HSM is away, so nobody can sign now.',
    advice:
      'The service goes on by itself once the HSM is back. /health/ready of the service says what is missing.',
  },
  HSM_TIMEOUT: {
    sentence: 'The HSM did not answer in time.',
    advice:
      'It hangs or is overloaded. The service replaces a session that hangs: sign once more in a moment.',
  },
  CONTAINER_TOO_LARGE: {
    sentence: 'The signature does not fit into the room that the PDF has for it.',
    advice: 'Take a lower level, or raise CONTAINER_SIZE_LIMIT and the room in the PDF together.',
  },
  TIMESTAMP_UNAVAILABLE: {
    sentence: 'No timestamp authority gave a timestamp.',
    advice: 'Choose level b-b, or wait until the authority is back.',
  },
  REVOCATION_UNAVAILABLE: {
    sentence: 'Nobody could tell whether the certificates were revoked.',
    advice: 'Choose level b-t, or wait until the OCSP responder is back.',
  },
  INTERNAL_ERROR: { sentence: 'The service failed in a way that nobody has foreseen.', advice: LOG },
}

/** Keyed by the codes of the page itself, and of the stand-in's own part in it. */
const FAILURES: Readonly<Record<string, Explanation>> = {
  NO_PDF: { sentence: 'There is no PDF to sign yet.', advice: 'Choose one, or take the sample.' },
  NOT_A_PDF: {
    sentence: 'This file cannot be read as a PDF.',
    advice:
      'It is broken, or is something else. Open it in a PDF reader and save it anew, or choose another one.',
  },
  ENCRYPTED_PDF: {
    sentence: 'This PDF is encrypted.',
    advice: 'Remove its password in a PDF editor, and choose it again.',
  },
  PDF_TOO_LARGE: {
    sentence: 'This PDF is too large for the demo.',
    advice: 'Choose a smaller one. The service itself gets hashes alone, and sets no such limit.',
  },
  SERVICE_UNREACHABLE: {
    sentence: 'The service does not answer.',
    advice: 'It has ended, or does not let pages of this address call. The terminal of the demo says which.',
  },
  SERVICE_TIMEOUT: { sentence: 'The service did not answer in time.', advice: TRY_AGAIN },
  DEMO_UNREACHABLE: {
    sentence: 'The demo does not answer.',
    advice: 'It has ended: start it again with “npm run demo”, and reload this page.',
  },
  DEMO_REFUSED: {
    sentence: 'The demo’s own server could not do its part.',
    advice: 'Its words below say why.',
  },
  INVALID_ANSWER: {
    sentence: 'The service answered with something that the page cannot use.',
    advice: 'Page and service are of different versions: start the demo again.',
  },
}

/** Codes of the service for which the page has words. */
export const EXPLAINED_REFUSALS: readonly string[] = Object.keys(REFUSALS)

/** Returns the words for a code of the service or of the page, and general ones for codes that are new. */
export function explain(code: string | undefined): Explanation {
  return (
    REFUSALS[`${code}`] ??
    FAILURES[`${code}`] ?? { sentence: 'The service refused to sign.', advice: 'Its words below say why.' }
  )
}

/** Why the service lowered the level, keyed by `shortfall` of its answer. */
export function explainShortfall(code: string): string {
  return `The level is lower than asked, as the signer’s configuration has it. The reason: ${explain(code).sentence}`
}
