/** The environment variables that configure the service: names, defaults, limits and an example of each. */
import { type Static, type TNumberOptions, type TStringOptions, Type } from 'typebox'
import { AWS_SECRET_ID, HEX, OBJECT_IDENTIFIER, text, USER } from './settings.ts'

// No empty names, and neither . nor ..: clients take them out of an address before they call
const name = '(?!\\.{1,2}(/|$))[A-Za-z0-9._~-]+'
const path = `^/(${name}(/${name})*/?)?$`
// These texts are compared, or name a file that is made, octet by octet: nobody would notice a line end at their end
const unpadded = '^\\S(.*\\S)?$'
// A name or an IPv4 address, or an IPv6 address with a zone (RFC 4007 11.2): no brackets, no port, no URL
const host = '^([A-Za-z0-9._-]{1,255}|([0-9A-Fa-f]*:){2,8}[0-9A-Fa-f.]*(%[A-Za-z0-9._-]+)?)$'

/** Returns the schema of a text that has a default. */
function textWithDefault(
  description: string,
  byDefault: string,
  example = byDefault,
  limits: TStringOptions = {},
) {
  return Type.String({ ...limits, description, default: byDefault, examples: [example] })
}

/** Returns the schema of an integer with its limits and its default. */
function integer(
  description: string,
  limits: TNumberOptions & { readonly default: number },
  example = `${limits.default}`,
) {
  return Type.Integer({ ...limits, description, examples: [example] })
}

/** Returns the schema of a limit on signatures in a minute; there is none by default. */
function rate(description: string, example: string) {
  return Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000, description, examples: [example] }))
}

/** Returns the schema of a choice that has a default. */
function choice<Values extends string[]>(
  description: string,
  values: readonly [...Values],
  byDefault: Values[number],
  example = byDefault,
) {
  return Type.Enum(values, { description, default: byDefault, examples: [example] })
}

export const Environment = Type.Object({
  HSM_MODULE: text('path of the PKCS#11 library', '/opt/cloudhsm/lib/libcloudhsm_pkcs11.so'),
  HSM_MODULE_PARAMETERS: text(
    "what the PKCS#11 library is told at its initialization; for NSS's softokn",
    "configdir='sql:/etc/signing-service/nssdb' certPrefix='' keyPrefix='' secmod='' flags=",
  ),
  HSM_PIN: text('PIN of the user; CloudHSM: user:password', 'user:password'),
  HSM_PIN_FILE: text('file that holds the PIN', '/run/secrets/hsm-pin'),
  HSM_USER: text(
    'user, or user:group, who alone works on the tokens and reads the PIN, each a name or a number; takes a start as root',
    'signing-hsm',
  ),
  HSM_PIN_SECRET_ID: text(
    'name or ARN of a secret of AWS Secrets Manager that holds the PIN',
    'signing-service/hsm-pin',
    { pattern: AWS_SECRET_ID },
  ),
  HSM_TOKEN_LABEL: text('label of the token, of 32 characters at most', 'hsm1', { maxLength: 32 }),
  HSM_TOKEN_SERIAL: text('serial number of the token, of 16 characters at most', 'f41c2b8d90aa17e3', {
    maxLength: 16,
  }),
  // Wider than an index: the id of a slot, which people mistake for it, gets a message of its own
  HSM_SLOT: text('index of the slot in the slot list, 0 for the first', '0', { pattern: '^[0-9]{1,20}$' }),
  HSM_KEY_LABEL: text('CKA_LABEL of the private key', 'signer'),
  HSM_KEY_ID: text('CKA_ID of the private key in hex', '01a2', { pattern: HEX }),
  REQUIRE_NON_EXTRACTABLE_KEYS: choice(
    'whether only private keys are used that were generated on the token and never could leave it',
    ['false', 'true'],
    'false',
    'true',
  ),
  SIGNER_CERTIFICATE_FILE: text(
    'signer certificate, PEM or DER, leaf first',
    '/etc/signing-service/signer.pem',
  ),
  CA_CERTIFICATES_FILE: text(
    'certificates of its issuers, in any order',
    '/etc/signing-service/ca-bundle.pem',
  ),
  SIGNERS_FILE: text(
    'JSON file that describes several signers, in place of the variables that describe one',
    '/etc/signing-service/signers.json',
  ),
  // More often than every 100 ms would be noticed in nothing but the load
  SIGNERS_RELOAD_INTERVAL_MS: integer(
    'milliseconds between looks at the files of signers and certificates, whose changes are taken over; 0 is never, else 100 or more',
    { minimum: 0, maximum: 86_400_000, not: { minimum: 1, maximum: 99 }, default: 2000 },
  ),
  HSM_SESSIONS: integer('sessions in the pool of each token', { minimum: 1, maximum: 1024, default: 8 }),
  HSM_QUEUE_LIMIT: integer('requests that may wait for a session', {
    minimum: 0,
    maximum: 1_000_000,
    default: 256,
  }),
  HSM_TIMEOUT_MS: integer('milliseconds from the arrival of a whole request to its signature', {
    minimum: 100,
    maximum: 600_000,
    default: 4000,
  }),
  HSM_KEEPALIVE_MS: integer('milliseconds after which an unused session makes a test signature', {
    minimum: 1000,
    maximum: 3_600_000,
    default: 30_000,
  }),
  HASH_ALGORITHMS: textWithDefault('hash algorithms that may be asked for', 'sha256,sha384,sha512'),
  DIGEST_MISMATCH: choice(
    'what happens when digest and contents disagree: reject, or ignore the digest',
    ['reject', 'ignore'],
    'reject',
  ),
  RAW_SIGNING: choice(
    'what raw signatures are made over: any bytes, or signed attributes (RFC 5652 5.4) of the signer alone',
    ['any', 'signed-attributes'],
    'any',
    'signed-attributes',
  ),
  ACCESS: choice(
    'who may have something signed: everybody who reaches the service, users of ACCESS_FILE, or who has a JSON Web Token',
    ['open', 'tokens', 'jwt'],
    'open',
    'tokens',
  ),
  ACCESS_FILE: text(
    'JSON file that describes the users and what each may have signed; for ACCESS=tokens',
    '/etc/signing-service/access.json',
  ),
  ACCESS_JWT_KEYS: text(
    'public keys of JSON Web Tokens: https address or file of a JSON Web Key Set, or PEM file with one key',
    'https://login.example.com/.well-known/jwks.json',
  ),
  ACCESS_JWT_SECRET_FILE: text(
    'file that holds the secret of HS256, 32 bytes at least, in place of public keys',
    '/run/secrets/jwt-secret',
  ),
  ACCESS_JWT_ISSUER: text('iss of the tokens', 'https://login.example.com', { pattern: unpadded }),
  ACCESS_JWT_AUDIENCE: text('aud of the tokens, or one of them', 'signing-service', {
    pattern: unpadded,
  }),
  ACCESS_JWT_ALGORITHMS: text(
    'algorithms of the tokens, separated by commas; ES256, RS256, PS256, EdDSA and Ed25519 by default, HS256 with a secret',
    'ES256',
  ),
  ACCESS_JWT_MAX_AGE_S: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 31_536_000,
      description: 'seconds after which a token is too old, however long it is valid',
      examples: ['300'],
    }),
  ),
  ACCESS_CERTIFICATES: choice(
    'whether get_certificates needs a token too',
    ['open', 'protected'],
    'open',
    'protected',
  ),
  ACCESS_FROM: text(
    'addresses and networks that may ask for signatures and certificates, separated by commas; all by default',
    '10.0.0.0/8,2001:db8::/32',
  ),
  TRUSTED_PROXIES: text(
    'addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas; none by default',
    '10.0.0.5',
  ),
  RATE_LIMIT_PER_SUBJECT: rate(
    'signatures that each caller may ask for in a minute, by user of ACCESS_FILE or sub of its JSON Web Token; any number by default',
    '600',
  ),
  RATE_LIMIT_PER_SIGNER: rate(
    'signatures that may be asked of each signer in a minute; any number by default',
    '6000',
  ),
  TLS_CERT_FILE: text(
    'PEM certificate that callers are shown by TLS, with its chain behind it; without one the service speaks plain http',
    '/etc/signing-service/tls/tls.crt',
  ),
  TLS_KEY_FILE: text(
    'PEM private key of that certificate, not encrypted',
    '/etc/signing-service/tls/tls.key',
  ),
  TLS_CLIENT_CA_FILE: text(
    'certificates that callers must have a certificate from; with it there is no connection without one',
    '/etc/signing-service/tls/client-ca.pem',
  ),
  TLS_CLIENT_NAMES: text(
    'DNS names, one of which the certificate of a caller must have, separated by commas; any by default',
    'document-engine.example.com',
  ),
  AUDIT_FILE: text(
    'file to which each decision about a signature is recorded before it is answered; none by default',
    '/var/lib/signing-service/audit.jsonl',
    { pattern: unpadded },
  ),
  AUDIT_STDOUT: choice(
    'whether these records go to the log, too, each as a line',
    ['false', 'true'],
    'false',
    'true',
  ),
  AUDIT_SYNC: choice(
    'whether records that come at the same time are written to the disk together, or each alone',
    ['batch', 'always'],
    'batch',
    'always',
  ),
  AUDIT_ROTATE_BYTES: integer('bytes of AUDIT_FILE from which on records go to a new file', {
    minimum: 4096,
    maximum: 1_099_511_627_776,
    default: 268_435_456,
  }),
  AUDIT_STREAM: text(
    'name of the chain of records; by default that in the file, or the name of the host',
    'signing-service-1',
    { pattern: '^[\\x21-\\x7e]{1,128}$' },
  ),
  AUDIT_SIGNER: text(
    'signer whose key signs checkpoints of the records; the signer that variables describe is called default',
    'default',
  ),
  AUDIT_CHECKPOINT_RECORDS: integer('records after which a checkpoint is signed', {
    minimum: 1,
    maximum: 1_000_000,
    default: 10_000,
  }),
  AUDIT_CHECKPOINT_SECONDS: integer('seconds after which one is, if there are new records', {
    minimum: 1,
    maximum: 86_400,
    default: 300,
  }),
  SIGN_METHODS: textWithDefault(
    'values of signMethod in a signing_token that are accepted, separated by commas',
    'hsm',
    'hsm,privatekey',
  ),
  LEVEL: choice(
    'what the containers that are built here hold: b-t has a timestamp, b-lt revocation information too, which is ' +
      'PAdES-BASELINE-T in a PDF until that has a DSS dictionary',
    ['b-b', 'b-t', 'b-lt'],
    'b-b',
    'b-t',
  ),
  TSA_URL: text(
    'http or https addresses of timestamp authorities (RFC 3161), separated by commas',
    'https://timestamp.example.com',
  ),
  TSA_USER: text('user that the timestamp authorities know, without a colon', 'signing-service', {
    pattern: USER,
  }),
  TSA_PASSWORD: text('its password', 'password'),
  TSA_PASSWORD_FILE: text('file that holds its password', '/run/secrets/tsa-password'),
  TSA_POLICY: text(
    'object identifier of the policy that timestamps must be made under',
    '1.3.6.1.4.1.99999.1',
    { pattern: OBJECT_IDENTIFIER },
  ),
  TSA_HASH_ALGORITHM: choice(
    'hash algorithm of what is timestamped',
    ['sha256', 'sha384', 'sha512'],
    'sha256',
  ),
  TSA_CA_FILE: text(
    "self-signed certificates, in one of which the timestamp authorities' chains must end",
    '/etc/signing-service/tsa-roots.pem',
  ),
  TSA_TLS_CA_FILE: text(
    'PEM certificates that https to the timestamp authorities trusts, in place of those of Node.js',
    '/etc/signing-service/tsa-tls-ca.pem',
  ),
  TSA_TLS_CERTIFICATE_FILE: text(
    'PEM certificate that the timestamp authorities are shown by TLS, with its chain',
    '/etc/signing-service/tsa-client.pem',
  ),
  TSA_TLS_KEY_FILE: text(
    'PEM private key of that certificate, not encrypted',
    '/run/secrets/tsa-client-key.pem',
  ),
  TSA_FALLBACK: choice(
    'what becomes of a container for which there is no timestamp',
    ['refuse', 'b-b'],
    'refuse',
  ),
  REVOCATION_CHECK: choice(
    'whether OCSP responders and CRLs are asked whether certificates of signers were revoked',
    ['on', 'off'],
    'on',
  ),
  // More often than what failed is tried again at first would be a flood
  REVOCATION_MAX_AGE: integer(
    'seconds after which OCSP responders and CRLs are asked anew, however long their last answer is fresh',
    { minimum: 10, maximum: 43_200, default: 3600 },
  ),
  REVOCATION_FALLBACK: choice(
    'what becomes of a container of level b-lt for which revocation information is missing',
    ['refuse', 'b-t'],
    'refuse',
  ),
  HTTP_PROXY: text(
    'HTTP proxy through which timestamp authorities, OCSP responders and CRLs with http addresses are asked, with its user and password if it has one',
    'http://proxy.example.com:3128',
  ),
  HTTPS_PROXY: text('HTTP proxy for those with https addresses', 'http://proxy.example.com:3128'),
  NO_PROXY: text(
    'hosts that are asked directly, separated by commas: names with all below them, addresses, networks, each with a port if need be, or *',
    'localhost,.example.com,10.0.0.0/8',
  ),
  CONTAINER_SIZE_LIMIT: integer('largest container in bytes: the room that the document has for it', {
    minimum: 1024,
    maximum: 10_000_000,
    default: 32_768,
  }),
  RSA_SIGNATURE_IDENTIFIER: choice(
    'what containers call the signature algorithm RSASSA-PKCS1-v1_5',
    ['rsaEncryption', 'shaWithRSAEncryption'],
    'rsaEncryption',
  ),
  SIGNING_SERVICE_PORT: integer('TCP port', { minimum: 0, maximum: 65_535, default: 6000 }),
  SIGNING_SERVICE_HOST: textWithDefault(
    'address to listen on, or a name of it, without a port; of IPv6 without brackets',
    '0.0.0.0',
    '0.0.0.0',
    { pattern: host },
  ),
  ADMIN_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description:
        'TCP port for operators: metrics, details of health and the page for people, which the other port then does not show',
      examples: ['9090'],
    }),
  ),
  ADMIN_HOST: textWithDefault(
    'address that ADMIN_PORT listens on, or a name of it, without a port; of IPv6 without brackets',
    '127.0.0.1',
    '0.0.0.0',
    { pattern: host },
  ),
  SIGNING_SERVICE_USER: text(
    'user, or user:group, of the HTTP process beside HSM_USER, each a name or a number',
    'signing-http',
  ),
  SIGNING_SERVICE_PATH: textWithDefault(
    'a further path that answers like POST /sign: / and names of letters, digits, . _ ~ and -',
    '/sign',
    '/sign',
    { pattern: path },
  ),
  SIGNING_SERVICE_BODY_LIMIT: integer('largest body in bytes', {
    minimum: 1024,
    maximum: 500_000_000,
    default: 268_435_456,
  }),
  SIGNING_SERVICE_MAX_CONNECTIONS: integer('connections that may be open at the same time', {
    minimum: 16,
    maximum: 10_000,
    default: 384,
  }),
  SIGNING_SERVICE_KEEP_ALIVE_MS: integer(
    'milliseconds that an idle connection is kept; longer than any client or load balancer keeps it',
    { minimum: 1000, maximum: 86_400_000, default: 620_000 },
  ),
  SHUTDOWN_DELAY_MS: integer(
    'milliseconds between SIGTERM and the end of intake, in which the service is not ready',
    { minimum: 0, maximum: 600_000, default: 0 },
    '5000',
  ),
  CORS_ORIGINS: text(
    'origins of browser pages that may call, separated by commas',
    'https://app.example.com',
  ),
  WEB_SDK: choice(
    'whether pages of the Web SDK sign here without Document Engine, at /api/get_certificates and /api/sign_hash; takes ' +
      'ACCESS=jwt and CORS_ORIGINS',
    ['false', 'true'],
    'false',
    'true',
  ),
  LOG_LEVEL: choice(
    'least severe level that is logged',
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    'info',
  ),
  // Variables of OpenTelemetry may be set for all programs of a host, so the service only warns of those that it cannot heed
  OTEL_TRACES_EXPORTER: text('otlp to export traces, none not to', 'otlp'),
  OTEL_EXPORTER_OTLP_ENDPOINT: text(
    'OpenTelemetry collector to which traces are exported, at /v1/traces of this address',
    'http://otel-collector:4318',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text(
    'the same as the whole address, which counts first',
    'http://otel-collector:4318/v1/traces',
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: text('http/protobuf, as no other is spoken', 'http/protobuf'),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text('the same for traces, which counts first', 'http/protobuf'),
  OTEL_SDK_DISABLED: text('true to export no traces, whatever else is set', 'true'),
})
export type Environment = Static<typeof Environment>
