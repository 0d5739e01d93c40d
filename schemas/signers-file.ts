/** The file that SIGNERS_FILE names: several signers, each with its key, its certificates and what it may be asked for. */
import { type Static, Type } from 'typebox'
import { AWS_SECRET_ID, HEX, OBJECT_IDENTIFIER, OBJECT_IDENTIFIER_NUMBERS, text, USER } from './settings.ts'

/** Pattern of the names of signers, in full. */
export const SIGNER_NAME = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}'
/** The order of a list says nothing, and an entry that stands twice is a slip. */
const list = { minItems: 1, uniqueItems: true }

/** Returns the schema of a choice that may be left out. */
function choice<Values extends string[]>(description: string, values: readonly [...Values], example: string) {
  return Type.Optional(Type.Enum(values, { description, examples: [example] }))
}

const Key = Type.Object(
  {
    label: text('CKA_LABEL of the private key', 'contracts'),
    id: text('CKA_ID of the private key in hex', '01a2', { pattern: HEX }),
  },
  { additionalProperties: false, minProperties: 1 },
)

const Token = Type.Object(
  {
    module: text(
      'path of the PKCS#11 library, in place of HSM_MODULE',
      '/opt/cloudhsm/lib/libcloudhsm_pkcs11.so',
    ),
    moduleParameters: text(
      'what the library is told at its initialization, in place of HSM_MODULE_PARAMETERS',
      "configdir='sql:/etc/signing-service/nssdb' certPrefix='' keyPrefix='' secmod='' flags=",
    ),
    label: text('label of the token, of 32 characters at most', 'hsm1', { maxLength: 32 }),
    serial: text('serial number of the token, of 16 characters at most', 'f41c2b8d90aa17e3', {
      maxLength: 16,
    }),
    slot: Type.Optional(
      Type.Integer({
        minimum: 0,
        // Wider than an index: the id of a slot, which people mistake for it, gets a message of its own
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'index of the slot in the slot list, 0 for the first',
        examples: [0],
      }),
    ),
    pinFile: text(
      'file that holds the PIN, in place of HSM_PIN_FILE, HSM_PIN and HSM_PIN_SECRET_ID',
      '/run/secrets/hsm-pin',
    ),
    pinSecretId: text(
      'name or ARN of a secret of AWS Secrets Manager that holds the PIN, in place of the same',
      'signing-service/hsm-pin',
      { pattern: AWS_SECRET_ID },
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description:
      'the token and the login, what is left out as in the environment; with a label, serial or slot none of ' +
      'HSM_TOKEN_LABEL, HSM_TOKEN_SERIAL and HSM_SLOT applies; with a module neither these do, nor ' +
      'HSM_MODULE_PARAMETERS: its only token is meant then',
    examples: [{ label: 'hsm1' }],
  },
)

const TimestampTls = Type.Object(
  {
    caFile: text('PEM certificates that https trusts, in place of those of Node.js', 'tsa-tls-ca.pem'),
    certificateFile: text(
      'PEM certificate that the authority is shown by TLS, with its chain',
      'tsa-client.pem',
    ),
    keyFile: text('PEM private key of that certificate, not encrypted', '/run/secrets/tsa-client-key.pem'),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'files for an https address',
    examples: [{ caFile: 'tsa-tls-ca.pem' }],
  },
)

const Timestamps = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      description: 'http or https address of a timestamp authority (RFC 3161)',
      examples: ['https://timestamp.example.com'],
    }),
    user: text('user that the authority knows, without a colon', 'signing-service', { pattern: USER }),
    passwordFile: text('file that holds its password', '/run/secrets/tsa-password'),
    policy: text(
      'object identifier of the policy that timestamps must be made under',
      '1.3.6.1.4.1.99999.1',
      { pattern: OBJECT_IDENTIFIER },
    ),
    hashAlgorithm: choice(
      'hash algorithm of what is timestamped; sha256 by default',
      ['sha256', 'sha384', 'sha512'],
      'sha256',
    ),
    caFile: text("self-signed certificates, in one of which the authority's chain must end", 'tsa-roots.pem'),
    tls: Type.Optional(TimestampTls),
  },
  { additionalProperties: false },
)
export type Timestamps = Static<typeof Timestamps>

const SignaturePolicy = Type.Object(
  {
    id: Type.String({
      pattern: OBJECT_IDENTIFIER,
      description: 'object identifier of the signature policy',
      examples: ['1.3.6.1.4.1.99999.2'],
    }),
    hashAlgorithm: Type.String({
      description: 'hash algorithm of its hash',
      examples: ['sha256'],
    }),
    hash: Type.String({
      pattern: HEX,
      description: 'hash of the policy document in hex',
      examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    }),
    uri: text('where the policy document is found (RFC 3986)', 'https://example.com/signature-policy.pdf', {
      // An IA5String
      pattern: '^[A-Za-z][A-Za-z0-9+.-]*:[\\x21-\\x7e]+$',
    }),
  },
  {
    additionalProperties: false,
    description: 'the policy that signatures say they were made under',
    examples: [{ id: '1.3.6.1.4.1.99999.2', hashAlgorithm: 'sha256', hash: '9f86d081…' }],
  },
)

/** What signers commit themselves to (RFC 5126 5.11.1), in the order of the object identifiers. */
export const COMMITMENT_TYPES: readonly string[] = [
  'proofOfOrigin',
  'proofOfReceipt',
  'proofOfDelivery',
  'proofOfSender',
  'proofOfApproval',
  'proofOfCreation',
]

/** Of a DirectoryString (RFC 5280 A.1): not empty, and no longer than the longest part of an address. */
const directoryString = { minLength: 1, maxLength: 128 }

const SignerLocation = Type.Object(
  {
    country: text('country', 'DE', directoryString),
    locality: text('town', 'Berlin', directoryString),
    postalAddress: Type.Optional(
      Type.Array(Type.String(directoryString), {
        minItems: 1,
        maxItems: 6,
        description: 'postal address line by line',
        examples: [['Example Street 1', '10115 Berlin']],
      }),
    ),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    description: 'where signatures say that they were made',
    examples: [{ country: 'DE', locality: 'Berlin' }],
  },
)

export const SignerEntry = Type.Object(
  {
    key: Type.Optional(
      // One schema for both, not one of two: so an error is about what was meant
      Type.Unsafe<string | Static<typeof Key>>({
        ...Key,
        type: ['string', 'object'],
        minLength: 1,
        description:
          'the private key, by label and id, or by a pkcs11: URI (RFC 7512), which may name token, library and ' +
          'PIN file too; the one that belongs to the certificate where it is left out',
        examples: ['pkcs11:token=hsm1;object=contracts'],
      }),
    ),
    token: Type.Optional(Token),
    certificateFile: text(
      'signer certificate, PEM or DER, leaf first; the certificate object on the token where it is left out',
      'contracts.pem',
    ),
    caFile: text('certificates of its issuers, in any order', 'ca-bundle.pem'),
    containers: Type.Optional(
      Type.Array(Type.Enum(['pkcs7', 'raw']), {
        ...list,
        description: 'what may be asked for; both by default',
        examples: [['pkcs7', 'raw']],
      }),
    ),
    signatureTypes: Type.Optional(
      Type.Array(Type.Enum(['cms', 'cades']), {
        ...list,
        description: 'signature types that may be asked for; both by default',
        examples: [['cms', 'cades']],
      }),
    ),
    hashAlgorithms: Type.Optional(
      Type.Array(Type.String(), {
        ...list,
        description: 'hash algorithms that may be asked for, in place of HASH_ALGORITHMS',
        examples: [['sha256', 'sha384']],
      }),
    ),
    signatureAlgorithm: choice(
      'how it signs; the type of the key decides where it is left out',
      ['rsassa-pkcs1-v1_5', 'rsassa-pss', 'ecdsa'],
      'rsassa-pss',
    ),
    minimumDaysLeft: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 3650,
        description: 'days that its certificate and chain must still be valid for; 0 by default',
        examples: [14],
      }),
    ),
    raw: Type.Optional(
      Type.Boolean({
        description: 'whether raw signatures are given too that are not RSASSA-PKCS1-v1_5; false by default',
        examples: [true],
      }),
    ),
    rawSigning: choice(
      'what raw signatures are made over, in place of RAW_SIGNING: any bytes, or signed attributes of this signer alone',
      ['any', 'signed-attributes'],
      'signed-attributes',
    ),
    level: choice('what its containers hold, in place of LEVEL', ['b-b', 'b-t', 'b-lt'], 'b-t'),
    timestamps: Type.Optional(
      // As with the key
      Type.Unsafe<Timestamps | Timestamps[]>({
        ...Timestamps,
        type: ['object', 'array'],
        items: Timestamps,
        minItems: 1,
        description:
          'timestamp authority, or a list of one or more, in place of TSA_URL and all other variables that are about ' +
          'authorities',
        examples: [{ url: 'https://timestamp.example.com' }],
      }),
    ),
    timestampFallback: choice(
      'what becomes of a container for which there is no timestamp, in place of TSA_FALLBACK',
      ['refuse', 'b-b'],
      'refuse',
    ),
    revocationFallback: choice(
      'what becomes of a container of level b-lt for which revocation information is missing, in place of ' +
        'REVOCATION_FALLBACK',
      ['refuse', 'b-t'],
      'refuse',
    ),
    containerSizeLimit: Type.Optional(
      Type.Integer({
        minimum: 1024,
        maximum: 10_000_000,
        description: 'largest container in bytes, in place of CONTAINER_SIZE_LIMIT',
        examples: [32_768],
      }),
    ),
    rsaSignatureIdentifier: choice(
      'what containers call the signature algorithm RSASSA-PKCS1-v1_5, in place of RSA_SIGNATURE_IDENTIFIER',
      ['rsaEncryption', 'shaWithRSAEncryption'],
      'rsaEncryption',
    ),
    signaturePolicy: Type.Optional(SignaturePolicy),
    commitmentType: text(
      `what a signature commits the signer to: ${COMMITMENT_TYPES.join(', ')}, or an object identifier`,
      'proofOfApproval',
      { pattern: `^(${COMMITMENT_TYPES.join('|')}|${OBJECT_IDENTIFIER_NUMBERS})$` },
    ),
    signerLocation: Type.Optional(SignerLocation),
  },
  {
    additionalProperties: false,
    description: 'one signer',
    examples: [{ certificateFile: 'contracts.pem', caFile: 'ca-bundle.pem' }],
  },
)
export type SignerEntry = Static<typeof SignerEntry>

export const SignersFile = Type.Object(
  {
    default: Type.Optional(
      Type.Unsafe<string | null>({
        type: ['string', 'null'],
        pattern: `^${SIGNER_NAME}$`,
        description:
          'name of the signer that signs where a request names none, or null where every request has to name one',
        examples: ['contracts'],
      }),
    ),
    signers: Type.Record(Type.String({ pattern: `^${SIGNER_NAME}$` }), SignerEntry, {
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 1000,
      description:
        '1 to 1000 signers by name: up to 64 letters, digits, . _ and -, of which the first is a letter or a digit',
      examples: [{ contracts: { certificateFile: 'contracts.pem' } }],
    }),
  },
  {
    additionalProperties: false,
    description: 'an object with signers, and with default where there are several',
    examples: [{ signers: { contracts: { certificateFile: 'contracts.pem' } } }],
  },
)
export type SignersFile = Static<typeof SignersFile>
