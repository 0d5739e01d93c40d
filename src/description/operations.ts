/** Describes the addresses. The schemas of bodies are those that requests are checked with. */
import { sharedAnswer } from '../../schemas/answers.ts'
import * as errors from '../errors.ts'
import type { Answer, Examples, Operation } from './operation.ts'
import { describeRefusals } from './refusals.ts'

/** The word `hello`, in base64. */
const HELLO = 'aGVsbG8='
const SHA_256_OF_HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
/** DER SET OF Attribute with content-type id-data and the message-digest above (RFC 5652 5.4), in base64. */
const ATTRIBUTES_OF_HELLO =
  'MUswGAYJKoZIhvcNAQkDMQsGCSqGSIb3DQEHATAvBgkqhkiG9w0BCQQxIgQgLPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='
/** Base64 of PEM that was cut short. */
const CERTIFICATE = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUMuLi4KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo='

const BEARER = { bearer: [] }
const CLIENT_CERTIFICATE = { clientCertificate: [] }
/** Nobody need say who asks, unless the port demands certificates. */
const OPEN = [{}, CLIENT_CERTIFICATE]
const WITH_TOKEN = [BEARER, { ...BEARER, ...CLIENT_CERTIFICATE }]

const REFUSALS_OF_ANY_ADDRESS = [
  ...[errors.INVALID_REQUEST, errors.NOT_ALLOWED, errors.ORIGIN_NOT_ALLOWED, errors.INTERNAL_ERROR],
]
const REFUSALS_OF_CERTIFICATES = [
  ...REFUSALS_OF_ANY_ADDRESS,
  ...[errors.UNKNOWN_SIGNER, errors.SIGNING_TOKEN_MISSING, errors.SIGNING_TOKEN_INVALID],
  ...[errors.PAYLOAD_TOO_LARGE, errors.UNSUPPORTED_MEDIA_TYPE],
  ...[errors.ACCESS_UNAVAILABLE, errors.SERVICE_BUSY, errors.HSM_UNAVAILABLE, errors.AUDIT_UNAVAILABLE],
]
const REFUSALS_OF_SIGNATURES = [
  ...REFUSALS_OF_CERTIFICATES,
  ...[errors.UNSUPPORTED_HASH_ALGORITHM, errors.SIGNER_MISMATCH, errors.NOT_ALLOWED_FOR_SIGNER],
  ...[errors.DIGEST_MISMATCH, errors.RATE_LIMITED],
  ...[errors.CERTIFICATE_NOT_VALID, errors.CERTIFICATE_REVOKED, errors.SIGNATURE_SELF_CHECK_FAILED],
  ...[errors.CONTAINER_TOO_LARGE, errors.TIMESTAMP_UNAVAILABLE, errors.REVOCATION_UNAVAILABLE],
  ...[errors.HSM_BUSY, errors.HSM_TIMEOUT],
]

/** Refusals have it in their body, too. */
const REQUEST_ID = {
  'X-Request-Id': { type: 'string', format: 'uuid', description: 'id of the request, as in the log' },
}

function answer(description: string, content: Answer['content']): Answer {
  return { description, headers: REQUEST_ID, content }
}

function json(description: string, schema: object, examples: Examples = {}): Answer {
  const hasExamples = Object.keys(examples).length > 0
  return answer(description, { 'application/json': { schema, ...(hasExamples && { examples }) } })
}

const certificates = { certificates: [CERTIFICATE], ca_certificates: [CERTIFICATE, CERTIFICATE] }

const SIGN = {
  tag: 'Callback',
  description:
    '`action` tells what is asked for:\n\n' +
    '- `get_certificates`: the certificates of the signer, as JSON.\n' +
    '- `sign`: the bare signature over `data_to_be_signed`, as octets.\n' +
    '- `sign_pkcs7`: a container, a detached SignedData (RFC 5652), as DER, over `encoded_contents` or over what `digest` is ' +
    'the digest of.\n\n' +
    'Without `action` the fields tell it: `encoded_contents` or `digest` ask for a container, `data_to_be_signed` asks for a ' +
    'bare signature, and `encodedContents` or `hash` for JSON with a container, `p7`.\n\n' +
    'Clients that accept JSON and no octets (`Accept: application/json`) get JSON for `sign` and `sign_pkcs7`, too.\n\n' +
    'Who asks is said by `signing_token`, or by the header `Authorization`. `get_certificates` takes neither, unless ' +
    '`ACCESS_CERTIFICATES` is `protected`.',
  security: [{}, BEARER, CLIENT_CERTIFICATE, { ...BEARER, ...CLIENT_CERTIFICATE }],
  requests: {
    certificates: { summary: 'the certificates', value: { action: 'get_certificates' } },
    'bare-signature': {
      summary: 'a bare signature',
      value: {
        ...{ action: 'sign', hash_algorithm: 'sha256', signature_type: 'cades', data_to_be_signed: HELLO },
      },
    },
    'container-for-contents': {
      summary: 'a container for contents',
      value: {
        ...{
          action: 'sign_pkcs7',
          hash_algorithm: 'sha256',
          signature_type: 'cades',
          encoded_contents: HELLO,
        },
      },
    },
    'container-for-digest': {
      summary: 'a container for a digest: the document stays with the caller',
      value: {
        ...{
          action: 'sign_pkcs7',
          hash_algorithm: 'sha256',
          signature_type: 'cms',
          digest: SHA_256_OF_HELLO,
        },
      },
    },
    'container-without-action': {
      summary: 'a container, as asked for from 2019 to 2021',
      value: { digest: SHA_256_OF_HELLO, encoded_contents: HELLO },
    },
    'container-in-json': {
      summary: 'a container, answered as p7 in JSON',
      value: { encodedContents: HELLO },
    },
    INVALID_REQUEST: { summary: 'nothing to sign', value: { action: 'sign' } },
    UNKNOWN_ACTION: { summary: 'a misspelled action', value: { action: 'sing' } },
    UNSUPPORTED_HASH_ALGORITHM: {
      summary: 'a hash algorithm that is not allowed',
      value: { action: 'sign', hash_algorithm: 'md5', data_to_be_signed: HELLO },
    },
    DIGEST_MISMATCH: {
      summary: 'the digest of another document',
      value: { action: 'sign_pkcs7', encoded_contents: HELLO, digest: '00'.repeat(32) },
    },
  },
  answers: {
    200: answer('The signature, the container or the certificates.', {
      'application/octet-stream': {
        schema: {
          contentMediaType: 'application/octet-stream',
          description: 'the signature, or the container as DER',
        },
      },
      'application/json': {
        schema: { anyOf: (['Certificates', 'Signature', 'EncodedContainer'] as const).map(sharedAnswer) },
        examples: { certificates: { value: certificates } },
      },
    }),
    ...describeRefusals([...REFUSALS_OF_SIGNATURES, errors.UNKNOWN_ACTION]),
  },
} satisfies Partial<Operation>

const READINESS = sharedAnswer('Readiness')
const STATUS = (status: string) => ({
  type: 'object',
  required: ['status'],
  properties: { status: { type: 'string', const: status } },
})

/** The operations by the names that routes have them by. */
export const OPERATIONS = {
  sign: {
    ...SIGN,
    operationId: 'sign',
    summary: 'Has a signer sign, or hand out its certificates',
    requests: {
      ...SIGN.requests,
      'certificates-by-name': {
        summary: 'the certificates of a signer, which the signing_token names',
        value: { action: 'get_certificates', signing_token: '{"signer":"default"}' },
      },
      UNKNOWN_SIGNER: {
        summary: 'a signer that is not there',
        value: { action: 'get_certificates', signing_token: '{"signer":"nobody"}' },
      },
    },
  },
  'sign as': {
    ...SIGN,
    operationId: 'signAs',
    summary: 'Has the signer of this name sign, or hand out its certificates; there with SIGNERS_FILE',
    requests: {
      ...SIGN.requests,
      SIGNER_MISMATCH: {
        summary: 'a signing_token that names another signer than the path',
        value: { action: 'get_certificates', signing_token: '{"signer":"another"}' },
      },
    },
  },
  'web sdk certificates': {
    operationId: 'getCertificates',
    tag: 'Web SDK',
    summary: 'Hands out the certificates of a signer',
    description: 'The JSON Web Token in the header `Authorization` says who asks.',
    security: WITH_TOKEN,
    requests: { certificates: { summary: 'the certificates', value: {} } },
    answers: {
      200: json('The certificates.', sharedAnswer('WebSDKCertificates'), {
        certificates: { value: { data: certificates } },
      }),
      ...describeRefusals(REFUSALS_OF_CERTIFICATES),
    },
  },
  'sign hash': {
    operationId: 'signHash',
    tag: 'Web SDK',
    summary: 'Signs the attributes that a page has built',
    description:
      'One signature is answered in each form that signer and token allow: `signedData`, the bare signature, and `pkcs7`, a ' +
      'container around the attributes that came. The JSON Web Token in the header `Authorization` says who asks.',
    security: WITH_TOKEN,
    requests: {
      signature: {
        summary: 'a signature for the word hello',
        value: {
          ...{ dataToBeSigned: ATTRIBUTES_OF_HELLO, hash: SHA_256_OF_HELLO },
          ...{ signatureType: 'CMS', cadesLevel: 'b-b' },
        },
      },
    },
    answers: {
      200: json('The signature.', sharedAnswer('WebSDKSignature')),
      ...describeRefusals(REFUSALS_OF_SIGNATURES),
    },
  },
  probe: {
    operationId: 'probe',
    tag: 'Operation',
    summary: 'Says that this is the service, and to people how it is',
    description:
      'For probes that ask for `/`. Browsers, which ask for HTML, get a page that says whether all is well: on `ADMIN_PORT`, and ' +
      'without one where everybody may have anything signed.',
    security: OPEN,
    answers: {
      200: answer('The service answers.', {
        'application/json': {
          schema: {
            type: 'object',
            required: ['status', 'service'],
            properties: {
              status: { type: 'string', const: 'ok' },
              service: { type: 'string', const: 'signing-service' },
            },
          },
        },
        'text/html': { schema: { type: 'string' } },
      }),
      ...describeRefusals(REFUSALS_OF_ANY_ADDRESS),
    },
  },
  live: {
    operationId: 'live',
    tag: 'Operation',
    summary: 'Says that the process answers',
    description: 'For restarts: it does not matter whether the HSM is there.',
    security: OPEN,
    answers: { 200: json('It answers.', STATUS('live')), ...describeRefusals(REFUSALS_OF_ANY_ADDRESS) },
  },
  ready: {
    operationId: 'ready',
    tag: 'Operation',
    summary: 'Says whether the service signs',
    description: 'For routing, and for operators: which part is not ready, and since when.',
    security: OPEN,
    answers: {
      200: json('It signs.', READINESS),
      503: json('It does not sign, or was told to end.', READINESS),
      ...describeRefusals(REFUSALS_OF_ANY_ADDRESS),
    },
  },
  metrics: {
    operationId: 'metrics',
    tag: 'Operation',
    summary: 'Has the metrics for Prometheus',
    description: 'In its text format, version 0.0.4.',
    security: OPEN,
    answers: {
      200: answer('The metrics.', { 'text/plain': { schema: { type: 'string' } } }),
      ...describeRefusals(REFUSALS_OF_ANY_ADDRESS),
    },
  },
  'description page': {
    operationId: 'docs',
    tag: 'Description',
    summary: 'Shows this description',
    description: 'A page that loads nothing from other hosts.',
    security: OPEN,
    answers: {
      200: answer('The page.', { 'text/html': { schema: { type: 'string' } } }),
      ...describeRefusals(REFUSALS_OF_ANY_ADDRESS),
    },
  },
  description: {
    operationId: 'description',
    tag: 'Description',
    summary: 'Has this description',
    description: 'OpenAPI 3.1, with the addresses that this service has.',
    security: OPEN,
    answers: {
      200: json('The description.', { type: 'object' }),
      ...describeRefusals(REFUSALS_OF_ANY_ADDRESS),
    },
  },
} as const satisfies Readonly<Record<string, Operation>>
