import { once } from 'node:events'
import { chmodSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { findHashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import { fileVersion } from '../../src/common/file-version.ts'
import { Proxies } from '../../src/common/proxies.ts'
import type { Configuration } from '../../src/configuration/configuration.ts'
import {
  loadConfiguration,
  loadLibraryConfiguration,
  loadSigners,
  loadTokenConfiguration,
} from '../../src/configuration/load.ts'
import { findMissingPackage } from '../../src/configuration/pin.ts'
import { VARIABLE_SETTINGS } from '../../src/configuration/read-signer.ts'
import type { SignerConfiguration } from '../../src/configuration/signer-configuration.ts'
import { ConfigurationError } from '../../src/errors.ts'
import { issue, RSA_2048, spoil, withEmptyTime, writeBundle } from '../support/certificates.ts'
import { startServerProcess } from '../support/server-process.ts'

const PIN = 'crypto-user:pin-4711'
const directory = t.testdir({
  'module.so': '',
  pin: `${PIN}\n`,
  empty: '',
  garbage: 'no certificate',
  folder: {},
  'access.json': '{ "users": [] }',
})
const path = (name: string) => join(directory, name)
chmodSync(path('pin'), 0o600)
const MODULE = path('module.so')
/** The least there can be, for nobody but this host: otherwise the open access is warned about. */
const LEAST = { HSM_MODULE: MODULE, HSM_PIN: PIN, SIGNING_SERVICE_HOST: '127.0.0.1' }
const OPEN_WARNING =
  'ACCESS: everybody who reaches the service may have anything signed; set it to tokens or jwt, or limit ACCESS_FROM'
const PIN_WARNING = "HSM_PIN: stays readable in the process's environment; HSM_PIN_FILE does not"

const root = issue(directory, { subject: '/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing CA', ca: true, issuer: root })
const leaf = issue(directory, { subject: '/CN=Signer', issuer: issuing, key: RSA_2048 })

function load(variables: Record<string, string> = {}): Configuration {
  return loadConfiguration({ ...LEAST, ...variables })
}

/** The only one. */
function signerOf({ signers }: Configuration): SignerConfiguration {
  return signers.signers[0] as SignerConfiguration
}

/** The problems with an environment, each as `NAME: message`. */
function problemsOf(environment: Record<string, string | undefined>): string[] {
  try {
    loadConfiguration(environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    return error.problems.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

/** Checks that a value is the only problem, and that the variable, what is wrong and an example are told. */
function checkRefused(
  t: Test,
  variable: string,
  value: string,
  wrong: RegExp | string = 'is not valid',
): void {
  const [problem = '', ...more] = problemsOf({ ...LEAST, [variable]: value })
  t.match(problem, wrong, `${variable}=${value}`)
  t.ok(problem.startsWith(`${variable}: `), problem)
  t.equal(problem.includes(value), !value.includes('@'), 'the value is told, but no address with a user')
  t.match(problem, new RegExp(`, for example ${variable}=[^ ]+$`))
  t.strictSame(more, [])
}

t.test('with module and PIN alone all else has its default', async (t) => {
  t.same(loadConfiguration({ HSM_MODULE: MODULE, HSM_PIN: PIN }), {
    host: '0.0.0.0',
    port: 6000,
    paths: ['/', '/sign'],
    signerPaths: [],
    bodyLimit: 268_435_456,
    maxConnections: 384,
    keepAliveMs: 620_000,
    shutdownDelayMs: 0,
    corsOrigins: [],
    webSdk: false,
    logLevel: 'info',
    digestMismatch: 'reject',
    signMethods: ['hsm'],
    reloadIntervalMs: 2000,
    revocationCheck: true,
    revocationMaxAgeMs: 3_600_000,
    proxies: new Proxies(),
    access: { configuration: { kind: 'open' }, files: [] },
    protectCertificates: false,
    rateLimits: {},
    hsm: {
      ...{ sessions: 8, queueLimit: 256, timeoutMs: 4000, keepAliveMs: 30_000 },
      requireNonExtractableKeys: false,
      apart: false,
    },
    signers: {
      default: 'default',
      signers: [
        {
          name: 'default',
          access: { module: MODULE, pin: { variable: 'HSM_PIN' }, token: {} },
          key: {},
          rules: {
            ...{ containers: ['raw', 'pkcs7'], signatureTypes: ['cms', 'cades'], raw: false },
            hashAlgorithms: ['sha256', 'sha384', 'sha512'].map(findHashAlgorithm),
            minimumDaysLeft: 0,
            rawSigning: 'any',
          },
          container: {
            ...{ level: 'b-b', sizeLimit: 32_768, rsaSignatureIdentifier: 'rsaEncryption' },
            revocationFallback: 'refuse',
          },
          caCertificates: [],
          settings: { ...VARIABLE_SETTINGS, pin: 'HSM_PIN' },
        },
      ],
      files: new Map(),
    },
    warnings: [PIN_WARNING, OPEN_WARNING],
  })
})

t.test('a proxy that is none is a problem, whose value is not told', async (t) => {
  const variables = {
    HSM_MODULE: MODULE,
    HSM_PIN: 'user:password',
    SIGNING_SERVICE_HOST: '127.0.0.1',
    https_proxy: 'http://user:secret@proxy.test/path',
  }
  try {
    loadConfiguration(variables)
    t.fail('it is refused')
  } catch (error) {
    t.match(error, {
      message: /^HTTPS_PROXY: is set by https_proxy, which has more in it than the address of a proxy/,
    })
    t.notMatch(`${error}`, 'secret')
  }
  const { proxies, warnings } = loadConfiguration({ ...variables, https_proxy: 'http://proxy.test:3128' })
  t.equal(proxies.https?.url.href, 'http://proxy.test:3128/')
  t.strictSame(warnings, [PIN_WARNING])
})

t.test('every variable reaches its place', async (t) => {
  const configuration = loadConfiguration({
    ...{ HSM_MODULE: MODULE, HSM_MODULE_PARAMETERS: "configdir='/db'", HSM_PIN_FILE: path('pin') },
    ...{ HSM_TOKEN_LABEL: 'hsm1', HSM_TOKEN_SERIAL: 'f41c2b8d90aa17e3', HSM_SLOT: '2' },
    ...{ HSM_KEY_LABEL: 'signer', HSM_KEY_ID: '01A2' },
    ...{ SIGNER_CERTIFICATE_FILE: leaf.certificateFile, CA_CERTIFICATES_FILE: issuing.certificateFile },
    ...{ HSM_SESSIONS: '3', HSM_QUEUE_LIMIT: '0', HSM_TIMEOUT_MS: '900', HSM_KEEPALIVE_MS: '5000' },
    REQUIRE_NON_EXTRACTABLE_KEYS: 'true',
    ...{ SHUTDOWN_DELAY_MS: '2000', SIGNERS_RELOAD_INTERVAL_MS: '500' },
    ...{ RAW_SIGNING: 'signed-attributes', SIGN_METHODS: 'hsm,PrivateKey, hsm' },
    ...{ ACCESS: 'tokens', ACCESS_FILE: path('access.json') },
    ...{ RATE_LIMIT_PER_SUBJECT: '60', RATE_LIMIT_PER_SIGNER: '600' },
    ...{ HASH_ALGORITHMS: 'sha512', DIGEST_MISMATCH: 'ignore', CORS_ORIGINS: 'https://app.example.com' },
    ...{ SIGNING_SERVICE_PORT: '0', SIGNING_SERVICE_HOST: '::1', SIGNING_SERVICE_PATH: '/api/sign' },
    ...{ SIGNING_SERVICE_BODY_LIMIT: '1024', SIGNING_SERVICE_MAX_CONNECTIONS: '64' },
    ...{ SIGNING_SERVICE_KEEP_ALIVE_MS: '1000', LOG_LEVEL: 'warn' },
    ...{ AUDIT_FILE: path('audit.jsonl'), AUDIT_STDOUT: 'true', AUDIT_SYNC: 'always', AUDIT_STREAM: 'one' },
    ...{ AUDIT_ROTATE_BYTES: '4096', AUDIT_SIGNER: 'default' },
    ...{ AUDIT_CHECKPOINT_RECORDS: '10', AUDIT_CHECKPOINT_SECONDS: '2' },
  })
  t.match(configuration, {
    ...{ host: '::1', port: 0, paths: ['/', '/sign', '/api/sign'], bodyLimit: 1024, keepAliveMs: 1000 },
    maxConnections: 64,
    ...{ corsOrigins: ['https://app.example.com'], logLevel: 'warn', digestMismatch: 'ignore' },
    signMethods: ['hsm', 'privatekey'],
    rateLimits: { perSubject: 60, perSigner: 600 },
    signerPaths: [],
    audit: {
      ...{ file: path('audit.jsonl'), stdout: true, sync: 'always', rotateBytes: 4096, stream: 'one' },
      ...{ signer: 'default', checkpointRecords: 10, checkpointMs: 2000 },
    },
    shutdownDelayMs: 2000,
    reloadIntervalMs: 500,
    hsm: {
      ...{ sessions: 3, queueLimit: 0, timeoutMs: 900, keepAliveMs: 5000 },
      requireNonExtractableKeys: true,
      apart: false,
    },
    signers: {
      signers: [
        {
          access: {
            ...{ module: MODULE, moduleParameters: "configdir='/db'", pin: { file: path('pin') } },
            token: { label: 'hsm1', serial: 'f41c2b8d90aa17e3', slot: 2 },
          },
          key: { label: 'signer', id: '01a2' },
          rules: { hashAlgorithms: [{ name: 'sha512' }], rawSigning: 'signed-attributes' },
          settings: { key: 'HSM_KEY_LABEL' },
        },
      ],
      files: new Map(
        [leaf, issuing].map(({ certificateFile }) => [certificateFile, fileVersion(certificateFile)]),
      ),
    },
    warnings: [],
  })
  const { certificates = [], caCertificates } = signerOf(configuration)
  t.strictSame(
    [...certificates, ...caCertificates].map(String),
    [leaf, issuing].map(({ certificate }) => certificate.toString()),
  )
})

t.test('an empty variable counts as unset', async (t) => {
  const names = Object.keys({ HSM_PIN_FILE: 0, HSM_SLOT: 0, HSM_SESSIONS: 0, LOG_LEVEL: 0, CORS_ORIGINS: 0 })
  const empty = Object.fromEntries([...names, 'HASH_ALGORITHMS', 'HSM_TYPO'].map((name) => [name, '']))
  t.same(load(empty), load())
  t.match(problemsOf({ HSM_MODULE: '', HSM_PIN: '' }), [
    /^HSM_MODULE: is required/,
    /^HSM_PIN_FILE: is required/,
  ])
})

t.test('a PIN in a variable is one line, and is not quoted', async (t) => {
  for (const quoted of [`"${PIN}"`, `'${PIN}'`]) {
    const told = problemsOf({ ...LEAST, HSM_PIN: quoted })
    t.match(told, [/^HSM_PIN: stands in quotation marks, as docker leaves them in an --env-file: /])
    t.notMatch(`${told}`, PIN)
  }
  t.strictSame(problemsOf({ ...LEAST, HSM_PIN: `"${PIN}'` }), [])
  const problems = problemsOf({ ...LEAST, HSM_PIN: 'first-line\nsecond-line' })
  t.match(problems, [/^HSM_PIN: /])
  t.notMatch(problems.join(), /first-line|second-line/)
})

t.test('numbers', async (t) => {
  for (const [variable, least, most] of [
    ['HSM_SESSIONS', 1, 1024],
    ['HSM_QUEUE_LIMIT', 0, 1_000_000],
    ['HSM_TIMEOUT_MS', 100, 600_000],
    ['HSM_KEEPALIVE_MS', 1000, 3_600_000],
    ['RATE_LIMIT_PER_SIGNER', 1, 1_000_000],
    ['SHUTDOWN_DELAY_MS', 0, 600_000],
    ['SIGNERS_RELOAD_INTERVAL_MS', 0, 86_400_000],
    ['SIGNING_SERVICE_PORT', 0, 65_535],
    ['SIGNING_SERVICE_BODY_LIMIT', 1024, 500_000_000],
    ['SIGNING_SERVICE_MAX_CONNECTIONS', 16, 10_000],
    ['SIGNING_SERVICE_KEEP_ALIVE_MS', 1000, 86_400_000],
  ] as const) {
    t.strictSame(problemsOf({ ...LEAST, [variable]: `${least}` }), [], `${variable}=${least}`)
    t.strictSame(problemsOf({ ...LEAST, [variable]: `${most}` }), [], `${variable}=${most}`)
    for (const value of [
      `${least - 1}`,
      `${most + 1}`,
      'many',
      '8.5',
      '0x20',
      '1e3',
      'Infinity',
      'NaN',
      ' 8 ',
      'true',
    ]) {
      checkRefused(t, variable, value, `an integer from ${least} to ${most}, for example`)
    }
  }
})

t.test('label and serial number of a token are no longer than PKCS#11 has them', async (t) => {
  for (const [variable, most] of [
    ['HSM_TOKEN_LABEL', 32],
    ['HSM_TOKEN_SERIAL', 16],
  ] as const) {
    t.strictSame(problemsOf({ ...LEAST, [variable]: 'a'.repeat(most) }), [])
    checkRefused(t, variable, 'a'.repeat(most + 1), `of ${most} characters at most`)
  }
})

t.test('a slot is an index; what is too large for one is kept as it is, for a message', async (t) => {
  const slotOf = (value: string) => load({ HSM_SLOT: value }).signers.signers[0]?.access.token.slot
  t.equal(slotOf('0'), 0)
  t.equal(slotOf('65535'), 65_535)
  t.equal(slotOf('065536'), '65536')
  t.equal(slotOf('18446744073709551615'), '18446744073709551615')
  for (const value of ['-1', 'first', '0x20', '1e3', '8.5', '184467440737095516150']) {
    checkRefused(t, 'HSM_SLOT', value, 'index of the slot in the slot list, 0 for the first, for example')
  }
})

t.test('files are looked at never, or every tenth of a second at most', async (t) => {
  for (const interval of ['1', '99']) {
    checkRefused(t, 'SIGNERS_RELOAD_INTERVAL_MS', interval, '0 is never, else 100 or more')
  }
  t.equal(load({ SIGNERS_RELOAD_INTERVAL_MS: '100' }).reloadIntervalMs, 100)
})

t.test('choices, in the very spelling', async (t) => {
  checkRefused(t, 'DIGEST_MISMATCH', 'Reject', 'one of reject, ignore')
  for (const level of ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const) {
    t.equal(load({ LOG_LEVEL: level }).logLevel, level)
  }
  for (const level of ['INFO', 'verbose', '30']) {
    checkRefused(t, 'LOG_LEVEL', level, 'one of fatal, error, warn, info, debug, trace, silent')
  }
})

t.test('key ids are hex of whole bytes', async (t) => {
  for (const id of ['1', '0x01', '01:a2', 'signer', ' 01']) {
    checkRefused(t, 'HSM_KEY_ID', id)
  }
})

t.test('a key that is named by its id alone is told by that variable', async (t) => {
  const keySetting = (variables: Record<string, string>) => signerOf(load(variables)).settings.key
  t.equal(keySetting({ HSM_KEY_ID: '01' }), 'HSM_KEY_ID')
  t.equal(keySetting({ HSM_KEY_ID: '01', HSM_KEY_LABEL: 'signer' }), 'HSM_KEY_LABEL')
})

t.test(
  'a list that names none is refused, since it limits or allows something else than was meant',
  async (t) => {
    for (const variable of ['CORS_ORIGINS', 'ACCESS_FROM', 'TRUSTED_PROXIES']) {
      for (const value of [' , ', ',', ' ']) {
        checkRefused(t, variable, value, 'names none')
      }
    }
  },
)

t.test('sign methods', async (t) => {
  const methods = (value: string) => load({ SIGN_METHODS: value }).signMethods
  t.strictSame(methods('privateKey,HSM,globaltrust, GlobalSign,'), [
    ...['privatekey', 'hsm', 'globaltrust', 'globalsign'],
  ])
  t.strictSame(methods('privatekey'), ['privatekey'])
  const wrong = 'software is none of privatekey, hsm, globaltrust, globalsign'
  checkRefused(t, 'SIGN_METHODS', 'software', wrong)
  checkRefused(t, 'SIGN_METHODS', ' , ', 'names none')
})

t.test('what raw signatures are made over', async (t) => {
  t.equal(signerOf(load({ RAW_SIGNING: 'any' })).rules.rawSigning, 'any')
  checkRefused(t, 'RAW_SIGNING', 'attributes')
})

t.test('the audit log', async (t) => {
  t.equal(load().audit, undefined)
  const unsigned =
    'AUDIT_SIGNER: is not set, so no key signs the records: whoever can write the file can write all of it anew'
  const { audit, warnings } = load({ AUDIT_FILE: path('audit.jsonl') })
  t.strictSame(audit, {
    ...{ file: path('audit.jsonl'), stdout: false, sync: 'batch', rotateBytes: 268_435_456 },
    ...{ checkpointRecords: 10_000, checkpointMs: 300_000 },
  })
  t.ok(warnings.includes(unsigned))
  t.strictSame(load({ AUDIT_STDOUT: 'true' }).audit?.file, undefined)
  t.equal(load({ AUDIT_STDOUT: 'false' }).audit, undefined)

  // A setting without effect would be taken for protection
  t.match(load({ AUDIT_SYNC: 'always', AUDIT_SIGNER: 'default', AUDIT_STDOUT: 'false' }).warnings, [
    PIN_WARNING,
    'AUDIT_SYNC: has no effect without AUDIT_FILE',
    'AUDIT_SIGNER: has no effect without AUDIT_FILE or AUDIT_STDOUT',
  ])
  t.match(load({ AUDIT_STDOUT: 'true', AUDIT_SIGNER: 'default', AUDIT_ROTATE_BYTES: '4096' }).warnings, [
    PIN_WARNING,
    'AUDIT_ROTATE_BYTES: has no effect without AUDIT_FILE',
  ])

  for (const [variables, message] of [
    [{ AUDIT_FILE: path('missing/audit.jsonl') }, /^AUDIT_FILE: \S+ is in a folder that does not exist/],
    [
      { AUDIT_FILE: '/proc/sys/audit.jsonl' },
      /^AUDIT_FILE: \S+ is in a folder that user \d+ may not write to/,
    ],
    [
      { AUDIT_FILE: path('pin/audit.jsonl') },
      /^AUDIT_FILE: \S+ is in a folder that cannot be read \(ENOTDIR\)/,
    ],
    [
      { AUDIT_FILE: path('audit-123456789012.jsonl') },
      /^AUDIT_FILE: \S+ has a name such as files get that were rotated/,
    ],
    [
      { AUDIT_FILE: path('audit.jsonl'), AUDIT_SIGNER: 'other' },
      /^AUDIT_SIGNER: other is not the name of a signer/,
    ],
    [{ AUDIT_STDOUT: 'yes' }, /^AUDIT_STDOUT: yes is not valid/],
    [{ AUDIT_STREAM: 'two words' }, /^AUDIT_STREAM: "two words" is not valid/],
    [{ AUDIT_CHECKPOINT_SECONDS: '0' }, /^AUDIT_CHECKPOINT_SECONDS: 0 is not valid/],
    [{ AUDIT_CHECKPOINT_RECORDS: '0' }, /^AUDIT_CHECKPOINT_RECORDS: 0 is not valid/],
    [{ AUDIT_ROTATE_BYTES: '4095' }, /^AUDIT_ROTATE_BYTES: 4095 is not valid/],
  ] as const) {
    t.match(problemsOf({ ...LEAST, ...variables }), [message])
  }

  const hidden: string[] = []
  loadConfiguration({ ...LEAST, AUDIT_FILE: '/proc/sys/audit.jsonl' }, false, hidden)
  t.strictSame(hidden, ['AUDIT_FILE'], 'where another user writes it')
  const missing = { ...LEAST, AUDIT_FILE: path('missing/audit.jsonl') }
  t.throws(() => loadConfiguration(missing, false, []), { message: /^AUDIT_FILE: / }, 'who cannot do all')
  const { problems } = loadSigners({ ...LEAST, AUDIT_STDOUT: 'true', AUDIT_SIGNER: 'other' })
  t.match(problems, [{ variable: 'AUDIT_SIGNER' }], 'a reload must not take it away')
  t.strictSame(loadSigners({ ...LEAST, AUDIT_SIGNER: 'other' }).problems, [], 'without records it signs none')
})

t.test('the path', async (t) => {
  for (const [value, paths] of [
    ['/', ['/', '/sign']],
    ['/sign', ['/', '/sign']],
    ['/sign/', ['/', '/sign']],
    ['/api/v1.0/sign_now~-', ['/', '/sign', '/api/v1.0/sign_now~-']],
    ['/.well-known/sign/', ['/', '/sign', '/.well-known/sign']],
  ] as const) {
    t.strictSame(load({ SIGNING_SERVICE_PATH: value }).paths, paths, value)
  }
  t.strictSame(load({ SIGNING_SERVICE_PATH: '/sign/default' }).paths, ['/', '/sign', '/sign/default'])
  for (const value of [
    'sign',
    '//sign',
    '/a//b',
    '/a/../b',
    '/.',
    '/a/..',
    '/sign?x',
    '/:id',
    '/*',
    '/a b',
    '/ä',
  ]) {
    checkRefused(t, 'SIGNING_SERVICE_PATH', value, 'a further path that answers like POST /sign')
  }
})

t.test('hash algorithms', async (t) => {
  const names = (value: string) =>
    signerOf(load({ HASH_ALGORITHMS: value })).rules.hashAlgorithms.map(({ name }) => name)
  t.strictSame(names('sha512'), ['sha512'])
  t.strictSame(names(' sha160 , sha224,sha256, sha384 ,sha512 '), [
    'sha160',
    'sha224',
    'sha256',
    'sha384',
    'sha512',
  ])
  t.strictSame(names('SHA-256,sha256,,SHA256'), ['sha256'], 'spellings of one are one')
  t.strictSame(names('sha1,SHA-1,sha160'), ['sha160'], 'SHA-1 is sha160')
  for (const value of ['md5', 'MD5', 'sha3-256', 'sha256 sha512', 'constructor']) {
    checkRefused(t, 'HASH_ALGORITHMS', value, 'is none of sha160, sha224, sha256, sha384, sha512')
  }
  checkRefused(t, 'HASH_ALGORITHMS', ' , ', 'names none')
  t.equal(problemsOf({ ...LEAST, HASH_ALGORITHMS: 'md5,sha256,md2' }).length, 2, 'each is told')
})

t.test('pages of the Web SDK take tokens, origins, and addresses of their own', async (t) => {
  t.match(problemsOf({ ...LEAST, WEB_SDK: 'true' }), [
    /^WEB_SDK: is true, but ACCESS is not jwt/,
    /^CORS_ORIGINS: is required for WEB_SDK=true/,
  ])
  const jwt = {
    ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: 'https://login.example.com/keys' },
    ...{ ACCESS_JWT_ISSUER: 'https://app.example.com', ACCESS_JWT_AUDIENCE: 'signing-service' },
  }
  const pages = { ...LEAST, ...jwt, WEB_SDK: 'true', CORS_ORIGINS: 'https://app.example.com' }
  t.strictSame(problemsOf(pages), [])
  for (const path of ['/api/sign_hash', '/api/get_certificates/']) {
    t.match(problemsOf({ ...pages, SIGNING_SERVICE_PATH: path }), [
      /^SIGNING_SERVICE_PATH: \S+ is an address of the Web SDK/,
    ])
    t.strictSame(problemsOf({ ...LEAST, SIGNING_SERVICE_PATH: path }), [])
  }
})

t.test('origins', async (t) => {
  const origins = (value: string) => load({ CORS_ORIGINS: value }).corsOrigins
  t.strictSame(origins('https://app.example.com'), ['https://app.example.com'])
  t.strictSame(origins(' https://a.example , http://localhost:3000 ,'), [
    'https://a.example',
    'http://localhost:3000',
  ])
  for (const value of [
    ...['*', 'null', 'app.example.com', 'https://app.example.com/', 'https://app.example.com/sign'],
    ...[
      'https://*.example.com',
      'https://app.example.com:443',
      'https://APP.example.com',
      'ftp://app.example.com',
    ],
    ...['https://user@app.example.com', 'https://', 'javascript:alert(1)'],
  ]) {
    checkRefused(t, 'CORS_ORIGINS', value, 'is no origin')
  }
  t.equal(problemsOf({ ...LEAST, CORS_ORIGINS: '*,https://app.example.com,x' }).length, 2, 'each is told')
})

t.test('the PIN', async (t) => {
  t.strictSame(signerOf(load()).access.pin, { variable: 'HSM_PIN' }, 'is found in the variable')
  const fromFile = { HSM_MODULE: MODULE, HSM_PIN_FILE: path('pin') }
  t.strictSame(signerOf(loadConfiguration(fromFile)).access.pin, { file: path('pin') }, 'or in the file')
  const example = ': file that holds the PIN, for example HSM_PIN_FILE=/run/secrets/hsm-pin'
  t.strictSame(
    problemsOf({ ...LEAST, HSM_PIN_FILE: path('pin') }),
    [`HSM_PIN_FILE: ${path('pin')} is set beside HSM_PIN; set one of the two${example}`],
    'not in both',
  )
  t.strictSame(
    problemsOf({ HSM_MODULE: MODULE }),
    [`HSM_PIN_FILE: is required, or HSM_PIN, or HSM_PIN_SECRET_ID${example}`],
    'but in one',
  )
})

t.test('the PIN in a secret of AWS Secrets Manager', async (t) => {
  const { HSM_PIN: _, ...least } = LEAST
  const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:signing/hsm-pin-AbCdEf'
  for (const id of ['signing/hsm-pin', arn]) {
    const { access, settings } = signerOf(loadConfiguration({ ...least, HSM_PIN_SECRET_ID: id }))
    t.strictSame(access.pin, { secretId: id })
    t.equal(settings.pin, 'HSM_PIN_SECRET_ID')
  }
  const example =
    ': name or ARN of a secret of AWS Secrets Manager that holds the PIN, for example ' +
    'HSM_PIN_SECRET_ID=signing-service/hsm-pin'
  const beside = `is set beside HSM_PIN; set one of the two`
  t.strictSame(problemsOf({ ...LEAST, HSM_PIN_SECRET_ID: arn, HSM_PIN_FILE: path('pin') }), [
    `HSM_PIN_FILE: ${path('pin')} ${beside}: file that holds the PIN, for example HSM_PIN_FILE=/run/secrets/hsm-pin`,
    `HSM_PIN_SECRET_ID: ${beside}${example}`,
  ])
  for (const pin of ['4711', 'user:4711', 'arn:aws:s3:::4711', '4711 ']) {
    t.strictSame(
      problemsOf({ ...least, HSM_PIN_SECRET_ID: pin }),
      [`HSM_PIN_SECRET_ID: is not valid${example}`],
      'a PIN in the wrong place is not quoted',
    )
    t.throws(() => loadTokenConfiguration({ ...least, HSM_PIN_SECRET_ID: pin }), {
      message: `HSM_PIN_SECRET_ID: is not valid${example}`,
    })
  }
  t.strictSame(findMissingPackage('HSM_PIN_SECRET_ID', 'no-such-package'), [
    {
      variable: 'HSM_PIN_SECRET_ID',
      message:
        'needs the package no-such-package, which is not installed: run npm ci without --omit=optional',
    },
  ])
})

t.test('files that cannot be read', async (t) => {
  symlinkSync(path('loop'), path('loop'))
  for (const [file, reason] of [
    ['missing', 'does not exist'],
    ['module.so/pin', 'cannot be read (ENOTDIR)'],
    ['loop', 'cannot be read (ELOOP)'],
    ['folder', 'cannot be read (it is not a file)'],
  ] as const) {
    for (const variable of [
      'HSM_MODULE',
      'HSM_PIN_FILE',
      'SIGNER_CERTIFICATE_FILE',
      'CA_CERTIFICATES_FILE',
    ]) {
      const { HSM_PIN, ...rest } = LEAST
      const [problem, ...more] = problemsOf({
        ...rest,
        ...(variable !== 'HSM_PIN_FILE' && { HSM_PIN }),
        [variable]: path(file),
      })
      t.match(problem, `${variable}: ${path(file)} ${reason}: `)
      t.match(problem, `, for example ${variable}=/`)
      t.strictSame(more, [])
    }
  }
})

t.test('certificate files', async (t) => {
  for (const variable of ['SIGNER_CERTIFICATE_FILE', 'CA_CERTIFICATES_FILE']) {
    checkRefused(t, variable, path('empty'), 'it is empty')
    checkRefused(t, variable, path('garbage'), 'it is neither PEM nor a DER certificate')
    writeFileSync(
      path('with-key.pem'),
      readFileSync(leaf.certificateFile) + readFileSync(leaf.keyFile, 'utf8'),
    )
    checkRefused(t, variable, path('with-key.pem'), 'it holds a private key')
  }
  const chain = writeBundle(
    path('chain.pem'),
    [leaf, issuing, root].map(({ certificate }) => certificate),
  )
  t.equal(signerOf(load({ SIGNER_CERTIFICATE_FILE: chain })).certificates?.length, 3)
})

t.test('a certificate that cannot go into a container', async (t) => {
  const rsaRoot = issue(directory, { subject: '/CN=RSA root', ca: true, key: RSA_2048 })
  const ofRsaRoot = issue(directory, { subject: '/CN=Signer', issuer: rsaRoot, key: RSA_2048 })
  const SIGNER_CERTIFICATE_FILE = spoil(ofRsaRoot).certificateFile
  t.match(problemsOf({ ...LEAST, SIGNER_CERTIFICATE_FILE }), [
    /^SIGNER_CERTIFICATE_FILE: \/\S+ is not encoded as RFC 5280 says/,
  ])
  const CA_CERTIFICATES_FILE = spoil(rsaRoot).certificateFile
  t.match(
    problemsOf({ ...LEAST, SIGNER_CERTIFICATE_FILE: ofRsaRoot.certificateFile, CA_CERTIFICATES_FILE }),
    [/^CA_CERTIFICATES_FILE: \/\S+: the certificate of CN=RSA root is not encoded/],
  )
})

t.test('a certificate that only some versions of OpenSSL read is refused in the same words', async (t) => {
  const rsaRoot = issue(directory, { subject: '/CN=RSA root', ca: true, key: RSA_2048 })
  const ofRsaRoot = issue(directory, { subject: '/CN=Signer', issuer: rsaRoot, key: RSA_2048 })
  const [signer, ca] = [ofRsaRoot, rsaRoot].map(({ certificate }) => withEmptyTime(certificate)) as [
    Buffer,
    Buffer,
  ]
  const [SIGNER_CERTIFICATE_FILE, CA_CERTIFICATES_FILE] = [path('spoiled.pem'), path('spoiled.der')]
  writeFileSync(
    SIGNER_CERTIFICATE_FILE,
    `-----BEGIN CERTIFICATE-----\n${signer.toString('base64')}\n-----END CERTIFICATE-----\n`,
  )
  writeFileSync(CA_CERTIFICATES_FILE, ca)
  const time = '(it is no DER of this kind: "" is not a time of RFC 5280 4.1.2.5)'
  t.match(problemsOf({ ...LEAST, SIGNER_CERTIFICATE_FILE, CA_CERTIFICATES_FILE }), [
    `SIGNER_CERTIFICATE_FILE: ${SIGNER_CERTIFICATE_FILE}: certificate 1 in it is not encoded as RFC 5280 says ${time}; ` +
      'copy it once more, or have it issued anew',
    `CA_CERTIFICATES_FILE: ${CA_CERTIFICATES_FILE}: it is neither PEM nor a DER certificate ${time}`,
  ])
})

t.test('a timeout that Document Engine does not wait for', async (t) => {
  const { HSM_PIN: _, ...least } = LEAST
  const withPinFile = { ...least, HSM_PIN_FILE: path('pin') }
  t.strictSame(loadConfiguration({ ...withPinFile, HSM_TIMEOUT_MS: '4999' }).warnings, [])
  t.strictSame(loadConfiguration({ ...withPinFile, HSM_TIMEOUT_MS: '5000' }).warnings, [
    'HSM_TIMEOUT_MS: Document Engine gives up after SIGNING_SERVICE_TIMEOUT, 5000 ms by default; keep it below that',
  ])
})

t.test('a signer certificate whose key cannot sign here', async (t) => {
  const rsa1024 = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']
  for (const [key, found] of [
    [rsa1024, 'RSA with 1024 bits'],
    [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], 'EC on secp256k1'],
  ] as const) {
    const { certificateFile } = issue(directory, { subject: '/CN=Signer', key })
    checkRefused(t, 'SIGNER_CERTIFICATE_FILE', certificateFile, `this one has ${found}`)
    t.strictSame(
      problemsOf({ ...LEAST, CA_CERTIFICATES_FILE: certificateFile }),
      [],
      'but a CA may have such a key',
    )
  }
})

t.test('all problems are told at once', async (t) => {
  const problems = problemsOf({
    ...{ HSM_MODULE: path('missing'), HSM_SESSIONS: '0', HSM_SLOT: '-1', LOG_LEVEL: 'loud' },
    ...{ SIGNER_CERTIFICATE_FILE: path('garbage'), CA_CERTIFICATES_FILE: path('missing') },
    ...{ HASH_ALGORITHMS: 'md5', CORS_ORIGINS: '*', SIGNING_SERVICE_PATH: 'sign' },
  })
  t.strictSame(problems.map((problem) => problem.replace(/:.*/s, '')).sort(), [
    ...['CA_CERTIFICATES_FILE', 'CORS_ORIGINS', 'HASH_ALGORITHMS', 'HSM_MODULE', 'HSM_PIN_FILE'],
    ...['HSM_SESSIONS', 'HSM_SLOT', 'LOG_LEVEL', 'SIGNER_CERTIFICATE_FILE', 'SIGNING_SERVICE_PATH'],
  ])
  t.throws(() => loadConfiguration({}), {
    ...{ name: 'ConfigurationError', code: 'CONFIGURATION' },
    message: /^HSM_MODULE: is required: .*; HSM_PIN_FILE: is required/,
  })
})

t.test('the PIN is in no configuration, no warning and no problem', async (t) => {
  t.notMatch(JSON.stringify(load({ HSM_PINN: PIN, HSM_PASSWORD: PIN })), PIN)
  for (const wrong of [
    { HSM_PIN_FILE: path('pin') },
    { HSM_MODULE: '', LOG_LEVEL: 'x', HSM_SESSIONS: '0' },
  ]) {
    const problems = problemsOf({ ...LEAST, ...wrong })
    t.not(problems.length, 0)
    t.notMatch(problems.join(), PIN)
  }
})

t.test('names that nobody knows', async (t) => {
  const warnings = (variables: Record<string, string>) =>
    load(variables).warnings.filter((warning) => warning !== PIN_WARNING)
  const unknown = 'is not a variable that this service knows'
  t.strictSame(
    warnings({ HSM_SESIONS: '3', SIGNING_SERVICE_HOSTS: '1', SIGNER_CERTIFICATE: 'x', HSM_PASSPHRASE: 'x' }),
    [
      `HSM_SESIONS: ${unknown}; HSM_SESSIONS is`,
      `SIGNING_SERVICE_HOSTS: ${unknown}; SIGNING_SERVICE_HOST is`,
      `SIGNER_CERTIFICATE: ${unknown}; SIGNER_CERTIFICATE_FILE is`,
      `HSM_PASSPHRASE: ${unknown}; check its spelling`,
    ],
    'are warned about where they begin like ours',
  )
  t.strictSame(warnings({ TSA_URI: 'x', REVOCATION_CHECKS: 'x', CONTAINER_SIZE_LIMITS: '1' }), [
    `TSA_URI: ${unknown}; TSA_URL is`,
    `REVOCATION_CHECKS: ${unknown}; REVOCATION_CHECK is`,
    `CONTAINER_SIZE_LIMITS: ${unknown}; CONTAINER_SIZE_LIMIT is`,
  ])
  t.strictSame(warnings({ RATE_LIMIT_PER_USER: '1', RATE_LIMIT_SIGNER: '1' }), [
    `RATE_LIMIT_PER_USER: ${unknown}; RATE_LIMIT_PER_SIGNER is`,
    `RATE_LIMIT_SIGNER: ${unknown}; RATE_LIMIT_PER_SIGNER is`,
  ])
  t.strictSame(warnings({ CONTAINER_NAME: 'x', RSA_PRIVATE_KEY: 'x' }), [], 'or are those of others')
  t.strictSame(warnings({ SHUTDOWN_DELAY: '5', SHUTDOWN_TIMEOUT_SECONDS: '5' }), [
    `SHUTDOWN_DELAY: ${unknown}; SHUTDOWN_DELAY_MS is`,
    `SHUTDOWN_TIMEOUT_SECONDS: ${unknown}; check its spelling`,
  ])
  t.strictSame(
    warnings({ CA_CERTIFICATE_FILE: 'x', HASH_ALGORITHM: 'x', CORS_ORIGIN: 'x', LOGLEVEL: 'x', LEVELS: 'x' }),
    [
      `CA_CERTIFICATE_FILE: ${unknown}; CA_CERTIFICATES_FILE is`,
      `HASH_ALGORITHM: ${unknown}; HASH_ALGORITHMS is`,
      `CORS_ORIGIN: ${unknown}; CORS_ORIGINS is`,
      `LOGLEVEL: ${unknown}; LOG_LEVEL is`,
      `LEVELS: ${unknown}; LEVEL is`,
    ],
    'or are nearly one of ours',
  )
  t.strictSame(
    warnings({
      PATH: '/bin',
      HOME: '/',
      NODE_ENV: 'x',
      SOFTHSM2_CONF: 'x',
      AWS_REGION: 'x',
      LABEL: 'x',
      SHLVL: '1',
      SSO_URL: 'x',
      PORT: '1',
    }),
    [],
    'and are nobody else’s',
  )
})

t.test('names that nobody knows are told with the problems, and without their values', async (t) => {
  const unknown = 'is not a variable that this service knows'
  t.strictSame(
    problemsOf({ ...LEAST, LEVEL: 'b-lt', TSA_ULR: 'https://user:secret@one.example' }).map((problem) =>
      problem.replace(/(is required|knows).*/, '$1'),
    ),
    ['TSA_URL: is required', 'TSA_CA_FILE: is required', `TSA_ULR: ${unknown}`],
  )
  t.match(problemsOf({ HSM_MODUL: MODULE, HSM_PIN: PIN }), [
    /^HSM_MODULE: is required/,
    `HSM_MODUL: ${unknown}; HSM_MODULE is`,
  ])
  const message =
    /^HSM_MODULE: is required: .*; HSM_MODUL: is not a variable that this service knows; HSM_MODULE is$/
  t.throws(() => loadTokenConfiguration({ HSM_MODUL: MODULE }), { message })
  t.throws(() => loadLibraryConfiguration({ HSM_MODUL: MODULE }), { message })
})

t.test('what may be a secret is not told in place of a path', async (t) => {
  const told = (variables: Record<string, string>) => problemsOf({ HSM_MODULE: MODULE, ...variables }).join()
  t.match(told({ HSM_PIN_FILE: '4711' }), /^HSM_PIN_FILE: does not exist: /)
  t.match(told({ HSM_PIN_FILE: './4711' }), /^HSM_PIN_FILE: \.\/4711 does not exist: /)
  const key = readFileSync(leaf.keyFile, 'utf8')
  t.match(
    told({ HSM_PIN: PIN, SIGNER_CERTIFICATE_FILE: key }),
    /^SIGNER_CERTIFICATE_FILE: [a-z ]+ \(?\w+\)?: /,
  )
  t.notMatch(told({ HSM_PIN: PIN, SIGNER_CERTIFICATE_FILE: key }), 'PRIVATE KEY')
  t.match(told({ HSM_PIN: PIN, HSM_MODULE: 'a\nb' }), /^HSM_MODULE: "a\\nb" does not exist: /)
})

t.test('variables of Kubernetes', async (t) => {
  const configuration = load({
    SIGNING_SERVICE_SERVICE_HOST: '10.0.0.1',
    SIGNING_SERVICE_SERVICE_PORT: '6000',
    SIGNING_SERVICE_SERVICE_PORT_HTTP: '6000',
    SIGNING_SERVICE_PORT: 'tcp://10.0.0.1:6000',
    SIGNING_SERVICE_PORT_6000_TCP: 'tcp://10.0.0.1:6000',
    SIGNING_SERVICE_PORT_6000_TCP_PROTO: 'tcp',
    SIGNING_SERVICE_PORT_6000_TCP_PORT: '6000',
    SIGNING_SERVICE_PORT_6000_TCP_ADDR: '10.0.0.1',
    ADMIN_SERVICE_HOST: '10.0.0.3',
    ADMIN_PORT: 'tcp://10.0.0.3:80',
    HSM_PROXY_SERVICE_HOST: '10.0.0.2',
    HSM_PROXY_SERVICE_PORT: '1792',
    HSM_PROXY_PORT: 'tcp://10.0.0.2:1792',
    HSM_PROXY_PORT_1792_TCP: 'tcp://10.0.0.2:1792',
  })
  t.equal(configuration.port, 6000)
  t.notHas(configuration, 'admin')
  t.strictSame(configuration.warnings, [
    'SIGNING_SERVICE_PORT: ignored, since it is the address of a Kubernetes Service',
    'ADMIN_PORT: ignored, since it is the address of a Kubernetes Service',
    PIN_WARNING,
  ])
})

t.test('the admin port', async (t) => {
  const admin = (variables: Record<string, string>) => load({ ADMIN_PORT: '9090', ...variables }).admin
  t.same(admin({}), { host: '127.0.0.1', port: 9090 }, 'is for this host by default')
  t.same(admin({ ADMIN_HOST: '0.0.0.0', ADMIN_PORT: '0' }), { host: '0.0.0.0', port: 0 })
  for (const port of ['65536', '-1', '0x10', 'x']) {
    checkRefused(t, 'ADMIN_PORT', port)
  }

  t.test('is another than that for signatures', async (t) => {
    const isRefused = (variables: Record<string, string>) =>
      problemsOf({ ...LEAST, SIGNING_SERVICE_PORT: '9090', ADMIN_PORT: '9090', ...variables }).some(
        (problem) => problem.startsWith('ADMIN_PORT: 9090 is SIGNING_SERVICE_PORT, too: '),
      )
    t.ok(isRefused({}))
    t.ok(isRefused({ SIGNING_SERVICE_HOST: '0.0.0.0' }), 'which listens everywhere')
    t.ok(isRefused({ ADMIN_HOST: '::' }))
    t.notOk(isRefused({ ADMIN_HOST: '10.0.0.1' }), 'or has another address')
    t.notOk(isRefused({ SIGNING_SERVICE_PORT: '9091' }))
    t.notOk(isRefused({ SIGNING_SERVICE_PORT: '0', ADMIN_PORT: '0' }), 'or both are any free one')
  })

  t.test('its address alone has no effect', async (t) => {
    const configuration = load({ ADMIN_HOST: '0.0.0.0' })
    t.notHas(configuration, 'admin')
    t.strictSame(configuration.warnings, [PIN_WARNING, 'ADMIN_HOST: has no effect without ADMIN_PORT'])
  })
})

t.test('blanks and line ends around what is compared octet by octet, or made under that name', async (t) => {
  const access = {
    ...LEAST,
    ...{ ACCESS: 'jwt', ACCESS_JWT_KEYS: 'https://login.example.com/jwks' },
    ...{ ACCESS_JWT_ISSUER: 'https://login.example.com', ACCESS_JWT_AUDIENCE: 'signing-service' },
  }
  t.strictSame(problemsOf({ ...access, ACCESS_JWT_AUDIENCE: 'two words' }), [])
  for (const variable of ['ACCESS_JWT_ISSUER', 'ACCESS_JWT_AUDIENCE', 'AUDIT_FILE']) {
    for (const padded of ['/tmp/x\n', ' /tmp/x', ' ']) {
      const problems = problemsOf({ ...access, [variable]: padded })
      t.equal(problems.length, 1, `${problems}`)
      t.match(problems[0], `${variable}: ${JSON.stringify(padded)} is not valid`)
    }
  }
})

t.test('an address to listen on', async (t) => {
  const addresses = ['::', '::1', 'fe80::1%eth0', '1:2:3:4:5:6:7::', '::ffff:10.0.0.1', '10.0.0.1']
  t.ok(
    addresses.every((host) => isIP(host) !== 0),
    'they are addresses',
  )
  for (const variable of ['SIGNING_SERVICE_HOST', 'ADMIN_HOST']) {
    for (const host of [...addresses, 'localhost', 'signing_service', 'signing.example.com.']) {
      t.strictSame(
        problemsOf({ ...LEAST, ADMIN_PORT: '9090', [variable]: host }),
        [],
        `${variable} can be ${host}`,
      )
    }
    for (const host of ['[::1]', '127.0.0.1:6000', '127.0.0.1 ', 'http://localhost', '*', '/run/x']) {
      checkRefused(t, variable, host)
    }
  }
})

t.test('the process ends with code 78 and one fatal line a problem', async (t) => {
  const server = startServerProcess(t, {
    ...{ HSM_MODULE: path('missing'), HSM_PIN: PIN, HSM_PIN_FILE: path('pin'), HSM_SESSIONS: 'many' },
    ...{ SIGNER_CERTIFICATE_FILE: path('garbage'), HASH_ALGORITHMS: 'md5', LOG_LEVEL: 'silent' },
  })
  // Not at its exit: what it wrote may still be on its way then
  t.strictSame(await once(server.child, 'close'), [78, null])
  const lines = server
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .sort((one, other) => (one.variable < other.variable ? -1 : 1))
  t.match(lines, [
    { level: 60, variable: 'HASH_ALGORITHMS', msg: /^HASH_ALGORITHMS: md5 is none of/ },
    { level: 60, variable: 'HSM_MODULE', msg: /^HSM_MODULE: \S+ does not exist: / },
    { level: 60, variable: 'HSM_PIN_FILE', msg: /^HSM_PIN_FILE: \S+ is set beside HSM_PIN/ },
    {
      level: 60,
      variable: 'HSM_SESSIONS',
      msg: /^HSM_SESSIONS: many is not valid: .*, for example HSM_SESSIONS=8$/,
    },
    { level: 60, variable: 'SIGNER_CERTIFICATE_FILE', msg: /^SIGNER_CERTIFICATE_FILE: \S+: it is neither/ },
  ])
  t.equal(lines.length, 5)
  t.notMatch(server.output(), PIN)
})
