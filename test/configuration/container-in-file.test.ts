/** What signers of a signers file say of their containers, timestamps and revocation. */

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { findHashAlgorithm } from '../../src/algorithms/hash-algorithms.ts'
import type { ContainerConfiguration } from '../../src/configuration/container-configuration.ts'
import { loadConfiguration, loadSigners } from '../../src/configuration/load.ts'
import { issue, openssl } from '../support/certificates.ts'

const directory = t.testdir({
  'module.so': '',
  pin: 'pin',
  password: 'tsa-password-4711',
  'policy.txt': 'a policy',
})
const path = (...names: string[]) => join(directory, ...names)
const FILE = path('file', 'signers.json')
mkdirSync(path('file'))
for (const secret of ['pin', 'password']) {
  chmodSync(path(secret), 0o600)
}
const LEAST = {
  ...{ HSM_MODULE: path('module.so'), HSM_PIN_FILE: path('pin'), SIGNERS_FILE: FILE },
  SIGNING_SERVICE_HOST: '127.0.0.1',
}
const TSA_URL = 'https://of-all.example'
/** As OpenSSL has it. */
const HASH = openssl('dgst', '-sha256', '-r', path('policy.txt')).slice(0, 64)
const TIMESTAMPS_EXAMPLE =
  ': timestamp authority, or a list of one or more, in place of TSA_URL and all other variables that are about ' +
  'authorities, for example {"url":"https://timestamp.example.com"}'

const root = issue(path('file'), { subject: '/CN=Root', ca: true })
const TSA_CA_FILE = root.certificateFile
const issuing = issue(path('file'), { subject: '/CN=Issuing CA', ca: true, issuer: root })
const client = issue(path('file'), { subject: '/CN=Client', issuer: issuing })
/** Relative to the file, as a user may write them. */
const relative = (file: string) => file.slice(path('file').length + 1)

function load(signers: object, variables: Record<string, string> = {}) {
  writeFileSync(FILE, JSON.stringify({ default: Object.keys(signers)[0], signers }))
  return loadSigners({ ...LEAST, ...variables })
}

/** The problems with one signer, each as `/property: message`. */
function problemsOf(signer: object, variables?: Record<string, string>): string[] {
  const { problems } = load({ a: signer }, variables)
  return problems.map(
    ({ variable, message }) => `${variable.replace('SIGNERS_FILE /signers/a', '')}: ${message}`,
  )
}

function containerOf(signer: object, variables?: Record<string, string>): ContainerConfiguration {
  const { signers, problems } = load({ a: signer }, variables)
  t.strictSame(problems, [])
  return signers.signers[0]?.container as ContainerConfiguration
}

t.test('every property reaches its place', async (t) => {
  const { signers, problems } = load({
    a: {
      level: 'b-lt',
      timestamps: [
        {
          url: 'https://one.example/tsa?key=1,2',
          user: 'user',
          passwordFile: '../password',
          policy: '1.3.6.1.4.1.99999.1',
          hashAlgorithm: 'sha384',
          caFile: relative(root.certificateFile),
          tls: {
            caFile: relative(root.certificateFile),
            certificateFile: relative(client.certificateFile),
            keyFile: client.keyFile,
          },
        },
        { url: 'http://two.example', caFile: root.certificateFile },
      ],
      timestampFallback: 'b-b',
      revocationFallback: 'b-t',
      containerSizeLimit: 65_536,
      rsaSignatureIdentifier: 'shaWithRSAEncryption',
      signaturePolicy: {
        id: '2.25.329800735698586629295641978511506172918',
        hashAlgorithm: 'SHA-256',
        hash: HASH.toUpperCase(),
        uri: 'https://example.com/policy.txt',
      },
      commitmentType: 'proofOfApproval',
      signerLocation: { country: 'DE', locality: 'Berlin', postalAddress: ['Straße 1', '10115 Berlin'] },
    },
  })
  t.strictSame(problems, [])
  const [{ container } = {}] = signers.signers
  t.strictSame(container, {
    ...{ level: 'b-lt', sizeLimit: 65_536, rsaSignatureIdentifier: 'shaWithRSAEncryption' },
    revocationFallback: 'b-t',
    timestamps: {
      authorities: [
        {
          url: new URL('https://one.example/tsa?key=1,2'),
          hashAlgorithm: findHashAlgorithm('sha384'),
          trustAnchors: container?.timestamps?.authorities[0]?.trustAnchors,
          credentials: { user: 'user', passwordFile: path('password') },
          policy: '1.3.6.1.4.1.99999.1',
          tls: {
            ...{ caFile: root.certificateFile, certificateFile: client.certificateFile },
            keyFile: client.keyFile,
          },
        },
        {
          url: new URL('http://two.example'),
          hashAlgorithm: findHashAlgorithm('sha256'),
          trustAnchors: container?.timestamps?.authorities[1]?.trustAnchors,
        },
      ],
      fallback: 'b-b',
    },
    policy: {
      ...{ id: '2.25.329800735698586629295641978511506172918', hashAlgorithm: findHashAlgorithm('sha256') },
      ...{ hash: Buffer.from(HASH, 'hex'), uri: 'https://example.com/policy.txt' },
    },
    commitmentType: '1.2.840.113549.1.9.16.6.5',
    location: { country: 'DE', locality: 'Berlin', postalAddress: ['Straße 1', '10115 Berlin'] },
  })
  const anchors = container?.timestamps?.authorities[0]?.trustAnchors ?? []
  t.strictSame(
    anchors.map(({ subject }) => subject),
    ['CN=Root'],
  )
  t.strictSame(
    [...signers.files.keys()],
    [FILE, root.certificateFile],
    'what is read at each use is not watched',
  )
})

t.test('what a signer leaves out is what the variables say', async (t) => {
  const variables = {
    ...{ LEVEL: 'b-t', TSA_URL, TSA_POLICY: '1.2.3', TSA_CA_FILE: root.certificateFile, TSA_FALLBACK: 'b-b' },
    ...{ REVOCATION_FALLBACK: 'b-t', CONTAINER_SIZE_LIMIT: '2048' },
    RSA_SIGNATURE_IDENTIFIER: 'shaWithRSAEncryption',
  }
  const { signers, problems } = load(
    { a: {}, b: { level: 'b-lt' }, c: { level: 'b-b' }, d: { timestamps: { url: 'http://own.example' } } },
    variables,
  )
  t.strictSame(problems, [])
  const [a, b, c, d] = signers.signers.map(({ container }) => container)
  t.match(a, {
    ...{ level: 'b-t', sizeLimit: 2048, rsaSignatureIdentifier: 'shaWithRSAEncryption' },
    ...{ revocationFallback: 'b-t', timestamps: { fallback: 'b-b', authorities: [{ policy: '1.2.3' }] } },
  })
  t.equal(a?.timestamps?.authorities[0].url.href, `${TSA_URL}/`)
  t.equal(b?.level, 'b-lt')
  t.equal(b?.timestamps?.authorities, a?.timestamps?.authorities, 'they are the same for all')
  t.notOk(c?.timestamps)
  t.strictSame(
    d?.timestamps,
    {
      authorities: [
        { url: new URL('http://own.example'), hashAlgorithm: findHashAlgorithm('sha256'), trustAnchors: [] },
      ],
      fallback: 'b-b',
    },
    'to an authority of its own no variable applies, nor does a password leave for it',
  )
  t.strictSame([...signers.files.keys()], [FILE, root.certificateFile])
})

t.test('the least that a level needs', async (t) => {
  for (const level of ['b-t', 'b-lt']) {
    const what = level === 'b-t' ? ', or TSA_URL' : ' with caFile, or TSA_URL with TSA_CA_FILE'
    t.strictSame(problemsOf({ level }), [
      `/timestamps: is required for level ${level}${what}${TIMESTAMPS_EXAMPLE}`,
    ])
    t.strictSame(problemsOf({ level }, { TSA_URL, TSA_CA_FILE }), [])
    t.strictSame(problemsOf({ level, timestamps: { url: TSA_URL, caFile: TSA_CA_FILE } }), [])
  }
  for (const [signer, variables] of [
    [{ level: 'b-lt', timestamps: { url: TSA_URL } }, {}],
    [{ timestamps: { url: TSA_URL } }, { LEVEL: 'b-lt', TSA_URL, TSA_CA_FILE }],
  ] as const) {
    const wrong = /^\/timestamps\/caFile: is required for level b-lt: /
    t.match(problemsOf(signer, variables), [wrong], 'of its own authority, no variable tells it')
  }
  t.match(problemsOf({ level: 'b-lt' }, { TSA_URL }), [/TSA_CA_FILE: is required for level b-lt: /])
  t.strictSame(problemsOf({ level: 'b-lt' }, { TSA_URL, TSA_CA_FILE, REVOCATION_CHECK: 'off' }), [
    '/level: is b-lt, which needs revocation information, but REVOCATION_CHECK is off',
  ])
  t.strictSame(problemsOf({ level: 'b-b' }, { LEVEL: 'b-lt', REVOCATION_CHECK: 'off' }), [])

  t.test('of a variable is told once', async (t) => {
    const { problems } = load(
      { a: {}, b: {}, c: { level: 'b-t' } },
      { LEVEL: 'b-lt', REVOCATION_CHECK: 'off' },
    )
    t.strictSame(
      problems.map(({ variable }) => variable),
      ['TSA_URL', 'TSA_CA_FILE', 'LEVEL', 'SIGNERS_FILE /signers/c/timestamps'],
    )
  })

  t.test('may be in what is wrong', async (t) => {
    const places = (signer: object) => problemsOf(signer).map((problem) => problem.replace(/: .*/, ''))
    t.strictSame(places({ level: 'b-t', timestamp: { url: TSA_URL } }), ['/timestamp'])
    t.strictSame(places({ level: 'b-t', timestamps: { url: 'x' } }), ['/timestamps/url'])
    t.strictSame(places({ level: 'b-t', timestamps: { uri: 'x' } }), ['/timestamps/url', '/timestamps/uri'])
  })
})

t.test('what the schema does not allow', async (t) => {
  const signaturePolicy = { id: '1.2.3', hashAlgorithm: 'sha256', hash: HASH }
  const url = TSA_URL
  for (const [place, ...signers] of [
    ['level', { level: 'B-T' }],
    ['timestamps', { timestamps: [] }, { timestamps: url }, { timestamps: [url] }, { timestamps: null }],
    ['timestamps/url', { timestamps: { url: '' } }],
    ['timestamps/1/url', { timestamps: [{ url }, { url: 7 }] }],
    ['timestamps/user', { timestamps: { url, user: 'a:b', passwordFile: 'x' } }],
    ['timestamps/0/policy', { timestamps: [{ url, policy: '1.2.x' }] }],
    ['timestamps/hashAlgorithm', { timestamps: { url, hashAlgorithm: 'sha1' } }],
    ['timestamps/tls', { timestamps: { url, tls: {} } }],
    ['timestamps/tls/keyFile', { timestamps: { url, tls: { certificateFile: 'x', keyFile: '' } } }],
    ['timestampFallback', { timestampFallback: 'b-t' }],
    ['revocationFallback', { revocationFallback: 'b-b' }],
    ['containerSizeLimit', { containerSizeLimit: 1023 }, { containerSizeLimit: '2048' }],
    ['rsaSignatureIdentifier', { rsaSignatureIdentifier: 'rsa' }],
    ['signaturePolicy', { signaturePolicy: '1.2.3' }],
    ['signaturePolicy/id', { signaturePolicy: { ...signaturePolicy, id: 'urn:oid:1.2.3' } }],
    ['signaturePolicy/hash', { signaturePolicy: { ...signaturePolicy, hash: 'abc' } }],
    [
      'signaturePolicy/uri',
      { signaturePolicy: { ...signaturePolicy, uri: 'policy.pdf' } },
      { signaturePolicy: { ...signaturePolicy, uri: 'https://example.com/ä' } },
    ],
    ['commitmentType', { commitmentType: 'proofOfLife' }, { commitmentType: '1' }, { commitmentType: '' }],
    ['signerLocation', { signerLocation: {} }],
    ['signerLocation/country', { signerLocation: { country: '' } }],
    [
      'signerLocation/postalAddress',
      { signerLocation: { postalAddress: [] } },
      { signerLocation: { postalAddress: ['1', '2', '3', '4', '5', '6', '7'] } },
    ],
  ] as const) {
    for (const signer of signers) {
      const [problem, ...more] = problemsOf(signer)
      t.match(
        problem,
        new RegExp(`^/${place}: (\\S+ )?is not valid: .*, for example `),
        JSON.stringify(signer),
      )
      t.notMatch(problem, `${TSA_URL} is`, 'an address may have a password in it')
      t.strictSame(more, [])
    }
  }
  t.strictSame(problemsOf({ signerLocation: { postalAddress: 'Straße 1' } }), [
    '/signerLocation/postalAddress: "Straße 1" is not valid: postal address line by line, a list of 1 to 6, for example ["Example Street 1","10115 Berlin"]',
  ])
  t.match(problemsOf({ timestamps: { url, password: 'tsa-password-4711' } }), [
    /^\/timestamps\/password: is not known here; url, user, passwordFile, /,
  ])
})

t.test('what the schema cannot tell of authorities', async (t) => {
  const problems = problemsOf({
    timestamps: [
      { url: 'ftp://one.example', user: 'user' },
      { url: 'https://user:tsa-password-4711@two.example', passwordFile: '../password' },
      {
        ...{ url: 'http://three.example', caFile: relative(issuing.certificateFile) },
        tls: { keyFile: client.keyFile },
      },
      { url: 'https://four.example', tls: { certificateFile: 'missing', keyFile: client.keyFile } },
    ],
  })
  t.strictSame(problems, [
    '/timestamps/0/url: is no http or https address',
    '/timestamps/0/passwordFile: is required beside a user',
    '/timestamps/1/url: has a user or a password in it; give them with TSA_USER and TSA_PASSWORD_FILE, or user and passwordFile of the signer',
    '/timestamps/1/user: is required beside a password',
    `/timestamps/2/caFile: ${relative(issuing.certificateFile)} holds no self-signed certificate, which the root of the chain is; add it`,
    '/timestamps/2/tls/certificateFile: is required beside SIGNERS_FILE /signers/a/timestamps/2/tls/keyFile',
    `/timestamps/2/tls/keyFile: ${client.keyFile} is for https, which none of the addresses is`,
    '/timestamps/3/tls/certificateFile: missing does not exist',
  ])
  t.match(problemsOf({ timestamps: { url: TSA_URL, user: 'a', passwordFile: 'missing' } }), [
    /^\/timestamps\/passwordFile: does not exist$/,
  ])
})

t.test('signature policies', async (t) => {
  const policy = (more: object) => ({
    signaturePolicy: { id: '1.2.3', hashAlgorithm: 'sha256', hash: HASH, ...more },
  })
  t.match(
    containerOf(policy({ hashAlgorithm: 'sha1', hash: HASH.slice(0, 40), uri: 'urn:oid:1.2.3' })).policy,
    {
      hashAlgorithm: { name: 'sha160' },
      uri: 'urn:oid:1.2.3',
    },
  )
  t.strictSame(problemsOf(policy({ hash: HASH.slice(2) })), [
    '/signaturePolicy/hash: has 31 bytes, but hashes with sha256 have 32',
  ])
  t.strictSame(problemsOf(policy({ hashAlgorithm: 'md5' })), [
    '/signaturePolicy/hashAlgorithm: md5 is none of sha160, sha224, sha256, sha384, sha512',
  ])
})

t.test('commitment types', async (t) => {
  for (const [name, oid] of [
    ['proofOfOrigin', '1.2.840.113549.1.9.16.6.1'],
    ['proofOfReceipt', '1.2.840.113549.1.9.16.6.2'],
    ['proofOfDelivery', '1.2.840.113549.1.9.16.6.3'],
    ['proofOfSender', '1.2.840.113549.1.9.16.6.4'],
    ['proofOfApproval', '1.2.840.113549.1.9.16.6.5'],
    ['proofOfCreation', '1.2.840.113549.1.9.16.6.6'],
    ['1.3.6.1.4.1.99999.3', '1.3.6.1.4.1.99999.3'],
  ] as const) {
    t.equal(containerOf({ commitmentType: name }).commitmentType, oid)
  }
})

t.test('a signer that makes plain CMS alone may have them too', async (t) => {
  const { location, commitmentType } = containerOf({
    signatureTypes: ['cms'],
    commitmentType: 'proofOfOrigin',
    signerLocation: { locality: 'Berlin' },
  })
  t.same([location, commitmentType], [{ locality: 'Berlin' }, '1.2.840.113549.1.9.16.6.1'])
})

t.test('statements are warned about that rule out a reason or a place in the PDF', async (t) => {
  const statements = {
    signaturePolicy: { id: '1.2.3', hashAlgorithm: 'sha256', hash: HASH },
    commitmentType: 'proofOfApproval',
    signerLocation: { locality: 'Berlin' },
  }
  const warnings = (signer: object) => load({ a: signer }).warnings
  t.match(warnings(statements), [
    /^SIGNERS_FILE \/signers\/a\/signaturePolicy: .* no PAdES baseline level .* Reason.* signatureReason$/,
    /^SIGNERS_FILE \/signers\/a\/commitmentType: .* no PAdES in .* Reason.* signatureReason$/,
    /^SIGNERS_FILE \/signers\/a\/signerLocation: .* Location.* signatureLocation$/,
  ])
  t.match(warnings({ commitmentType: 'proofOfOrigin' }), [/commitmentType: with it a signature is no PAdES/])
  t.strictSame(warnings({}), [])
  t.strictSame(warnings({ ...statements, containers: ['raw'] }), [], 'Document Engine builds these')
  t.strictSame(warnings({ ...statements, signatureTypes: ['cms'] }), [], 'these have no statements')
})

t.test('authorities that no signer asks', async (t) => {
  const warnings = (signers: object, LEVEL = 'b-b') => {
    load(signers)
    return loadConfiguration({ ...LEAST, TSA_URL, LEVEL, TSA_CA_FILE }).warnings
  }
  t.match(warnings({ a: {}, b: {} }), [/^TSA_URL: nobody is asked for a timestamp/])
  t.strictSame(warnings({ a: {}, b: { level: 'b-t' } }), [])
  t.match(warnings({ a: { level: 'b-b' } }, 'b-t'), [/^TSA_URL: nobody is asked for a timestamp/])
})

t.test(
  'what others on this host or on the way can read, and authorities without anchors, are warned about',
  async (t) => {
    chmodSync(path('password'), 0o644)
    t.teardown(() => chmodSync(path('password'), 0o600))
    const timestamps = [
      { url: 'http://one.example', user: 'user', passwordFile: '../password', caFile: relative(TSA_CA_FILE) },
      { url: 'https://two.example' },
    ]
    const { problems, warnings } = load(
      {
        a: { level: 'b-t', timestamps },
        b: { level: 'b-t' },
        c: { level: 'b-t' },
      },
      { TSA_URL },
    )
    t.strictSame(problems, [])
    const place = 'SIGNERS_FILE /signers/a/timestamps'
    t.match(warnings, [
      new RegExp(`^${place}/0/passwordFile: holds a secret, and everybody .* \\(mode 644\\)`),
      new RegExp(`^${place}/0/url: one.example is told user and password over plain http`),
      new RegExp(`^${place}/1/caFile: is not set: whoever answers`),
      /^TSA_CA_FILE: is not set: whoever answers/,
    ])
    t.equal(warnings.length, 4, 'what variables say is told once')
  },
)

t.test('a hash algorithm of a policy that nobody knows is told like any other problem', async (t) => {
  const leaf = issue(path('file'), { subject: '/CN=Signer', issuer: issuing })
  const signaturePolicy = { id: '1.2.3', hashAlgorithm: 'md5', hash: HASH }
  const signer = { certificateFile: relative(leaf.certificateFile), signaturePolicy, minimumDaysLeft: -1 }
  t.match(problemsOf(signer), [
    /^\/minimumDaysLeft: -1 is not valid/,
    /^\/signaturePolicy\/hashAlgorithm: md5 is none of sha160, /,
  ])
})

t.test(
  'variables that every signer of the file overrides are checked, as the next one may take them',
  async (t) => {
    const signer = { hashAlgorithms: ['sha256'], timestamps: { url: TSA_URL, caFile: relative(TSA_CA_FILE) } }
    t.strictSame(problemsOf(signer), [])
    for (const [name, value, wrong] of [
      ['HASH_ALGORITHMS', 'md5', /^HASH_ALGORITHMS: md5 is none of /],
      ['HASH_ALGORITHMS', ',', /^HASH_ALGORITHMS: , names none/],
      ['TSA_URL', 'ftp://x', /^TSA_URL: is no http or https address/],
      ['TSA_URL', 'http://user:secret@x', /^TSA_URL: has a user or a password in it/],
    ] as const) {
      t.match(problemsOf(signer, { [name]: value }), [wrong], `${name}=${value}`)
    }
    t.match(problemsOf(signer, { TSA_URL, TSA_USER: 'u' }), [/^TSA_PASSWORD_FILE: is required/])
  },
)
