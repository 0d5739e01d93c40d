/** The environment variables that configure the service: names, defaults, limits and an example of each. */
import { type Static, Type } from 'typebox'
import { OBJECT_IDENTIFIER } from './object-identifier.ts'

const hex = '^([0-9a-fA-F]{2})+$'
// No empty names, and neither . nor ..: clients take them out of an address before they call
const name = '(?!\\.{1,2}(/|$))[A-Za-z0-9._~-]+'
const path = `^/(${name}(/${name})*/?)?$`

export const Environment = Type.Object({
  HSM_MODULE: Type.Optional(
    Type.String({
      description: 'path of the PKCS#11 library',
      examples: ['/opt/cloudhsm/lib/libcloudhsm_pkcs11.so'],
    }),
  ),
  HSM_MODULE_PARAMETERS: Type.Optional(
    Type.String({
      description: "what the PKCS#11 library is told at its initialization; for NSS's softokn",
      examples: ["configdir='sql:/etc/signing-service/nssdb' certPrefix='' keyPrefix='' secmod='' flags="],
    }),
  ),
  HSM_PIN: Type.Optional(
    Type.String({ description: 'PIN of the user; CloudHSM: user:password', examples: ['user:password'] }),
  ),
  HSM_PIN_FILE: Type.Optional(
    Type.String({ description: 'file that holds the PIN', examples: ['/run/secrets/hsm-pin'] }),
  ),
  HSM_TOKEN_LABEL: Type.Optional(Type.String({ description: 'label of the token', examples: ['hsm1'] })),
  HSM_TOKEN_SERIAL: Type.Optional(
    Type.String({ description: 'serial number of the token', examples: ['f41c2b8d90aa17e3'] }),
  ),
  HSM_SLOT: Type.Optional(
    // Wider than an index: the id of a slot, which people mistake for it, gets a message of its own
    Type.String({
      pattern: '^[0-9]{1,20}$',
      description: 'index of the slot in the slot list, 0 for the first',
      examples: ['0'],
    }),
  ),
  HSM_KEY_LABEL: Type.Optional(
    Type.String({ description: 'CKA_LABEL of the private key', examples: ['signer'] }),
  ),
  HSM_KEY_ID: Type.Optional(
    Type.String({ pattern: hex, description: 'CKA_ID of the private key in hex', examples: ['01a2'] }),
  ),
  REQUIRE_NON_EXTRACTABLE_KEYS: Type.Enum(['false', 'true'], {
    default: 'false',
    description:
      'whether only private keys are used that were generated on the token and never could leave it',
    examples: ['true'],
  }),
  SIGNER_CERTIFICATE_FILE: Type.Optional(
    Type.String({
      description: 'signer certificate, PEM or DER, leaf first',
      examples: ['/etc/signing-service/signer.pem'],
    }),
  ),
  CA_CERTIFICATES_FILE: Type.Optional(
    Type.String({
      description: 'certificates of its issuers, in any order',
      examples: ['/etc/signing-service/ca-bundle.pem'],
    }),
  ),
  SIGNERS_FILE: Type.Optional(
    Type.String({
      description: 'JSON file that describes several signers, in place of the variables that describe one',
      examples: ['/etc/signing-service/signers.json'],
    }),
  ),
  SIGNERS_RELOAD_INTERVAL_MS: Type.Integer({
    minimum: 0,
    maximum: 86_400_000,
    // More often than this would be noticed in nothing but the load
    not: { minimum: 1, maximum: 99 },
    default: 2000,
    description:
      'milliseconds between looks at the files of signers and certificates, whose changes are taken over; 0 is never, else 100 or more',
    examples: ['2000'],
  }),
  HSM_SESSIONS: Type.Integer({
    minimum: 1,
    maximum: 1024,
    default: 8,
    description: 'sessions in the pool of each token',
    examples: ['8'],
  }),
  HSM_QUEUE_LIMIT: Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    default: 256,
    description: 'requests that may wait for a session',
    examples: ['256'],
  }),
  HSM_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 600_000,
    default: 4000,
    description: 'milliseconds from arrival to signature',
    examples: ['4000'],
  }),
  HSM_KEEPALIVE_MS: Type.Integer({
    minimum: 1000,
    maximum: 3_600_000,
    default: 30_000,
    description: 'milliseconds after which an unused session makes a test signature',
    examples: ['30000'],
  }),
  HASH_ALGORITHMS: Type.String({
    default: 'sha256,sha384,sha512',
    description: 'hash algorithms that may be asked for',
    examples: ['sha256,sha384,sha512'],
  }),
  DIGEST_MISMATCH: Type.Enum(['reject', 'ignore'], {
    default: 'reject',
    description: 'what happens when digest and contents disagree: reject, or ignore the digest',
    examples: ['reject'],
  }),
  RAW_SIGNING: Type.Enum(['any', 'signed-attributes'], {
    default: 'any',
    description:
      'what raw signatures are made over: any bytes, or signed attributes (RFC 5652 5.4) of the signer alone',
    examples: ['signed-attributes'],
  }),
  ACCESS: Type.Enum(['open', 'tokens', 'jwt'], {
    default: 'open',
    description:
      'who may have something signed: everybody who reaches the service, users of ACCESS_FILE, or who has a JSON Web Token',
    examples: ['tokens'],
  }),
  ACCESS_FILE: Type.Optional(
    Type.String({
      description: 'JSON file that describes the users and what each may have signed; for ACCESS=tokens',
      examples: ['/etc/signing-service/access.json'],
    }),
  ),
  ACCESS_JWT_KEYS: Type.Optional(
    Type.String({
      description:
        'public keys of JSON Web Tokens: https address or file of a JSON Web Key Set, or PEM file with one key',
      examples: ['https://login.example.com/.well-known/jwks.json'],
    }),
  ),
  ACCESS_JWT_SECRET_FILE: Type.Optional(
    Type.String({
      description: 'file that holds the secret of HS256, 32 bytes at least, in place of public keys',
      examples: ['/run/secrets/jwt-secret'],
    }),
  ),
  ACCESS_JWT_ISSUER: Type.Optional(
    Type.String({
      description: 'iss of the tokens',
      examples: ['https://login.example.com'],
    }),
  ),
  ACCESS_JWT_AUDIENCE: Type.Optional(
    Type.String({ description: 'aud of the tokens, or one of them', examples: ['signing-service'] }),
  ),
  ACCESS_JWT_ALGORITHMS: Type.Optional(
    Type.String({
      description:
        'algorithms of the tokens, separated by commas; ES256, RS256, PS256 and EdDSA by default, HS256 with a secret',
      examples: ['ES256'],
    }),
  ),
  ACCESS_JWT_MAX_AGE_S: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 31_536_000,
      description: 'seconds after which a token is too old, however long it is valid',
      examples: ['300'],
    }),
  ),
  ACCESS_CERTIFICATES: Type.Enum(['open', 'protected'], {
    default: 'open',
    description: 'whether get_certificates needs a token too',
    examples: ['protected'],
  }),
  ACCESS_FROM: Type.Optional(
    Type.String({
      description:
        'addresses and networks that may ask for signatures and certificates, separated by commas; all by default',
      examples: ['10.0.0.0/8,2001:db8::/32'],
    }),
  ),
  TRUSTED_PROXIES: Type.Optional(
    Type.String({
      description:
        'addresses and networks of proxies whose X-Forwarded-For is believed, separated by commas; none by default',
      examples: ['10.0.0.5'],
    }),
  ),
  SIGN_METHODS: Type.String({
    default: 'hsm',
    description: 'values of signMethod in a signing_token that are accepted, separated by commas',
    examples: ['hsm,privatekey'],
  }),
  LEVEL: Type.Enum(['b-b', 'b-t', 'b-lt'], {
    default: 'b-b',
    description:
      'what the containers that are built here hold: b-t has a timestamp, b-lt revocation information too, which is ' +
      'PAdES-BASELINE-T in a PDF until that has a DSS dictionary',
    examples: ['b-t'],
  }),
  TSA_URL: Type.Optional(
    Type.String({
      description: 'http or https addresses of timestamp authorities (RFC 3161), separated by commas',
      examples: ['https://timestamp.example.com'],
    }),
  ),
  TSA_USER: Type.Optional(
    Type.String({
      // RFC 7617 2
      pattern: '^[^:\\x00-\\x1f\\x7f]+$',
      description: 'user that the timestamp authorities know, without a colon',
      examples: ['signing-service'],
    }),
  ),
  TSA_PASSWORD: Type.Optional(Type.String({ description: 'its password', examples: ['password'] })),
  TSA_PASSWORD_FILE: Type.Optional(
    Type.String({ description: 'file that holds its password', examples: ['/run/secrets/tsa-password'] }),
  ),
  TSA_POLICY: Type.Optional(
    Type.String({
      pattern: `^${OBJECT_IDENTIFIER}$`,
      description: 'object identifier of the policy that timestamps must be made under',
      examples: ['1.3.6.1.4.1.99999.1'],
    }),
  ),
  TSA_HASH_ALGORITHM: Type.Enum(['sha256', 'sha384', 'sha512'], {
    default: 'sha256',
    description: 'hash algorithm of what is timestamped',
    examples: ['sha256'],
  }),
  TSA_CA_FILE: Type.Optional(
    Type.String({
      description: "self-signed certificates, in one of which the timestamp authorities' chains must end",
      examples: ['/etc/signing-service/tsa-roots.pem'],
    }),
  ),
  TSA_TLS_CA_FILE: Type.Optional(
    Type.String({
      description:
        'PEM certificates that https to the timestamp authorities trusts, in place of those of Node.js',
      examples: ['/etc/signing-service/tsa-tls-ca.pem'],
    }),
  ),
  TSA_TLS_CERTIFICATE_FILE: Type.Optional(
    Type.String({
      description: 'PEM certificate that the timestamp authorities are shown by TLS, with its chain',
      examples: ['/etc/signing-service/tsa-client.pem'],
    }),
  ),
  TSA_TLS_KEY_FILE: Type.Optional(
    Type.String({
      description: 'PEM private key of that certificate, not encrypted',
      examples: ['/run/secrets/tsa-client-key.pem'],
    }),
  ),
  TSA_FALLBACK: Type.Enum(['refuse', 'b-b'], {
    default: 'refuse',
    description: 'what becomes of a container for which there is no timestamp',
    examples: ['refuse'],
  }),
  REVOCATION_CHECK: Type.Enum(['on', 'off'], {
    default: 'on',
    description: 'whether OCSP responders and CRLs are asked whether certificates of signers were revoked',
    examples: ['on'],
  }),
  REVOCATION_MAX_AGE: Type.Integer({
    // More often than what failed is tried again at first would be a flood
    minimum: 10,
    maximum: 43_200,
    default: 3600,
    description:
      'seconds after which OCSP responders and CRLs are asked anew, however long their last answer is fresh',
    examples: ['3600'],
  }),
  REVOCATION_FALLBACK: Type.Enum(['refuse', 'b-t'], {
    default: 'refuse',
    description: 'what becomes of a container of level b-lt for which revocation information is missing',
    examples: ['refuse'],
  }),
  HTTP_PROXY: Type.Optional(
    Type.String({
      description:
        'HTTP proxy through which timestamp authorities, OCSP responders and CRLs with http addresses are asked, with its user and password if it has one',
      examples: ['http://proxy.example.com:3128'],
    }),
  ),
  HTTPS_PROXY: Type.Optional(
    Type.String({
      description: 'HTTP proxy for those with https addresses',
      examples: ['http://proxy.example.com:3128'],
    }),
  ),
  NO_PROXY: Type.Optional(
    Type.String({
      description:
        'hosts that are asked directly, separated by commas: names with all below them, addresses, networks, each with a port if need be, or *',
      examples: ['localhost,.example.com,10.0.0.0/8'],
    }),
  ),
  CONTAINER_SIZE_LIMIT: Type.Integer({
    minimum: 1024,
    maximum: 10_000_000,
    default: 32_768,
    description: 'largest container in bytes: the room that the document has for it',
    examples: ['32768'],
  }),
  RSA_SIGNATURE_IDENTIFIER: Type.Enum(['rsaEncryption', 'shaWithRSAEncryption'], {
    default: 'rsaEncryption',
    description: 'what containers call the signature algorithm RSASSA-PKCS1-v1_5',
    examples: ['rsaEncryption'],
  }),
  SIGNING_SERVICE_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 6000,
    description: 'TCP port',
    examples: ['6000'],
  }),
  SIGNING_SERVICE_HOST: Type.String({
    default: '0.0.0.0',
    description: 'address to listen on',
    examples: ['0.0.0.0'],
  }),
  SIGNING_SERVICE_PATH: Type.String({
    pattern: path,
    default: '/sign',
    description: 'a further path that answers like POST /sign: / and names of letters, digits, . _ ~ and -',
    examples: ['/sign'],
  }),
  SIGNING_SERVICE_BODY_LIMIT: Type.Integer({
    minimum: 1024,
    maximum: 500_000_000,
    default: 268_435_456,
    description: 'largest body in bytes',
    examples: ['268435456'],
  }),
  SIGNING_SERVICE_MAX_CONNECTIONS: Type.Integer({
    minimum: 16,
    maximum: 100_000,
    default: 2048,
    description: 'connections that may be open at the same time',
    examples: ['2048'],
  }),
  SIGNING_SERVICE_KEEP_ALIVE_MS: Type.Integer({
    minimum: 1000,
    maximum: 86_400_000,
    default: 620_000,
    description:
      'milliseconds that an idle connection is kept; longer than any client or load balancer keeps it',
    examples: ['620000'],
  }),
  SHUTDOWN_DELAY_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 0,
    description: 'milliseconds between SIGTERM and the end of intake, in which the service is not ready',
    examples: ['5000'],
  }),
  CORS_ORIGINS: Type.Optional(
    Type.String({
      description: 'origins of browser pages that may call, separated by commas',
      examples: ['https://app.example.com'],
    }),
  ),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'least severe level that is logged',
    examples: ['info'],
  }),
})
export type Environment = Static<typeof Environment>
