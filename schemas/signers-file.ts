/** The file that SIGNERS_FILE names: several signers, each with its key, its certificates and what it may be asked for. */
import { type Static, Type } from 'typebox'

const name = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}'
const hex = '^([0-9a-fA-F]{2})+$'
/** The order of a list says nothing, and an entry that stands twice is a slip. */
const list = { minItems: 1, uniqueItems: true }

const Key = Type.Object(
  {
    label: Type.Optional(
      Type.String({ minLength: 1, description: 'CKA_LABEL of the private key', examples: ['contracts'] }),
    ),
    id: Type.Optional(
      Type.String({ pattern: hex, description: 'CKA_ID of the private key in hex', examples: ['01a2'] }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
)

const Token = Type.Object(
  {
    module: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'path of the PKCS#11 library, in place of HSM_MODULE',
        examples: ['/opt/cloudhsm/lib/libcloudhsm_pkcs11.so'],
      }),
    ),
    moduleParameters: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'what the library is told at its initialization, in place of HSM_MODULE_PARAMETERS',
        examples: ["configdir='sql:/etc/signing-service/nssdb' certPrefix='' keyPrefix='' secmod='' flags="],
      }),
    ),
    label: Type.Optional(
      Type.String({ minLength: 1, description: 'label of the token', examples: ['hsm1'] }),
    ),
    serial: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'serial number of the token',
        examples: ['f41c2b8d90aa17e3'],
      }),
    ),
    slot: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65_535,
        description: 'index of the slot in the slot list',
        examples: [0],
      }),
    ),
    pinFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'file that holds the PIN, in place of HSM_PIN_FILE and HSM_PIN',
        examples: ['/run/secrets/hsm-pin'],
      }),
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
    certificateFile: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'signer certificate, PEM or DER, leaf first; the certificate object on the token where it is left out',
        examples: ['contracts.pem'],
      }),
    ),
    caFile: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'certificates of its issuers, in any order',
        examples: ['ca-bundle.pem'],
      }),
    ),
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
    signatureAlgorithm: Type.Optional(
      Type.Enum(['rsassa-pkcs1-v1_5', 'rsassa-pss', 'ecdsa'], {
        description: 'how it signs; the type of the key decides where it is left out',
        examples: ['rsassa-pss'],
      }),
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
      Type.String({
        pattern: `^${name}$`,
        description: 'name of the signer that signs where a request names none',
        examples: ['contracts'],
      }),
    ),
    signers: Type.Record(Type.String({ pattern: `^${name}$` }), SignerEntry, {
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
