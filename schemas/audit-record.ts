/**
 * The records of AUDIT_FILE, one JSON object a line. Each line is in the canonical form of RFC 8785, and each record
 * has the SHA-256 of the line before it, so that no line can be altered, removed or inserted without being noticed.
 */
import { type Static, Type } from 'typebox'

const SHA_256 = '^[0-9a-f]{64}$'
const HEX = '^([0-9a-f]{2})+$'
const TIME = '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$'

const sha256 = (description: string) => Type.String({ pattern: SHA_256, description })
const optionalText = (description: string) => Type.Optional(Type.String({ description }))
const count = (description: string) => Type.Integer({ minimum: 0, description })

/** Members that every record has. */
const common = {
  stream: Type.String({ description: 'name of the chain, AUDIT_STREAM' }),
  number: Type.Integer({ minimum: 1, description: 'place in the chain, from 1 on' }),
  time: Type.String({ pattern: TIME, description: 'UTC, with milliseconds' }),
  previous: sha256('SHA-256 of the line before, without its end; zeros in the first record of a chain'),
}
const closed = { additionalProperties: false }

/** Records the decision about one request: it was signed, or refused. */
export const DecisionRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('decision'),
    outcome: Type.Enum(['signed', 'refused'], {
      description: 'signed if a signature was handed over, else refused',
    }),
    code: optionalText('code of the error, if it was refused'),
    signatureMade: Type.Optional(
      Type.Boolean({ description: 'true if the HSM made a signature that nobody was given' }),
    ),
    requestId: Type.String({ description: 'id of the request, as in log and answer' }),
    callerRequestId: optionalText('X-Request-Id of the caller'),
    traceId: Type.Optional(
      Type.String({ pattern: '^[0-9a-f]{32}$', description: 'trace of the request (W3C Trace Context)' }),
    ),
    subject: optionalText('who asked: the user of ACCESS_FILE, or the claim sub'),
    access: Type.Enum(['open', 'tokens', 'jwt'], { description: 'how the caller is known, as ACCESS says' }),
    address: Type.String({ description: 'IP address of the caller' }),
    path: Type.String({ description: 'pattern of the path that was called' }),
    action: optionalText('what was asked for: certificates, raw, container, encoded-contents or sign-hash'),
    signer: optionalText('name of the signer'),
    keyId: Type.Optional(Type.String({ pattern: HEX, description: 'CKA_ID of the private key' })),
    certificateSerial: Type.Optional(
      Type.String({ pattern: HEX, description: 'serial number of the certificate, hex' }),
    ),
    certificateSha256: Type.Optional(sha256('SHA-256 of the certificate, DER')),
    container: Type.Optional(
      Type.Enum(['raw', 'pkcs7', 'both'], {
        description: 'form of the signature: bare octets, a whole container, or one signature in both',
      }),
    ),
    signatureType: Type.Optional(
      Type.Enum(['cms', 'cades'], { description: 'which signed attributes it has' }),
    ),
    level: optionalText('level that the container has reached'),
    shortfall: optionalText('code of the error that kept it from a higher level'),
    hashAlgorithm: optionalText('hash algorithm of digest and signature'),
    digest: Type.Optional(
      Type.String({
        pattern: HEX,
        description: 'digest of the contents of a container, or of data_to_be_signed',
      }),
    ),
    signatureSha256: Type.Optional(
      sha256('SHA-256 of the signature: of the raw octets, or of signature in the SignerInfo'),
    ),
    durationMs: count('milliseconds from the headers of the request until this record'),
    signingMs: Type.Optional(count('milliseconds of them for the signature: queue, HSM and timestamp')),
    version: Type.String({ description: 'version of the service' }),
  },
  closed,
)

/** More refusals of one caller, or of callers who are not known, than have records of their own in that second. */
export const RefusalsRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('refusals'),
    subject: optionalText('who asked'),
    count: count('number of refusals without a record of their own'),
    codes: Type.Record(Type.String(), Type.Integer(), { description: 'number of them by code' }),
  },
  closed,
)

/** The service has begun to write, be it with a new chain or with one that it goes on with. */
export const StartedRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('started'),
    reason: Type.Enum(['start', 'recovered'], {
      description: 'start of the service, or the file could be written again',
    }),
    version: Type.String({ description: 'version of the service' }),
    unanswered: Type.Optional(
      Type.Object(
        { first: count('number of the first'), last: count('number of the last') },
        {
          ...closed,
          description: 'records that may not have been on the disk: nobody got what they tell of',
        },
      ),
    ),
    unrecorded: Type.Optional(count('requests that were refused while nothing could be recorded')),
  },
  closed,
)

/** The last line was not complete, since a host or a disk had failed while it was written. It was set aside. */
export const TornRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('torn'),
    bytes: count('length of what was set aside'),
    sha256: sha256('SHA-256 of it'),
  },
  closed,
)

/** The clock was set back: the record before has a later time. */
export const ClockRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('clock'),
    from: Type.String({ pattern: TIME, description: 'time of the record before' }),
  },
  closed,
)

/** The statement that a checkpoint signs. */
export const CheckpointStatement = Type.Object(
  {
    head: sha256('SHA-256 of the line of the last record that is covered'),
    records: Type.Integer({ minimum: 1, description: 'number of that record' }),
    stream: common.stream,
    time: common.time,
  },
  { ...closed, description: 'what is signed, in the form of RFC 8785, in which it stands in the line' },
)

/** A signature over the chain so far: whoever rewrites what it covers needs the key in the HSM. */
export const CheckpointRecord = Type.Object(
  {
    ...common,
    kind: Type.Literal('checkpoint'),
    closes: Type.Boolean({
      description: 'true at the end of the service, after which only a start can follow',
    }),
    statement: CheckpointStatement,
    signer: optionalText('name of the signer; absent if AUDIT_SIGNER is not set'),
    signature: Type.Optional(
      Type.String({ description: 'base64 of a detached CAdES container (DER) over the statement' }),
    ),
  },
  closed,
)

export const AuditRecord = Type.Union([
  DecisionRecord,
  RefusalsRecord,
  StartedRecord,
  TornRecord,
  ClockRecord,
  CheckpointRecord,
])
export type AuditRecord = Static<typeof AuditRecord>
export type DecisionRecord = Static<typeof DecisionRecord>
export type CheckpointRecord = Static<typeof CheckpointRecord>
export type CheckpointStatement = Static<typeof CheckpointStatement>
