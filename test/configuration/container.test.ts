/** The variables that are about containers, timestamps and revocation. */

import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { inspect } from 'node:util'
import { pino } from 'pino'
import t from 'tap'
import { Environment } from '../../schemas/configuration.ts'
import { findHashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import type { Configuration } from '../../src/configuration/configuration.ts'
import type { ContainerConfiguration } from '../../src/configuration/container-configuration.ts'
import { loadConfiguration, loadSigners } from '../../src/configuration/load.ts'
import { ConfigurationError } from '../../src/errors.ts'
import { issue, openssl, writeBundle } from '../support/certificates.ts'

const PASSWORD = 'tsa-password-4711'
const directory = t.testdir({
  'module.so': '',
  pin: 'pin',
  password: `${PASSWORD}\n`,
  garbage: 'no PEM',
  folder: {},
})
const path = (name: string) => join(directory, name)
chmodSync(path('pin'), 0o600)
chmodSync(path('password'), 0o600)
const LEAST = {
  ...{ HSM_MODULE: path('module.so'), HSM_PIN_FILE: path('pin'), SIGNING_SERVICE_HOST: '127.0.0.1' },
}
const URL_EXAMPLE =
  ': http or https addresses of timestamp authorities (RFC 3161), separated by commas, for example TSA_URL=https://timestamp.example.com'

const root = issue(directory, { subject: '/CN=Root', ca: true })
const otherRoot = issue(directory, { subject: '/CN=Other root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing CA', ca: true, issuer: root })
const client = issue(directory, { subject: '/CN=Client', issuer: issuing })
const bundle = writeBundle(
  path('bundle.pem'),
  [root, issuing, otherRoot].map(({ certificate }) => certificate),
)
const TLS = {
  TSA_TLS_CA_FILE: root.certificateFile,
  TSA_TLS_CERTIFICATE_FILE: client.certificateFile,
  TSA_TLS_KEY_FILE: client.keyFile,
}

const WITHOUT_ANCHORS =
  "TSA_CA_FILE: is not set: whoever answers at the authority's address is believed; name its root certificate"

function load(variables: Record<string, string> = {}): Configuration {
  return loadConfiguration({ ...LEAST, ...variables })
}

/** Of the only signer. */
function containerOf({ signers }: Configuration): ContainerConfiguration {
  return signers.signers[0]?.container as ContainerConfiguration
}

/** The problems, each as `NAME: message`. */
function problemsOf(variables: Record<string, string>): string[] {
  try {
    load(variables)
    return []
  } catch (error) {
    if (!(error instanceof ConfigurationError)) {
      throw error
    }
    return error.problems.map(({ variable, message }) => `${variable}: ${message}`)
  }
}

/** The problems without what is expected in place of what is there. */
function wrongsOf(variables: Record<string, string>): string[] {
  return problemsOf(variables).map((problem) => problem.split(': ').slice(0, 2).join(': '))
}

t.test('every variable reaches its place', async (t) => {
  const configuration = load({
    ...{ LEVEL: 'b-lt', CONTAINER_SIZE_LIMIT: '65536', RSA_SIGNATURE_IDENTIFIER: 'shaWithRSAEncryption' },
    ...{ TSA_URL: 'https://one.example/tsa?key=1%2C2, HTTP://two.example:8080 ,', TSA_FALLBACK: 'b-b' },
    ...{ TSA_USER: 'user', TSA_PASSWORD_FILE: relative(process.cwd(), path('password')) },
    ...{ TSA_POLICY: '1.3.6.1.4.1.99999.1', TSA_HASH_ALGORITHM: 'sha512', TSA_CA_FILE: bundle },
    ...{ ...TLS, TSA_TLS_CA_FILE: relative(process.cwd(), root.certificateFile), REVOCATION_FALLBACK: 'b-t' },
  })
  const container = containerOf(configuration)
  t.match(container, {
    ...{ level: 'b-lt', sizeLimit: 65_536, rsaSignatureIdentifier: 'shaWithRSAEncryption' },
    ...{ revocationFallback: 'b-t', timestamps: { fallback: 'b-b' } },
  })
  const { authorities = [] } = container.timestamps ?? {}
  t.strictSame(
    authorities.map(({ url }) => url.href),
    ['https://one.example/tsa?key=1%2C2', 'http://two.example:8080/'],
  )
  for (const { credentials, policy, hashAlgorithm, trustAnchors } of authorities) {
    t.strictSame(credentials, { user: 'user', passwordFile: path('password') })
    t.equal(policy, '1.3.6.1.4.1.99999.1')
    t.equal(hashAlgorithm, findHashAlgorithm('sha512'))
    t.strictSame(
      trustAnchors.map(({ subject }) => subject),
      ['CN=Root', 'CN=Issuing CA', 'CN=Other root'],
      'with intermediates, which are no anchors',
    )
  }
  t.strictSame(
    authorities.map(({ tls }) => tls),
    [
      {
        ...{ caFile: root.certificateFile, certificateFile: client.certificateFile },
        keyFile: client.keyFile,
      },
      undefined,
    ],
    'files for TLS are for https',
  )
  t.strictSame([...configuration.signers.files.keys()], [bundle], 'what is read at each use is not watched')
  t.equal(configuration.revocationCheck, true)
  t.strictSame(configuration.warnings, [
    'TSA_URL: two.example:8080 is told user and password over plain http, which anybody on the way can read; use https',
  ])
  t.equal(load({ REVOCATION_CHECK: 'off' }).revocationCheck, false)
  t.equal(load({ REVOCATION_MAX_AGE: '60' }).revocationMaxAgeMs, 60_000)
})

t.test('the least that a level needs', async (t) => {
  const { timestamps } = containerOf(load({ LEVEL: 'b-t', TSA_URL: 'http://one.example' }))
  t.strictSame(timestamps, {
    authorities: [
      { url: new URL('http://one.example'), hashAlgorithm: findHashAlgorithm('sha256'), trustAnchors: [] },
    ],
    fallback: 'refuse',
  })
  t.strictSame(wrongsOf({ LEVEL: 'b-t', REVOCATION_CHECK: 'off', TSA_URL: 'http://one.example' }), [])
  const noAnchors =
    /^TSA_CA_FILE: is required for level b-lt: without trust anchors .*, for example TSA_CA_FILE=/
  const TSA_CA_FILE = bundle
  t.strictSame(problemsOf({ LEVEL: 'b-t' }), [`TSA_URL: is required for LEVEL=b-t${URL_EXAMPLE}`])
  for (const level of ['b-t', 'b-lt']) {
    t.strictSame(problemsOf({ LEVEL: level, TSA_CA_FILE }), [
      `TSA_URL: is required for LEVEL=${level}${URL_EXAMPLE}`,
    ])
  }
  const bothMissing = problemsOf({ LEVEL: 'b-lt' })
  t.match(bothMissing, [`TSA_URL: is required for LEVEL=b-lt${URL_EXAMPLE}`, noAnchors], 'told together')
  t.equal(bothMissing.length, 2)
  t.match(problemsOf({ LEVEL: 'b-lt', TSA_URL: 'one.example' }), [/^TSA_URL: is no http/, noAnchors])
  t.match(problemsOf({ LEVEL: 'b-lt', TSA_URL: 'http://one.example' }), [noAnchors])
  t.strictSame(problemsOf({ LEVEL: 'b-lt', TSA_CA_FILE, REVOCATION_CHECK: 'off' }), [
    `TSA_URL: is required for LEVEL=b-lt${URL_EXAMPLE}`,
    'LEVEL: is b-lt, which needs revocation information, but REVOCATION_CHECK is off: what the containers that are ' +
      'built here hold: b-t has a timestamp, b-lt revocation information too, which is PAdES-BASELINE-T in a PDF until ' +
      'that has a DSS dictionary, one of b-b, b-t, b-lt, for example LEVEL=b-t',
  ])
})

t.test('values that are none', async (t) => {
  for (const [variable, ...values] of [
    ['LEVEL', 'B-B', 'b-lta', 'info'],
    ['TSA_USER', 'a:b', 'a\nb'],
    [
      'TSA_POLICY',
      '1',
      '3.1',
      '1.40',
      '01.2',
      '1.2.',
      '1.2.03',
      '1.2.1000000000000000000000000000000000000000',
      'timestamps',
    ],
    ['TSA_HASH_ALGORITHM', 'sha160', 'SHA256', 'md5'],
    ['TSA_FALLBACK', 'b-t', 'accept'],
    ['REVOCATION_CHECK', 'true', 'ON'],
    ['REVOCATION_FALLBACK', 'b-b'],
    ['CONTAINER_SIZE_LIMIT', '1023', '10000001', '32k'],
    ['RSA_SIGNATURE_IDENTIFIER', 'sha256WithRSAEncryption'],
  ] as const) {
    for (const value of values) {
      const [problem, ...more] = problemsOf({ [variable]: value })
      // The password may be a part of a wrong user
      const told = variable === 'TSA_USER' ? '' : `${value} `
      t.match(problem, new RegExp(`^${variable}: ${told}is not valid: .*, for example ${variable}=`), value)
      t.strictSame(more, [])
    }
  }
  for (const policy of ['0.4.0.2023.1.1', '2.999', '2.0.0', '1.39.99999999999999']) {
    t.strictSame(problemsOf({ TSA_POLICY: policy }), [], policy)
  }
})

t.test('addresses, of which no part is told', async (t) => {
  const wrong = 'is no http or https address'
  for (const url of ['one.example', 'ftp://one.example', 'http:one.example', 'http://', 'http://one:port']) {
    t.strictSame(problemsOf({ LEVEL: 'b-t', TSA_URL: url }), [`TSA_URL: ${wrong}${URL_EXAMPLE}`], url)
  }
  t.strictSame(wrongsOf({ LEVEL: 'b-t', TSA_URL: 'http://one.example,x,https://two.example,y' }), [
    `TSA_URL: address 2 ${wrong}`,
    `TSA_URL: address 4 ${wrong}`,
  ])
  t.strictSame(wrongsOf({ LEVEL: 'b-t', TSA_URL: ' , ' }), ['TSA_URL: " , " names none'])
  const inside =
    'has a user or a password in it; give them with TSA_USER and TSA_PASSWORD_FILE, or user and passwordFile of the signer'
  for (const url of [`https://user:${PASSWORD}@one.example`, `https://:${PASSWORD}@one.example`]) {
    t.strictSame(problemsOf({ TSA_URL: url }), [`TSA_URL: ${inside}${URL_EXAMPLE}`])
  }
  t.strictSame(wrongsOf({ TSA_URL: 'https://one.example,https://user@two.example' }), [
    `TSA_URL: address 2 ${inside}`,
  ])
})

t.test('a user and its password', async (t) => {
  const TSA_URL = 'https://one.example'
  const TSA_PASSWORD_FILE = path('password')
  t.strictSame(wrongsOf({ TSA_URL, TSA_USER: 'user' }), ['TSA_PASSWORD_FILE: is required beside a user'])
  t.strictSame(wrongsOf({ TSA_URL, TSA_PASSWORD: PASSWORD }), ['TSA_USER: is required beside a password'])
  t.strictSame(wrongsOf({ TSA_URL, TSA_PASSWORD_FILE }), ['TSA_USER: is required beside a password'])
  t.strictSame(wrongsOf({ TSA_URL, TSA_USER: 'user', TSA_PASSWORD: PASSWORD, TSA_PASSWORD_FILE }), [
    `TSA_PASSWORD_FILE: ${TSA_PASSWORD_FILE} is set beside TSA_PASSWORD; set one of the two`,
  ])
  t.strictSame(
    wrongsOf({ TSA_URL, TSA_USER: 'a:b', TSA_PASSWORD_FILE }),
    ['TSA_USER: is not valid'],
    'what is wrong is not missing',
  )
  writeFileSync(path('two-lines'), `${PASSWORD}\nsecond\n`)
  t.strictSame(wrongsOf({ TSA_URL, TSA_USER: 'user', TSA_PASSWORD_FILE: path('two-lines') }), [
    `TSA_PASSWORD_FILE: ${path('two-lines')} has more than one line`,
  ])
  t.strictSame(wrongsOf({ TSA_URL, TSA_USER: 'user', TSA_PASSWORD: `${PASSWORD} ` }), [
    'TSA_PASSWORD: begins or ends with a blank',
  ])
  const { signers } = load({ TSA_URL, TSA_USER: 'user', TSA_PASSWORD: `${PASSWORD}\n`, LEVEL: 'b-t' })
  const [{ credentials } = {}] = signers.signers[0]?.container.timestamps?.authorities ?? []
  t.ok(credentials && 'password' in credentials && credentials.password.reveal() === PASSWORD, 'no line end')
})

t.test('the password of the variable', async (t) => {
  const variables = { LEVEL: 'b-t', TSA_URL: 'https://one.example', TSA_USER: 'user', TSA_PASSWORD: PASSWORD }
  const configuration = load(variables)
  const [{ credentials } = {}] = containerOf(configuration).timestamps?.authorities ?? []
  t.ok(credentials && 'password' in credentials && credentials.password.reveal() === PASSWORD, 'is there')

  t.test('is told of, as the PIN is', async (t) => {
    t.strictSame(configuration.warnings, [
      WITHOUT_ANCHORS,
      "TSA_PASSWORD: stays readable in the process's environment; TSA_PASSWORD_FILE does not",
    ])
  })

  t.test('is there again when the signers are loaded anew', async (t) => {
    const { signers, problems } = loadSigners({ ...LEAST, ...variables })
    t.strictSame(problems, [])
    const [{ credentials } = {}] = signers.signers[0]?.container.timestamps?.authorities ?? []
    t.ok(credentials && 'password' in credentials && credentials.password.reveal() === PASSWORD)
  })

  t.test('is shown by nothing that shows a configuration', async (t) => {
    const lines: string[] = []
    pino({}, { write: (line) => lines.push(line) }).info({ configuration, credentials }, `${credentials}`)
    const shown = [
      JSON.stringify(configuration),
      inspect(configuration, { depth: 9, showHidden: true }),
      ...lines,
    ]
    t.equal(shown.length, 3)
    t.match(shown.join(), 'credentials')
    t.notMatch(shown.join(), PASSWORD)
    const wrong = [
      { TSA_PASSWORD_FILE: path('password') },
      { TSA_USER: '' },
      { TSA_URL: `http://${PASSWORD}` },
    ]
    for (const more of wrong) {
      t.notMatch(wrongsOf({ ...variables, ...more, LEVEL: 'x' }).join(), PASSWORD)
    }
  })
})

t.test('files that cannot be read', async (t) => {
  const TSA_URL = 'https://one.example'
  for (const variable of ['TSA_PASSWORD_FILE', 'TSA_CA_FILE', ...Object.keys(TLS)]) {
    for (const [file, reason] of [
      ['missing', 'does not exist'],
      ['folder', 'cannot be read (it is not a file)'],
    ] as const) {
      const [problem, ...more] = problemsOf({
        TSA_URL,
        TSA_USER: 'a',
        TSA_PASSWORD_FILE: path('password'),
        ...TLS,
        [variable]: path(file),
      })
      t.match(problem, `${variable}: ${path(file)} ${reason}: `)
      t.match(problem, `, for example ${variable}=/`)
      t.strictSame(more, [])
    }
  }
})

t.test('trust anchors', async (t) => {
  const TSA_URL = 'https://one.example'
  t.strictSame(wrongsOf({ TSA_URL, TSA_CA_FILE: issuing.certificateFile }), [
    `TSA_CA_FILE: ${issuing.certificateFile} holds no self-signed certificate, which the root of the chain is; add it`,
  ])
  t.strictSame(wrongsOf({ TSA_URL, TSA_CA_FILE: path('garbage') }), [`TSA_CA_FILE: ${path('garbage')}`])
})

t.test('files for TLS', async (t) => {
  const TSA_URL = 'https://one.example'
  const { TSA_TLS_CERTIFICATE_FILE, TSA_TLS_KEY_FILE } = TLS
  t.strictSame(wrongsOf({ TSA_URL, TSA_TLS_CERTIFICATE_FILE }), [
    'TSA_TLS_KEY_FILE: is required beside TSA_TLS_CERTIFICATE_FILE',
  ])
  t.strictSame(wrongsOf({ TSA_URL, TSA_TLS_KEY_FILE }), [
    'TSA_TLS_CERTIFICATE_FILE: is required beside TSA_TLS_KEY_FILE',
  ])
  t.strictSame(
    wrongsOf({ TSA_URL: 'http://one.example', ...TLS }),
    Object.entries(TLS).map(
      ([name, file]) => `${name}: ${file} is for https, which none of the addresses is`,
    ),
  )
  t.strictSame(wrongsOf({ TSA_URL: 'http://one.example,https://two.example', ...TLS }), [])

  t.test('that OpenSSL does not take', async (t) => {
    openssl(
      ...['pkey', '-in', client.keyFile, '-aes256', '-passout', 'pass:secret', '-out', path('encrypted')],
    )
    openssl('x509', '-in', root.certificateFile, '-outform', 'DER', '-out', path('der'))
    t.strictSame(wrongsOf({ TSA_URL, ...TLS, TSA_TLS_CA_FILE: path('der') }), [])
    const TSA_TLS_CERTIFICATE_FILE = path('own.der')
    openssl('x509', '-in', client.certificateFile, '-outform', 'DER', '-out', TSA_TLS_CERTIFICATE_FILE)
    t.strictSame(wrongsOf({ TSA_URL, ...TLS, TSA_TLS_CERTIFICATE_FILE }), [])
    const combined = path('combined')
    writeFileSync(combined, `${readFileSync(client.keyFile)}${client.certificate}`)
    const both = { TSA_TLS_CERTIFICATE_FILE: combined, TSA_TLS_KEY_FILE: combined }
    t.strictSame(wrongsOf({ TSA_URL, ...TLS, ...both }), [], 'OpenSSL reads both from one file')
    const swapped = { TSA_TLS_CERTIFICATE_FILE: client.keyFile, TSA_TLS_KEY_FILE: client.certificateFile }
    t.match(wrongsOf({ TSA_URL, ...TLS, ...swapped })[0], /^TSA_TLS_CERTIFICATE_FILE: \S+$/)
    writeFileSync(path('cut'), `${root.certificate}${root.certificate}`.slice(0, -30))
    for (const [variable, file, wrong] of [
      ['TSA_TLS_CA_FILE', path('garbage'), /^TSA_TLS_CA_FILE: \S+garbage$/],
      ['TSA_TLS_CA_FILE', path('cut'), /^TSA_TLS_CA_FILE: \S+cut$/],
      ['TSA_TLS_CA_FILE', client.certificateFile, /^TSA_TLS_CA_FILE: \S+ holds no self-signed certificate/],
      ['TSA_TLS_CERTIFICATE_FILE', path('garbage'), /^TSA_TLS_CERTIFICATE_FILE: \S+garbage$/],
      [
        'TSA_TLS_KEY_FILE',
        path('garbage'),
        /^TSA_TLS_KEY_FILE: \S+ does not go with TSA_TLS_CERTIFICATE_FILE/,
      ],
      [
        'TSA_TLS_KEY_FILE',
        path('encrypted'),
        /^TSA_TLS_KEY_FILE: \S+ does not go with TSA_TLS_CERTIFICATE_FILE/,
      ],
      ['TSA_TLS_KEY_FILE', root.keyFile, /for OpenSSL \(ERR_OSSL_X509_KEY_VALUES_MISMATCH\)$/],
    ] as const) {
      const wrongs = wrongsOf({ TSA_URL, ...TLS, [variable]: file })
      t.equal(wrongs.length, 1, `${variable}=${file}`)
      t.match(wrongs[0], wrong)
    }
  })
})

t.test('what has no effect', async (t) => {
  const warnings = (variables: Record<string, string>) => load(variables).warnings
  const idle: Record<string, string> = {
    ...{ TSA_USER: 'user', TSA_PASSWORD_FILE: path('password'), TSA_POLICY: '1.2.3' },
    ...{ TSA_HASH_ALGORITHM: 'sha256', TSA_CA_FILE: bundle, ...TLS },
  }
  t.strictSame(
    warnings({ ...idle, TSA_FALLBACK: 'b-b' }),
    Object.keys(idle).map((name) => `${name}: has no effect without TSA_URL`),
  )
  t.strictSame(
    Object.keys(Environment.properties).filter((name) => name.startsWith('TSA_') && !(name in idle)),
    ['TSA_URL', 'TSA_PASSWORD', 'TSA_FALLBACK'],
    'all others were tried',
  )
  t.strictSame(warnings({ TSA_URL: 'http://one.example' }), [
    'TSA_URL: nobody is asked for a timestamp: that takes LEVEL=b-t or LEVEL=b-lt',
  ])
  t.strictSame(warnings({ TSA_URL: 'http://one.example', LEVEL: 'b-t', TSA_CA_FILE: bundle }), [])
})

t.test('what others on this host or on the way can read is warned about', async (t) => {
  const least = { TSA_URL: 'https://one.example', TSA_USER: 'user', TSA_CA_FILE: bundle, LEVEL: 'b-t' }
  const warnings = (variables: Record<string, string>) => load({ ...least, ...variables }).warnings
  const exposed = (mode: string) =>
    `holds a secret, and everybody on this host may read or change it (mode ${mode}): chmod o-rwx, in Kubernetes ` +
    'defaultMode: 0440 and fsGroup'
  const [HSM_PIN_FILE, TSA_PASSWORD_FILE, TSA_TLS_KEY_FILE] = ['open-pin', 'open-password', 'open-key'].map(
    path,
  ) as [string, string, string]
  copyFileSync(path('pin'), HSM_PIN_FILE)
  copyFileSync(path('password'), TSA_PASSWORD_FILE)
  copyFileSync(client.keyFile, TSA_TLS_KEY_FILE)
  const closed = { TSA_PASSWORD_FILE: path('password'), ...TLS }
  for (const mode of [0o400, 0o440, 0o600, 0o660]) {
    chmodSync(HSM_PIN_FILE, mode)
    t.strictSame(warnings({ ...closed, HSM_PIN_FILE }), [], mode.toString(8))
  }
  for (const [file, mode] of [
    [HSM_PIN_FILE, 0o444],
    [TSA_PASSWORD_FILE, 0o644],
    [TSA_TLS_KEY_FILE, 0o602],
  ] as const) {
    chmodSync(file, mode)
  }
  t.strictSame(warnings({ ...closed, HSM_PIN_FILE, TSA_PASSWORD_FILE, TSA_TLS_KEY_FILE }), [
    `HSM_PIN_FILE: ${exposed('444')}`,
    `TSA_PASSWORD_FILE: ${exposed('644')}`,
    `TSA_TLS_KEY_FILE: ${exposed('602')}`,
  ])

  const { TSA_PASSWORD_FILE: password } = closed
  const TSA_URL =
    'http://one.example,https://two.example,http://127.0.0.1:318,http://[::1]:318,http://localhost,http://tsa.localhost'
  t.strictSame(warnings({ TSA_PASSWORD_FILE: password, TSA_URL }), [
    'TSA_URL: one.example is told user and password over plain http, which anybody on the way can read; use https',
  ])
  t.strictSame(
    warnings({ TSA_PASSWORD_FILE: password, TSA_URL: 'http://127.one.example' }),
    [
      'TSA_URL: 127.one.example is told user and password over plain http, which anybody on the way can read; use https',
    ],
    'a name is no address',
  )
  t.strictSame(load({ TSA_URL, LEVEL: 'b-t', TSA_CA_FILE: bundle }).warnings, [], 'nor is there a password')
  t.strictSame(load({ TSA_URL, LEVEL: 'b-t' }).warnings, [WITHOUT_ANCHORS])
})

t.test('containers that Document Engine has no room for', async (t) => {
  const tooLarge = (setting: string) =>
    `${setting}: is more than the 262144 bytes that Document Engine's estimatedSize can be; larger containers fit into ` +
    'none of its documents'
  t.strictSame(load({ CONTAINER_SIZE_LIMIT: '262144' }).warnings, [])
  t.strictSame(load({ CONTAINER_SIZE_LIMIT: '262145' }).warnings, [tooLarge('CONTAINER_SIZE_LIMIT')])
  const SIGNERS_FILE = path('signers.json')
  const signers = { a: {}, b: { containerSizeLimit: 262_144 }, c: { containerSizeLimit: 300_000 } }
  writeFileSync(SIGNERS_FILE, JSON.stringify({ default: 'a', signers }))
  const own = tooLarge('SIGNERS_FILE /signers/c/containerSizeLimit')
  t.strictSame(load({ SIGNERS_FILE }).warnings, [own])
  t.strictSame(load({ SIGNERS_FILE, CONTAINER_SIZE_LIMIT: '400000' }).warnings, [
    ...[tooLarge('CONTAINER_SIZE_LIMIT'), own],
  ])
})

t.test('all problems are told at once', async (t) => {
  t.strictSame(
    wrongsOf({
      ...{ LEVEL: 'b-lt', REVOCATION_CHECK: 'off', CONTAINER_SIZE_LIMIT: '0', TSA_POLICY: 'x' },
      ...{ TSA_URL: 'x', TSA_USER: 'user', TSA_CA_FILE: path('missing'), TSA_TLS_KEY_FILE: path('missing') },
    }).map((wrong) => wrong.replace(/:.*/, '')),
    [
      ...['TSA_POLICY', 'CONTAINER_SIZE_LIMIT', 'TSA_URL', 'TSA_PASSWORD_FILE', 'TSA_CA_FILE'],
      ...['TSA_TLS_KEY_FILE', 'TSA_TLS_CERTIFICATE_FILE', 'LEVEL'],
    ],
  )
})
