import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import t from 'tap'
import { fileVersion } from '../../src/common/file-version.ts'
import { loadConfiguration, loadSigners } from '../../src/configuration/load.ts'
import { ConfigurationError } from '../../src/errors.ts'
import { issue, RSA_2048 } from '../support/certificates.ts'

const PIN = 'crypto-user:pin-4711'
const directory = t.testdir({
  'module.so': '',
  'other.so': '',
  pin: PIN,
  'other-pin': PIN,
  garbage: 'no certificate',
  file: {},
})
const path = (...names: string[]) => join(directory, ...names)
const MODULE = path('module.so')
const LEAST = { HSM_MODULE: MODULE, HSM_PIN: PIN }

const root = issue(directory, { subject: '/CN=Root', ca: true })
const rsa = issue(directory, { subject: '/CN=Contracts', issuer: root, key: RSA_2048 })
const ec = issue(directory, { subject: '/CN=Invoices', issuer: root })
for (const [name, { certificateFile }] of Object.entries({ root, rsa, ec })) {
  writeFileSync(path('file', `${name}.pem`), readFileSync(certificateFile))
}

const FILE = path('file', 'signers.json')

/** Loads the signers of a file with this content. */
function load(content: unknown, environment: Record<string, string | undefined> = LEAST) {
  writeFileSync(FILE, typeof content === 'string' ? content : JSON.stringify(content))
  return loadFrom(FILE, environment)
}

/** @throws ConfigurationError */
function loadFrom(file: string, environment: Record<string, string | undefined> = LEAST) {
  const { signers, problems } = loadSigners({ ...environment, SIGNERS_FILE: file })
  if (problems.length > 0) {
    throw new ConfigurationError(problems)
  }
  return signers
}

/** The problems with a file, each as `NAME: message`. */
function problemsOf(content: unknown, environment?: Record<string, string | undefined>): string[] {
  try {
    load(content, environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    return error.problems.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

/** The problems with one signer, each as `/property: message`. */
function problemsOfSigner(signer: unknown, environment?: Record<string, string | undefined>): string[] {
  return problemsOf({ signers: { a: signer } }, environment).map((problem) =>
    problem.replace('SIGNERS_FILE /signers/a', ''),
  )
}

/** The only signer of a file. */
function loadSigner(signer: object, environment?: Record<string, string | undefined>) {
  const [loaded] = load({ signers: { a: signer } }, environment).signers
  if (loaded === undefined) {
    throw new Error('there is no signer')
  }
  return loaded
}

t.test('a signer about which nothing is said', async (t) => {
  const environment = { ...LEAST, HSM_TOKEN_LABEL: 'hsm1', HSM_TOKEN_SERIAL: '17', HSM_SLOT: '2' }
  const configuration = load({ signers: { only: {} } }, { ...environment, HASH_ALGORITHMS: 'sha512' })
  t.same(configuration, {
    default: 'only',
    signers: [
      {
        name: 'only',
        access: {
          module: MODULE,
          token: { label: 'hsm1', serial: '17', slot: 2 },
          pin: { variable: 'HSM_PIN' },
        },
        key: {},
        rules: {
          containers: ['raw', 'pkcs7'],
          signatureTypes: ['cms', 'cades'],
          hashAlgorithms: [{ ...configuration.signers[0]?.rules.hashAlgorithms[0], name: 'sha512' }],
          minimumDaysLeft: 0,
          raw: false,
          rawSigning: 'any',
        },
        container: {
          ...{ level: 'b-b', sizeLimit: 32_768, rsaSignatureIdentifier: 'rsaEncryption' },
          revocationFallback: 'refuse',
        },
        caCertificates: [],
        settings: {
          module: 'HSM_MODULE',
          pin: 'HSM_PIN',
          token: 'HSM_TOKEN_LABEL',
          slot: 'HSM_SLOT',
          key: 'SIGNERS_FILE /signers/only/key',
          certificate: 'SIGNERS_FILE /signers/only/certificateFile',
          caCertificates: 'SIGNERS_FILE /signers/only/caFile',
          timestamps: 'TSA_URL',
          algorithm: 'SIGNERS_FILE /signers/only/signatureAlgorithm',
          hashAlgorithms: 'HASH_ALGORITHMS',
        },
      },
    ],
    files: new Map([[FILE, fileVersion(FILE)]]),
  })
})

t.test('every property reaches its place', async (t) => {
  const {
    default: name,
    signers,
    files,
  } = load(
    {
      default: 'invoices.2026',
      signers: {
        contracts: {
          key:
            'pkcs11:token=hsm1;slot-id=7;object=contracts;id=%01%A2?module-path=../other.so&pin-source=file:' +
            path('pin'),
          certificateFile: 'rsa.pem',
          caFile: 'root.pem',
          containers: ['pkcs7'],
          signatureTypes: ['cades'],
          hashAlgorithms: ['SHA-384', 'sha384', 'sha1'],
          signatureAlgorithm: 'rsassa-pss',
          minimumDaysLeft: 14,
          raw: true,
          rawSigning: 'signed-attributes',
        },
        'invoices.2026': {
          key: { label: 'invoices', id: '01A2' },
          token: { module: MODULE, label: 'hsm2', serial: 'f4', slot: 0, pinFile: '../other-pin' },
          certificateFile: path('file', 'ec.pem'),
          caFile: './root.pem',
        },
      },
    },
    {},
  )
  t.equal(name, 'invoices.2026')
  t.strictSame(
    [...files.keys()],
    ['signers.json', 'rsa.pem', 'root.pem', 'ec.pem'].map((file) => path('file', file)),
  )
  const [contracts, invoices] = signers
  t.match(contracts, {
    name: 'contracts',
    access: {
      module: path('other.so'),
      token: { label: 'hsm1', slotId: '7' },
      pin: { file: path('pin') },
    },
    key: { label: 'contracts', id: '01a2' },
    algorithm: 'rsassa-pss',
    rules: {
      containers: ['pkcs7'],
      signatureTypes: ['cades'],
      hashAlgorithms: [{ name: 'sha384' }, { name: 'sha160' }],
      minimumDaysLeft: 14,
      raw: true,
      rawSigning: 'signed-attributes',
    },
    settings: {
      module: 'SIGNERS_FILE /signers/contracts/key',
      pin: 'SIGNERS_FILE /signers/contracts/key',
      token: 'SIGNERS_FILE /signers/contracts/key',
      key: 'SIGNERS_FILE /signers/contracts/key',
    },
  })
  t.match(invoices, {
    name: 'invoices.2026',
    access: {
      module: MODULE,
      token: { label: 'hsm2', serial: 'f4', slot: 0 },
      pin: { file: path('other-pin') },
    },
    key: { label: 'invoices', id: '01a2' },
    settings: {
      module: 'SIGNERS_FILE /signers/invoices.2026/token/module',
      pin: 'SIGNERS_FILE /signers/invoices.2026/token/pinFile',
      token: 'SIGNERS_FILE /signers/invoices.2026/token/label',
    },
  })
  const subjects = signers.map(({ certificates = [], caCertificates }) =>
    [...certificates, ...caCertificates].map(({ subject }) => subject),
  )
  t.strictSame(subjects, [
    ['CN=Contracts', 'CN=Root'],
    ['CN=Invoices', 'CN=Root'],
  ])
  t.equal(contracts?.caCertificates, invoices?.caCertificates, 'a file that several name is read once')
})

t.test('paths of the environment are made absolute too, so that one token is one', async (t) => {
  const { access } = loadSigner(
    {},
    { HSM_MODULE: relative(process.cwd(), MODULE), HSM_PIN_FILE: relative(process.cwd(), path('pin')) },
  )
  t.strictSame(access, { module: MODULE, token: {}, pin: { file: path('pin') } })
})

t.test('what the library is told', async (t) => {
  const environment = { ...LEAST, HSM_MODULE_PARAMETERS: 'all' }
  const module = '../other.so'
  for (const [token, library] of [
    [{ label: 'hsm1' }, { module: MODULE, moduleParameters: 'all' }],
    [{ moduleParameters: 'own' }, { module: MODULE, moduleParameters: 'own' }],
    [{ module }, { module: path('other.so') }],
    [
      { module, moduleParameters: 'own' },
      { module: path('other.so'), moduleParameters: 'own' },
    ],
  ] as const) {
    const { token: _, pin: __, ...access } = loadSigner({ token }, environment).access
    t.strictSame(access, library, JSON.stringify(token))
  }
})

t.test('which token', async (t) => {
  const environment = { ...LEAST, HSM_TOKEN_LABEL: 'hsm1', HSM_SLOT: '2' }
  const ofEnvironment = { label: 'hsm1', slot: 2 }
  const module = '../other.so'
  const inUri = `pkcs11:?module-path=${module}`
  for (const [signer, expected, setting] of [
    [{ token: { pinFile: '../pin' } }, ofEnvironment, 'HSM_TOKEN_LABEL'],
    [{ key: 'pkcs11:object=a' }, ofEnvironment, 'HSM_TOKEN_LABEL'],
    [{ token: { slot: 0 } }, { slot: 0 }, '/token/label'],
    [{ token: { slot: 1_273_543_129 } }, { slot: '1273543129' }, '/token/label'],
    [
      { key: 'pkcs11:serial=17;model=M;manufacturer=X' },
      { serial: '17', model: 'M', manufacturer: 'X' },
      '/token/label',
    ],
    [{ token: { module } }, {}, '/token/label'],
    [{ key: inUri }, {}, '/token/label'],
    [{ key: inUri, token: { label: 'hsm2' } }, { label: 'hsm2' }, '/token/label'],
    [{ key: 'pkcs11:token=hsm2', token: { pinFile: '../pin' } }, { label: 'hsm2' }, '/key'],
    [{ key: 'pkcs11:token=hsm2', token: { serial: '17' } }, { label: 'hsm2', serial: '17' }, '/key'],
  ] as const) {
    const { access, settings } = loadSigner(signer, environment)
    t.strictSame(access.token, expected, JSON.stringify(signer))
    t.equal(settings.token.replace('SIGNERS_FILE /signers/a', ''), setting)
  }
})

t.test('a secret in place of the PIN file', async (t) => {
  const pinSecretId = 'signing/far-pin'
  const { access, settings } = loadSigner({ token: { pinSecretId } }, { ...LEAST, HSM_TOKEN_LABEL: 'hsm1' })
  t.strictSame(access, { module: MODULE, token: { label: 'hsm1' }, pin: { secretId: pinSecretId } })
  t.equal(settings.pin, 'SIGNERS_FILE /signers/a/token/pinSecretId')
  const { HSM_PIN: _, ...least } = LEAST
  const inherited = loadSigner({}, { ...least, HSM_PIN_SECRET_ID: pinSecretId })
  t.strictSame(inherited.access.pin, { secretId: pinSecretId })
  t.strictSame(problemsOfSigner({ token: { pinSecretId, pinFile: '../pin' } }), [
    '/token/pinSecretId: is set beside SIGNERS_FILE /signers/a/token/pinFile; set one of the two',
  ])
})

t.test('what the environment must have is what a signer leaves out', async (t) => {
  const token = { module: '../other.so', pinFile: '../pin' }
  const module = /^HSM_MODULE: is required: path of the PKCS#11 library, for example HSM_MODULE=\//
  const pin = /^HSM_PIN_FILE: is required, or HSM_PIN, or HSM_PIN_SECRET_ID: file that holds the PIN/
  t.strictSame(problemsOfSigner({ token }, {}), [])
  t.match(problemsOfSigner({ token: { module: token.module } }, {}), [pin])
  t.match(problemsOfSigner({ token: { pinFile: token.pinFile } }, {}), [module])
  t.match(
    problemsOf({ default: 'b', signers: { a: {}, b: {}, c: { token } } }, {}),
    [module, pin],
    'told once',
  )
  t.equal(problemsOf({ default: 'b', signers: { a: {}, b: {}, c: { token } } }, {}).length, 2)
  t.equal(problemsOfSigner({ tokn: token }, {}).length, 1, 'what is missing may be in what is spelled wrong')
  t.equal(problemsOfSigner({ token: { ...token, slot: -1 } }, {}).length, 1)
  t.equal(problemsOfSigner({ key: 'pkcs11:x?module-path=/x.so&pin-source=/pin' }, {}).length, 1)
})

t.test('the default', async (t) => {
  const signers = { contracts: {}, invoices: {} }
  const expected =
    'name of the signer that signs where a request names none, or null where every request has to name one, for ' +
    'example "contracts"'
  t.equal(load({ default: 'invoices', signers }).default, 'invoices')
  t.equal(load({ default: 'constructor', signers: { constructor: {} } }).default, 'constructor')
  t.strictSame(problemsOf({ signers }), [
    `SIGNERS_FILE /default: is required where there are several signers: ${expected}`,
  ])
  t.strictSame(problemsOf({ default: 'contrats', signers }), [
    'SIGNERS_FILE /default: contrats names none of the signers; contracts is one',
  ])
  t.strictSame(problemsOf({ default: 'toString', signers }), [
    'SIGNERS_FILE /default: toString names none of the signers',
  ])
  t.equal(load({ default: null, signers }).default, null)
  t.equal(load({ default: null, signers: { contracts: {} } }).default, null)
  for (const [wrong, told] of [
    ['', '"" '],
    ['a b', '"a b" '],
    [7, '7 '],
    [['contracts'], ''],
  ] as const) {
    t.strictSame(problemsOf({ default: wrong, signers }), [
      `SIGNERS_FILE /default: ${told}is not valid: ${expected}`,
    ])
  }
})

t.test('paths of signers', async (t) => {
  const signers = { contracts: {}, invoices: {} }
  writeFileSync(FILE, JSON.stringify({ default: 'contracts', signers }))
  const pathsWith = (SIGNING_SERVICE_PATH: string) =>
    loadConfiguration({ ...LEAST, SIGNERS_FILE: FILE, SIGNING_SERVICE_PATH }).signerPaths
  t.strictSame(pathsWith('/'), ['/sign'])
  t.strictSame(pathsWith('/sign/'), ['/sign'])
  t.strictSame(pathsWith('/api/invoices'), ['/sign', '/api/invoices'])
  t.strictSame(pathsWith('/sign/others'), ['/sign', '/sign/others'])
  for (const SIGNING_SERVICE_PATH of ['/sign/invoices', '/sign/contracts/']) {
    t.match(problemsOf({ default: 'contracts', signers }, { ...LEAST, SIGNING_SERVICE_PATH }), [
      /^SIGNING_SERVICE_PATH: \/\S+ is the path of the signer (invoices|contracts): a further path .*, for example /,
    ])
  }
})

t.test('names of signers', async (t) => {
  for (const name of ['a', '7', 'A-b_c.d', 'constructor', 'x'.repeat(64)]) {
    t.strictSame(problemsOf({ signers: { [name]: {} } }), [], name)
  }
  const description =
    '1 to 1000 signers by name: up to 64 letters, digits, . _ and -, of which the first is a letter or a digit'
  for (const [name, pointer] of [
    ['', ''],
    ['-a', '-a'],
    ['a b', 'a b'],
    ['ä', 'ä'],
    ['a/b~c', 'a~1b~0c'],
    ['a\nb', 'a\\nb'],
    ['__proto__', '__proto__'],
    ['x'.repeat(65), 'x'.repeat(65)],
  ] as const) {
    t.strictSame(problemsOf(`{"signers":{${JSON.stringify(name)}:{"certificateFile":"missing"}}}`), [
      `SIGNERS_FILE /signers/${pointer}: is no name of a signer: ${description}`,
    ])
  }
  const example = 'for example {"contracts":{"certificateFile":"contracts.pem"}}'
  const many = (count: number) => ({
    default: 's0',
    signers: Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, {}])),
  })
  t.equal(load(many(1000)).signers.length, 1000)
  for (const content of [many(1001), { signers: {} }, { signers: [] }, { signers: null }]) {
    t.strictSame(problemsOf(content), [`SIGNERS_FILE /signers: is not valid: ${description}, ${example}`])
  }
  t.strictSame(problemsOf({ default: 'a' }), [
    `SIGNERS_FILE /signers: is required: ${description}, ${example}`,
  ])
})

/** The value as it is told, or the last wrong item of a list; a key may be a URI with a PIN in it. */
function toldOf(property: string, value: unknown): string {
  if (property === 'key') {
    return ''
  }
  const known = ['raw', 'cms', 'sha256']
  const wrong =
    Array.isArray(value) && property !== 'signatureAlgorithm'
      ? value.findLast((item) => !known.includes(item))
      : value
  return typeof wrong === 'object' || wrong === undefined ? '' : `${wrong === '' ? '""' : wrong} `
}

t.test('what the schema does not allow', async (t) => {
  const list = 'a list of one or more'
  const described = {
    key:
      'the private key, by label and id, or by a pkcs11: URI (RFC 7512), which may name token, library and PIN file ' +
      'too; the one that belongs to the certificate where it is left out, for example "pkcs11:token=hsm1;object=contracts"',
    containers: `what may be asked for; both by default, ${list} of pkcs7, raw, each once, for example ["pkcs7","raw"]`,
    signatureTypes: `signature types that may be asked for; both by default, ${list} of cms, cades, each once, for example ["cms","cades"]`,
    hashAlgorithms: `hash algorithms that may be asked for, in place of HASH_ALGORITHMS, ${list}, each once, for example ["sha256","sha384"]`,
    signatureAlgorithm:
      'how it signs; the type of the key decides where it is left out, one of rsassa-pkcs1-v1_5, rsassa-pss, ecdsa, for example "rsassa-pss"',
    minimumDaysLeft:
      'days that its certificate and chain must still be valid for; 0 by default, an integer from 0 to 3650, for example 14',
    raw: 'whether raw signatures are given too that are not RSASSA-PKCS1-v1_5; false by default, for example true',
    rawSigning:
      'what raw signatures are made over, in place of RAW_SIGNING: any bytes, or signed attributes of this signer alone, ' +
      'one of any, signed-attributes, for example "signed-attributes"',
    caFile: 'certificates of its issuers, in any order, for example "ca-bundle.pem"',
  }
  for (const [property, ...values] of [
    ['key', '', {}, 7, null],
    ['containers', [], ['raw', 'raw'], ['raw', 'pdf'], [1, 2], 'raw'],
    ['signatureTypes', [], ['cms', 'CMS'], null],
    ['hashAlgorithms', [], ['sha256', 'sha256'], [256], 'sha256'],
    ['signatureAlgorithm', 'rsa', 'ECDSA', ['ecdsa']],
    ['minimumDaysLeft', -1, 3651, 1.5, '14'],
    ['raw', 'true', 1, null],
    ['rawSigning', 'all', true, null],
    ['caFile', '', 1],
  ] as const) {
    for (const value of values) {
      t.strictSame(
        problemsOfSigner({ [property]: value }),
        [`/${property}: ${toldOf(property, value)}is not valid: ${described[property]}`],
        `${property}: ${JSON.stringify(value)}`,
      )
    }
  }
  t.match(problemsOfSigner({ token: {} }), [
    /^\/token: is not valid: the token and the login, .*{"label":"hsm1"}$/,
  ])
  t.strictSame(problemsOfSigner({ key: { id: '1' } }), [
    '/key/id: 1 is not valid: CKA_ID of the private key in hex, for example "01a2"',
  ])
  t.strictSame(problemsOfSigner('a'), [
    ': is not valid: one signer, for example {"certificateFile":"contracts.pem","caFile":"ca-bundle.pem"}',
  ])
  for (const content of [[], null, 7, 'null', '"signers"']) {
    t.strictSame(problemsOf(content), [
      'SIGNERS_FILE: is not valid: an object with signers, and with default where there are several, ' +
        'for example {"signers":{"contracts":{"certificateFile":"contracts.pem"}}}',
    ])
  }
})

t.test('properties that nobody knows', async (t) => {
  const signer =
    'key, token, certificateFile, caFile, containers, signatureTypes, hashAlgorithms, signatureAlgorithm, minimumDaysLeft, raw, ' +
    'rawSigning, ' +
    'level, timestamps, timestampFallback, revocationFallback, containerSizeLimit, rsaSignatureIdentifier, ' +
    'signaturePolicy, commitmentType, signerLocation'
  for (const [property, known] of [
    ['certificatFile', 'certificateFile is'],
    ['certificate', 'certificateFile is'],
    ['hashAlgorithm', 'hashAlgorithms is'],
    ['Key', 'key is'],
    ['comment', `${signer} are`],
    ['constructor', `${signer} are`],
    ['__proto__', `${signer} are`],
    ['', `${signer} are`],
  ] as const) {
    const entry = `{${JSON.stringify(property)}:"${PIN}"}`
    t.strictSame(problemsOf(`{"signers":{"a":${entry}}}`), [
      `SIGNERS_FILE /signers/a/${property}: is not known here; ${known}`,
    ])
  }
  t.strictSame(problemsOfSigner({ key: { lable: 'a', label: 'a' }, token: { pin: PIN } }), [
    '/key/lable: is not known here; label is',
    '/token/pin: is not known here; module, moduleParameters, label, serial, slot, pinFile, pinSecretId are',
  ])
  t.strictSame(problemsOf({ signer: {}, signers: { a: { 'a/b': 1 } } }), [
    'SIGNERS_FILE /signer: is not known here; signers is',
    `SIGNERS_FILE /signers/a/a~1b: is not known here; ${signer} are`,
  ])
})

t.test('what the schema cannot tell', async (t) => {
  t.strictSame(problemsOfSigner({ hashAlgorithms: ['md5', 'sha256', 'sha3-256'] }), [
    '/hashAlgorithms: md5 is none of sha160, sha224, sha256, sha384, sha512',
    '/hashAlgorithms: sha3-256 is none of sha160, sha224, sha256, sha384, sha512',
  ])
  t.strictSame(problemsOfSigner({ key: 'pkcs11:token=a;token=b?pin-source=pin' }), [
    '/key: token stands twice; pin-source is neither a file: URI nor an absolute path',
  ])
  t.strictSame(problemsOfSigner({ certificateFile: 'rsa.pem', signatureAlgorithm: 'ecdsa' }), [
    '/signatureAlgorithm: ecdsa does not fit the certificate, whose key is of type rsa: leave it out, or set rsassa-pkcs1-v1_5 or rsassa-pss',
  ])
  const weak = issue(directory, {
    subject: '/CN=Weak',
    key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  })
  t.match(problemsOfSigner({ certificateFile: weak.certificateFile, signatureAlgorithm: 'ecdsa' }), [
    /^\/certificateFile: \/\S+: the signer certificate must have a key/,
  ])
})

t.test('what is said in two places', async (t) => {
  const uri = `pkcs11:token=a;serial=1?module-path=${MODULE}&pin-source=${path('pin')}`
  const twice = (property: string, attribute: string, value: string) =>
    `/token/${property}: ${value} is given in the URI of the key too, as ${attribute}; leave it out of one of the two`
  t.strictSame(
    problemsOfSigner({
      key: uri,
      token: { module: MODULE, label: 'a', serial: '2', slot: 0, pinFile: path('pin') },
    }),
    [
      twice('module', 'module-path', MODULE),
      twice('label', 'token', 'a'),
      twice('serial', 'serial', '2'),
      twice('pinFile', 'pin-source', path('pin')),
    ],
  )
  const beside = 'is set beside SIGNERS_FILE, which says it of each signer; set one of the two'
  const ofOneSigner = {
    ...{ HSM_KEY_LABEL: 'a', HSM_KEY_ID: '01' },
    ...{ SIGNER_CERTIFICATE_FILE: path('rsa.pem'), CA_CERTIFICATES_FILE: path('root.pem') },
  }
  const problems = problemsOf({ signers: { a: {} } }, { ...LEAST, ...ofOneSigner })
  t.equal(problems.length, 4)
  t.match(
    problems,
    Object.entries(ofOneSigner).map(([variable, value]) => `${variable}: ${value} ${beside}: `),
  )
})

t.test('files that cannot be read', async (t) => {
  mkdirSync(path('file', 'folder'), { recursive: true })
  for (const [file, reason] of [
    ['missing', 'does not exist'],
    ['folder', 'cannot be read (it is not a file)'],
    ['a\u0000b', 'cannot be read (ERR_INVALID_ARG_VALUE)'],
  ] as const) {
    const quoted = (given: string) => (given.includes('\u0000') ? JSON.stringify(given) : given)
    const absolute = path('file', file)
    for (const [signer, told] of [
      [{ certificateFile: file }, `/certificateFile: ${quoted(file)} `],
      [{ caFile: file }, `/caFile: ${quoted(file)} `],
      [{ token: { module: file } }, `/token/module: ${quoted(file)} `],
      // It may be the PIN
      [{ token: { pinFile: file } }, '/token/pinFile: '],
      [{ token: { pinFile: absolute } }, `/token/pinFile: ${quoted(absolute)} `],
      [{ key: `pkcs11:?module-path=${encodeURIComponent(file)}` }, `/key: ${quoted(file)} `],
      [{ key: `pkcs11:?pin-source=${encodeURIComponent(absolute)}` }, `/key: ${quoted(absolute)} `],
    ] as const) {
      t.strictSame(problemsOfSigner(signer), [`${told}${reason}`])
    }
  }
  t.strictSame(problemsOfSigner({ certificateFile: '../garbage', caFile: '../garbage' }), [
    '/certificateFile: ../garbage: it is neither PEM nor a DER certificate',
    '/caFile: ../garbage: it is neither PEM nor a DER certificate',
  ])
})

t.test('a signers file that cannot be read', async (t) => {
  const described =
    'JSON file that describes several signers, in place of the variables that describe one, ' +
    'for example SIGNERS_FILE=/etc/signing-service/signers.json'
  for (const [content, reason] of [
    ['', 'is not valid JSON (line 1, column 1: value expected)'],
    ['{\n  "pin-4711"\n}', 'is not valid JSON (line 3, column 1: colon expected)'],
    [
      '{"signers":{"a":{},\n"a":{}}}',
      'is not valid JSON (line 2, column 1: this name stands in the same object before)',
    ],
    [`"${'x'.repeat(1_048_575)}"`, 'is larger than 1048576 bytes'],
  ] as const) {
    t.strictSame(problemsOf(content, {}), [`SIGNERS_FILE: ${FILE} ${reason}: ${described}`])
  }
  writeFileSync(FILE, Buffer.from('7b22c3227d', 'hex'))
  const read = (file: string) => () => loadFrom(file)
  t.throws(read(FILE), { message: `SIGNERS_FILE: ${FILE} is not UTF-8: ${described}` })
  const refuses = (file: string, wrong: string) =>
    t.throws(read(file), { message: `SIGNERS_FILE: ${file} ${wrong}: ${described}` })
  refuses(path('missing'), 'does not exist')
  refuses(directory, 'cannot be read (it is not a file)')
  writeFileSync(path('huge'), '')
  truncateSync(path('huge'), 2 ** 40)
  refuses(path('huge'), 'is larger than 1048576 bytes')
})

t.test('as editors write it, and by a relative path', async (t) => {
  const content = '\uFEFF{\r\n\t"signers": { "a": { "certificateFile": "rsa.pem" } }\r\n}\r\n'
  t.strictSame(problemsOf(content), [])
  const { files } = loadFrom(relative(process.cwd(), FILE))
  t.strictSame([...files.keys()], [FILE, path('file', 'rsa.pem')])
})

t.test('two certificates for one key: a renewal', async (t) => {
  const key = { label: 'contracts' }
  const renewed = issue(directory, { subject: '/CN=Contracts', issuer: root, keyFile: rsa.keyFile })
  const signers = {
    old: { key, certificateFile: 'rsa.pem' },
    new: { key, certificateFile: renewed.certificateFile },
  }
  t.equal(load({ default: 'new', signers }).signers.length, 2)
})

t.test('all problems are told at once', async (t) => {
  const bad = {
    minimumDaysLeft: -1,
    raw: 1,
    signatureAlgorithm: 'x',
    certificateFile: 'missing',
    caFile: '../garbage',
  }
  const signers = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, { ...bad, comment: name }]))
  const problems = problemsOf(
    { default: 'd', signers: { ...signers, ok: { key: 'x' } }, version: 1 },
    { HSM_SESSIONS: 'many', HASH_ALGORITHMS: 'md5', HSM_KEY_LABEL: 'a' },
  )
  const properties = ['minimumDaysLeft', 'raw', 'signatureAlgorithm', 'certificateFile', 'caFile', 'comment']
  t.strictSame(
    problems.map((problem) => problem.replace(/:.*/s, '')).sort(),
    [
      ...['HSM_SESSIONS', 'HASH_ALGORITHMS', 'HSM_KEY_LABEL'],
      ...['default', 'version', 'signers/ok/key'].map((place) => `SIGNERS_FILE /${place}`),
      ...['a', 'b', 'c'].flatMap((name) =>
        properties.map((property) => `SIGNERS_FILE /signers/${name}/${property}`),
      ),
    ].sort(),
  )
})

t.test('no problem and no configuration holds a PIN', async (t) => {
  for (const signer of [
    { pin: PIN },
    { token: { pin: PIN } },
    { token: PIN },
    { key: { pin: PIN } },
    { key: PIN },
    { key: `pkcs11:object=a?pin-value=${PIN}` },
    { token: { pinFile: PIN } },
    { token: { pinSecretId: PIN } },
    { token: { slot: PIN } },
  ]) {
    const problems = problemsOfSigner(signer)
    t.equal(problems.length, 1)
    t.notMatch(problems.join(), '4711')
  }
  t.notMatch(JSON.stringify(load({ signers: { a: {} } })), '4711')
})

t.test('the files are known of what is wrong as well: one that is missing may come', (t) => {
  writeFileSync(FILE, JSON.stringify({ signers: { a: { certificateFile: 'to-come.pem' } } }))
  const { signers, problems } = loadSigners({ ...LEAST, SIGNERS_FILE: FILE })
  t.strictSame([...signers.files.keys()], [FILE, path('file', 'to-come.pem')])
  t.match(problems, [{ variable: 'SIGNERS_FILE /signers/a/certificateFile' }])
  t.end()
})
