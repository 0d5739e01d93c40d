/**
 * Describes what the addresses answer in JSON. Answers are sent as they were made: these schemas describe them, and neither drop nor
 * convert anything. Newer services may add members.
 */
import { type TProperties, Type } from 'typebox'
import { ERROR_TYPES } from '../src/common/error-types.ts'

const ERROR_CODES = ERROR_TYPES.map((type) => new type().code)

const STRING = { type: 'string' }
const base64 = (description: string) =>
  Type.String({ contentEncoding: 'base64', description: `base64 of ${description}` })
const time = (description: string) => Type.String({ format: 'date-time', description })
const count = (description: string) => Type.Integer({ minimum: 0, description })
const reason = Type.Optional(Type.String({ description: 'why it is so; for everybody who reads this page' }))

const certificates = {
  certificates: Type.Array(base64('PEM'), { description: 'the certificate of the signer' }),
  ca_certificates: Type.Array(base64('PEM'), {
    description: 'its issuers, the nearest first, as far as they are known',
  }),
}

/** Members that say how far a signature goes, with what takes a document there. */
const level = {
  timestampResponse: Type.Optional(
    base64('a TimeStampResp (RFC 3161) with the timestamp of the signature; at b-t and b-lt'),
  ),
  ocspResponses: Type.Optional(
    Type.Array(
      Type.Object({
        serialNumber: Type.String({
          pattern: '^([0-9A-F]{2})+$',
          description: 'serial number of the certificate, upper-case hex of whole octets',
        }),
        body: base64('the OCSP response (RFC 6960), DER'),
      }),
      { description: "about the signer's chain; at b-lt" },
    ),
  ),
  crls: Type.Optional(
    Type.Array(base64('a CRL, DER'), {
      description: "about the signer's chain, where OCSP does not suffice; at b-lt",
    }),
  ),
  level: Type.Enum(['b-b', 'b-t', 'b-lt'], { ...STRING, description: 'the level that was reached' }),
  shortfall: Type.Optional(
    Type.Enum(['TIMESTAMP_UNAVAILABLE', 'REVOCATION_UNAVAILABLE'], {
      ...STRING,
      description: 'code of the error that kept the signature from a higher level',
    }),
  ),
}

const signatures = {
  signedData: Type.Optional(base64('the bare signature')),
  pkcs7: Type.Optional(base64('the container: a detached SignedData (RFC 5652), DER')),
}

function named<Id extends string>($id: Id, description: string, properties: TProperties) {
  return { ...Type.Object(properties, { description }), $id }
}

/** Answers that several addresses give, each known by its `$id`. */
export const SHARED_ANSWERS = [
  named('Refusal', 'Why a request was refused. Programs branch on `code`, which is stable.', {
    statusCode: Type.Integer({ minimum: 400, maximum: 599, description: 'the status of the answer' }),
    code: Type.Enum(ERROR_CODES, { ...STRING, description: 'what is wrong' }),
    error: Type.String({ description: 'the words of the status' }),
    message: Type.String({ description: 'what to do; without secrets' }),
    requestId: Type.String({
      format: 'uuid',
      description: 'leads to the line in the log of the service; also in the header X-Request-Id',
    }),
  }),
  named('Certificates', 'The certificates of a signer.', certificates),
  named('Signature', 'A signature or a container, with what takes a document to the level of the signer.', {
    ...signatures,
    ...certificates,
    ...level,
  }),
  named('EncodedContainer', 'The container for a request with encodedContents or hash.', {
    p7: base64('the container: a detached SignedData (RFC 5652), DER'),
  }),
  named('WebSDKCertificates', 'The certificates of a signer, for the Web SDK.', {
    data: Type.Object(certificates),
  }),
  named('WebSDKSignature', 'One signature in each form that signer and token allow, for the Web SDK.', {
    data: Type.Object({ ...signatures, ...level }),
  }),
  named('Readiness', 'Whether the service signs. With ADMIN_PORT the other port has the status alone.', {
    status: Type.Enum(['ready', 'not ready'], STRING),
    closing: Type.Optional(Type.Boolean({ description: 'true once the service was told to end' })),
    hsm: Type.Optional(
      Type.Object(
        {
          state: Type.String({
            description: 'ready, starting, unavailable, pin refused, misconfigured or closing',
          }),
          since: time('when it began to be so'),
          reason,
          sessions: Type.Object(
            {
              opening: count('are being opened'),
              idle: count('wait for work'),
              busy: count('sign'),
              zombie: count('did not return in time'),
            },
            { description: 'sessions by what they do' },
          ),
          queued: count('requests that wait for a session'),
        },
        { description: 'the token of the default signer, or of the first one' },
      ),
    ),
    certificate: Type.Optional(
      Type.Object(
        { valid: Type.Boolean(), notAfter: Type.Optional(time('when the first of its chain expires')) },
        { description: 'the certificate of that signer' },
      ),
    ),
    signers: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Object({
          state: Type.String({ description: 'ready, or why requests to it are refused' }),
          since: time('when it began to be so'),
          reason,
          token: Type.String({ description: 'name of its token, as in metrics' }),
          certificate: Type.Optional(Type.Object({ notAfter: time('when the first of its chain expires') })),
        }),
        { description: 'the signers by their names' },
      ),
    ),
    access: Type.Optional(
      Type.Object(
        { kind: Type.Enum(['open', 'tokens', 'jwt'], STRING), reason },
        { description: 'as ACCESS says' },
      ),
    ),
    audit: Type.Optional(
      Type.Object(
        { state: Type.Enum(['recording', 'unavailable'], STRING), reason },
        { description: 'there with an audit log' },
      ),
    ),
    configuration: Type.Optional(
      Type.Object({
        since: time('when the signers in use were taken over'),
        reload: Type.Optional(
          Type.Object(
            {
              outcome: Type.Enum(['taken over', 'pending', 'refused'], STRING),
              at: time('when it ended'),
              reason,
            },
            { description: 'the last change of the signers' },
          ),
        ),
      }),
    ),
  }),
] as const

/** Returns the schema of an answer that several addresses give. */
export function sharedAnswer($id: (typeof SHARED_ANSWERS)[number]['$id']): object {
  return { $ref: `${$id}#` }
}
