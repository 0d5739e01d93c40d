/** Says what to do, in Markdown, whose links are relative to docs/. */
import type { SignerState } from '../signers/readiness.ts'

type ErrorCode = Exclude<
  keyof typeof import('../errors.ts'),
  'ConfigurationError' | 'refuseProblems' | 'EXIT_CONFIGURATION'
>

/** What to do about each error code. The table in docs/operations.md is made of it, in this order. */
export const ADVICE: Readonly<Record<ErrorCode, string>> = {
  INVALID_REQUEST: 'The message names the field and what it must be. Nothing was signed',
  UNKNOWN_ACTION: '`action` is none of `sign`, `sign_pkcs7`, `get_certificates`: a newer Document Engine?',
  UNSUPPORTED_HASH_ALGORITHM:
    'Add it to `HASH_ALGORITHMS`, or to the `hashAlgorithms` of the signer, or have Document Engine use ' +
    'one that is listed. A certificate with RSASSA-PSS parameters allows one alone, which the message ' +
    'names',
  UNKNOWN_SIGNER:
    'The `signing_token`, or the path, names a signer that is not in the signers file: correct one of the ' +
    'two. The log has the name as `askedSigner`. Nothing was signed',
  SIGNER_MISMATCH:
    '`data_to_be_signed` names a certificate that is not that of the signer: `get_certificates` and ' +
    '`sign` need the same token, and the sign request to Document Engine no `certificates` of its own. ' +
    'Just after a change of the key, sign once more. Or the `signing_token` names another signer than the ' +
    'path, or it or `Authorization` is a JSON Web Token for another signer that is not valid, as the `reason` in the log ' +
    'says, or that nobody verifies, or has that name in another claim than `signer`. At `sign_hash` it is `dataToBeSigned` that names a certificate of another signer, or the right ' +
    'one with another `issuerSerial`, or behind it one that is none of its issuers. Nothing was signed',
  NOT_ALLOWED_FOR_SIGNER:
    "The signer's entry in the signers file does not allow the container or signature type, or a raw " +
    'signature with its algorithm, or `RAW_SIGNING` one over these bytes: the message says what is ' +
    'allowed',
  DIGEST_MISMATCH:
    'Digest and contents disagree: the document changed on its way, or the digest is of something else ' +
    '(`DIGEST_MISMATCH=ignore`). At `sign_hash` `hash` is not the message-digest in `dataToBeSigned`, ' +
    'which no setting lets pass',
  ORIGIN_NOT_ALLOWED:
    'The request has an `Origin`, so a browser page sent it: add that to `CORS_ORIGINS` if its page may ' +
    'have documents signed. The log names it',
  SIGNING_TOKEN_MISSING:
    '`ACCESS` asks for a token, and the request has none: whoever asks Document Engine for the signature ' +
    'sends it as `signing_token`. See [access](access.md)',
  SIGNING_TOKEN_INVALID:
    'The token has expired, is not of this issuer or audience, is of nobody in `ACCESS_FILE`, or two ' +
    'places of the request have different ones. Of a JSON Web Token the log has the `reason`: see ' +
    '[access](access.md#json-web-tokens)',
  NOT_ALLOWED:
    'The caller is known and may not have this signed, or may not call from this address: the message ' +
    'says what is not allowed. Nothing was signed',
  RATE_LIMITED:
    'The caller, or the signer, has had its signatures of a minute, as the message says: retry after the ' +
    "`Retry-After` header's seconds, or raise `RATE_LIMIT_PER_SUBJECT` or `RATE_LIMIT_PER_SIGNER`. The " +
    'log names the caller as `subject`. Nothing was signed: see [limits](access.md#limits)',
  ACCESS_UNAVAILABLE:
    '`ACCESS_JWT_KEYS` has not answered since the start, so no token can be verified: the log says why',
  NOT_FOUND:
    '`SIGNING_SERVICE_URL` ends in another path: set `SIGNING_SERVICE_PATH` to it. Of pages: `WEB_SDK` is ' +
    'not `true`, or `serverUrl` [ends in a slash](web-sdk.md#back-end)',
  METHOD_NOT_ALLOWED: 'The callback is `POST`; the `Allow` header lists what the address answers',
  REQUEST_TIMEOUT:
    'The client stopped sending, or the network is slow: the message says how fast a request must arrive',
  PAYLOAD_TOO_LARGE:
    'The message says which limit it is. `SIGNING_SERVICE_BODY_LIMIT`, 256 MiB by default, can be raised: a document takes 4/3 ' +
    'of its size. The others are more than any request needs: 1 MB beside the contents to sign, 32 kB outside of strings, 2,048 ' +
    'names, values and punctuators, 87,384 characters of a string of `get_certificates` or the Web SDK, 8,192 of contents beside `get_certificates`, ' +
    "and 65,536 bytes of `dataToBeSigned`, or what the signer's `CONTAINER_SIZE_LIMIT` leaves to it",
  UNSUPPORTED_MEDIA_TYPE: 'Send `Content-Type: application/json`, with at most 256 characters, uncompressed',
  EXPECTATION_FAILED: 'Send no `Expect` header, or `Expect: 100-continue`',
  HEADERS_TOO_LARGE:
    'Send less than 16 KiB of headers, at most 200, and an `Accept` and a query of at most 1,024 characters each; look at cookies and proxies',
  CERTIFICATE_REVOKED:
    'A certificate of the chain was revoked: have another one issued, and replace its file, which is ' +
    'taken over without a restart; on the token delete it with `signing-service delete-cert`, and send `SIGHUP`',
  CONTAINER_TOO_LARGE:
    'The container would not fit: the message has its size. Raise `CONTAINER_SIZE_LIMIT` together with ' +
    "Document Engine's `estimatedSize`, or look at what makes it large: a CRL can have megabytes, an OCSP " +
    'response has 2 kB',
  CERTIFICATE_NOT_VALID:
    'A certificate of the chain has expired, is not valid yet, or ends in fewer days than ' +
    '`minimumDaysLeft` of its signer: renew it, check the clock',
  SIGNATURE_SELF_CHECK_FAILED:
    'The HSM returned a signature that does not verify, and did so again when asked anew: another key ' +
    "than the certificate's, or a faulty HSM",
  INTERNAL_ERROR: 'A defect: the log has it under the `requestId`',
  AUDIT_UNAVAILABLE:
    'The decision cannot be recorded, so nothing is handed over: the log says why, mostly a full disk, ' +
    "and `/health/ready` is 503. Retry after the `Retry-After` header's seconds; it goes on by itself " +
    'when `AUDIT_FILE` can be written',
  SERVICE_BUSY:
    'What is in memory of bodies, documents not among it, would exceed 8 MB: retry after the ' +
    "`Retry-After` header's seconds. A body of up to 16 KiB is read nevertheless, and one that has been " +
    'arriving for more than 10 seconds makes room for others',
  HSM_BUSY:
    'Queue full, or so slow that the deadline would pass in it, or its place went to a caller [with fewer ' +
    "requests in it](access.md#limits): retry after the `Retry-After` header's seconds; raise " +
    '`HSM_SESSIONS`, or add HSMs',
  HSM_UNAVAILABLE: '`/health/ready` says of the signer why: token or key away, PIN refused, or starting',
  TIMESTAMP_UNAVAILABLE:
    'No timestamp authority gave a timestamp that is any good: the log says of each why not, and what to ' +
    'do; the message is about `no answer` or the like, without addresses',
  REVOCATION_UNAVAILABLE:
    'For level b-lt there is no fresh OCSP response or CRL about a certificate: the message names the ' +
    'certificate, the log says who was asked and why that does not count. See ' +
    '[Levels](document-engine.md#levels)',
  HSM_TIMEOUT: 'The HSM did not answer within `HSM_TIMEOUT_MS`: overload, or a session that hangs',
}

/** Returns what to do about an error code of `errors.ts`. */
export function adviceOn(code: string): string {
  return ADVICE[code as ErrorCode]
}

/** What to do about each state in which a signer does not sign. */
export const STATE_ADVICE: Readonly<Record<Exclude<SignerState, 'ready'>, string>> = {
  starting:
    'Wait some seconds. If it stays so, the token takes long to open, or no timestamp authority has answered yet: the log ' +
    'says which',
  unavailable:
    'See whether this host reaches the HSM. The log says which call failed, and what is on the token. It is tried again by ' +
    'itself: a restart does not help',
  'pin refused':
    'Correct the PIN, then send `SIGHUP`. The service does not try it again before, since a few wrong PINs lock the user of ' +
    'the HSM: do not restart it with the same PIN. Where the reason is `CKR_PIN_LOCKED` or `CKR_USER_PIN_NOT_INITIALIZED`, the ' +
    'PIN may be right: have the officer of the HSM unlock the user, or set its PIN, and then send `SIGHUP`',
  misconfigured:
    'What is on the token does not fit the configuration: the log says what, with the setting. Correct it, then send `SIGHUP`',
  closing: 'It was told to end: start it again if that was not meant',
  'certificate not valid':
    'Renew the certificate and replace its file, which is taken over without a restart. Check the clock of this host',
  revoked:
    'Find out who revoked it, and why. After a compromise, have a certificate issued for another key: see ' +
    '[what to do](key-compromised.md)',
  'timestamp authority away':
    'Ask who runs it, or name a second one. It is asked in the background until it answers: a restart does not help',
  'revocation information missing':
    'See whether this host reaches the OCSP responder, or the address of the CRL: the log says who was asked, and why the ' +
    'answer does not count',
}
