import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import t from 'tap'
import { readTls } from '../../src/configuration/tls.ts'
import { validate } from '../../src/configuration/variables.ts'
import type { ConfigurationProblem } from '../../src/errors.ts'
import { type Issued, issue, openssl, RSA_2048, writeBundle } from '../support/certificates.ts'
import { issueServer } from '../support/tls.ts'

const DAY_MS = 86_400_000
const directory = t.testdir({ empty: '', blank: '\n', garbage: 'no certificate', folder: {} })
const path = (name: string) => join(directory, name)

const root = issue(directory, { subject: '/CN=Root', ca: true })
const issuing = issue(directory, { subject: '/CN=Issuing CA', ca: true, issuer: root })
const server = issueServer(directory, issuing)
const other = issueServer(directory, issuing)
chmodSync(server.keyFile, 0o600)

function read(environment: Record<string, string>) {
  const problems: ConfigurationProblem[] = []
  const warnings: string[] = []
  const tls = readTls(validate(environment, problems), problems, warnings)
  return { tls, warnings, problems: problems.map(({ variable, message }) => `${variable}: ${message}`) }
}

const of = ({ certificateFile, keyFile }: Pick<Issued, 'certificateFile' | 'keyFile'>) => ({
  TLS_CERT_FILE: certificateFile,
  TLS_KEY_FILE: keyFile,
})

t.test('without variables there is no TLS', async (t) => {
  t.strictSame(read({}), { tls: undefined, warnings: [], problems: [] })
})

t.test('a certificate with its chain, and a key of any kind', async (t) => {
  const chain = writeBundle(path('chain.pem'), [server.certificate, issuing.certificate])
  const { tls, warnings, problems } = read({ ...of(server), TLS_CERT_FILE: chain })
  t.strictSame([warnings, problems], [[], []])
  t.strictSame(
    tls?.validity.map(({ subject }) => subject),
    ['CN=signing-service', 'CN=Issuing CA'],
  )
  t.strictSame(tls?.files, [chain, server.keyFile])
  t.notOk(tls?.clients)
  t.equal(tls?.context.minVersion, 'TLSv1.2')
  t.ok(createSecureContext(tls?.context))
  const rsa = issueServer(directory, issuing, { key: RSA_2048 })
  const traditional = path('rsa.key')
  openssl('rsa', '-traditional', '-in', rsa.keyFile, '-out', traditional)
  t.strictSame(read({ ...of(rsa), TLS_KEY_FILE: traditional }).problems, [])
  const marked = path('marked.key')
  writeFileSync(marked, `\uFEFF${readFileSync(server.keyFile, 'utf8')}`, { mode: 0o600 })
  const withMark = read({ ...of(server), TLS_KEY_FILE: marked })
  t.strictSame(withMark.problems, [])
  t.ok(createSecureContext(withMark.tls?.context))
})

t.test('clients must have a certificate of an authority, and one of the names', async (t) => {
  const file = writeBundle(path('clients.pem'), [issuing.certificate, root.certificate])
  const names = ' engine.example.com,Document Engine, backend_1 '
  const { tls, problems } = read({ ...of(server), TLS_CLIENT_CA_FILE: file, TLS_CLIENT_NAMES: names })
  t.strictSame(problems, [])
  t.strictSame(tls?.clients, {
    authorities: [issuing.certificate.toString(), root.certificate.toString()],
    names: ['engine.example.com', 'Document Engine', 'backend_1'],
  })
  t.strictSame(tls?.files, [server.certificateFile, server.keyFile, file])
  t.strictSame(read({ ...of(server), TLS_CLIENT_CA_FILE: file }).tls?.clients?.names, [])
})

t.test('what is wrong is told, all of it, and never quotes a key', async (t) => {
  const encrypted = path('encrypted.key')
  openssl('pkcs8', '-topk8', '-in', server.keyFile, '-passout', 'pass:secret', '-out', encrypted)
  const traditional = path('traditional.key')
  openssl('ec', '-aes256', '-in', server.keyFile, '-passout', 'pass:secret', '-out', traditional)
  const both = path('both.pem')
  writeFileSync(both, readFileSync(server.certificateFile, 'utf8') + readFileSync(server.keyFile, 'utf8'))
  const cut = path('cut.pem')
  writeFileSync(cut, readFileSync(server.certificateFile).subarray(0, 400))
  const reversed = writeBundle(path('reversed.pem'), [issuing.certificate, server.certificate])
  const long = writeBundle(path('long.pem'), [
    server.certificate,
    ...Array.from({ length: 400 }, () => issuing.certificate),
  ])
  const longName = issue(directory, { subject: `/CN=Root${'/OU=unit'.repeat(60)}`, ca: true })
  const manyAuthorities = writeBundle(
    path('authorities.pem'),
    Array.from({ length: 80 }, () => longName.certificate),
  )
  const short = issueServer(directory, issuing, {
    key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:512'],
  })
  const onCurve = (curve: string) =>
    issueServer(directory, issuing, {
      key: ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`],
    })
  openssl('genpkey', '-genparam', '-algorithm', 'DSA', '-out', path('dsa.pem'))
  const dsa = issueServer(directory, issuing, { key: ['-paramfile', path('dsa.pem')] })
  const authority = { TLS_CLIENT_CA_FILE: root.certificateFile }
  const wide = path('wide.key')
  writeFileSync(wide, `\uFEFF${readFileSync(server.keyFile, 'utf8')}`, 'utf16le')
  for (const [environment, ...expected] of [
    [{ TLS_CERT_FILE: server.certificateFile }, /^TLS_KEY_FILE: is required beside TLS_CERT_FILE: /],
    [{ TLS_KEY_FILE: server.keyFile }, /^TLS_CERT_FILE: is required beside TLS_KEY_FILE: /],
    [
      { TLS_CERT_FILE: path('missing'), TLS_KEY_FILE: path('none') },
      /^TLS_CERT_FILE: .*missing does not exist: /,
      /^TLS_KEY_FILE: .*none does not exist: /,
    ],
    [
      { ...of(server), TLS_KEY_FILE: path('folder') },
      /^TLS_KEY_FILE: .*folder cannot be read \(it is not a file\)/,
    ],
    [{ ...of(server), TLS_CERT_FILE: path('empty') }, /^TLS_CERT_FILE: .*empty: it is empty/],
    [{ ...of(server), TLS_CERT_FILE: path('garbage') }, /^TLS_CERT_FILE: .*garbage: it is neither PEM nor/],
    [
      { ...of(server), TLS_CERT_FILE: cut },
      /^TLS_CERT_FILE: .*cut.pem: block 1 in it has no matching END line/,
    ],
    [
      { ...of(server), TLS_CERT_FILE: both },
      /^TLS_CERT_FILE: .*both.pem holds a private key, which belongs in TLS_KEY_FILE/,
    ],
    [{ ...of(server), TLS_KEY_FILE: path('empty') }, /^TLS_KEY_FILE: .*empty is empty: /],
    [{ ...of(server), ...authority, TLS_KEY_FILE: path('blank') }, /^TLS_KEY_FILE: .*blank is empty: /],
    [{ ...of(server), TLS_KEY_FILE: wide }, /^TLS_KEY_FILE: .*wide.key is UTF-16, /],
    [{ ...of(server), TLS_KEY_FILE: path('garbage') }, /^TLS_KEY_FILE: .*garbage holds no PEM private key/],
    [{ ...of(server), TLS_KEY_FILE: server.certificateFile }, /^TLS_KEY_FILE: .* holds no PEM private key/],
    [{ ...of(server), TLS_KEY_FILE: encrypted }, /^TLS_KEY_FILE: .*encrypted.key is encrypted: /],
    [{ ...of(server), TLS_KEY_FILE: traditional }, /^TLS_KEY_FILE: .*traditional.key is encrypted: /],
    [
      { ...of(server), TLS_KEY_FILE: other.keyFile },
      /^TLS_KEY_FILE: .* is not the key of the first certificate/,
    ],
    [
      { ...of(server), TLS_CERT_FILE: long },
      /^TLS_CERT_FILE: .*long.pem has \d{6} octets of certificates, and clients take 100000: leave that of the service/,
    ],

    [
      { ...of(server), TLS_CLIENT_CA_FILE: manyAuthorities },
      /^TLS_CLIENT_CA_FILE: .*authorities.pem has \d{5} octets of names of authorities, and a handshake has room for 60000/,
    ],
    [{ ...of(server), TLS_CERT_FILE: reversed }, /^TLS_KEY_FILE: .* is not the key of the first certificate/],
    [of(onCurve('secp256k1')), /^TLS_KEY_FILE: .* is on the curve secp256k1, .*: take one of P-256/],
    [of(onCurve('brainpoolP256r1')), /^TLS_KEY_FILE: .* is on the curve brainpoolP256r1, /],
    [of(dsa), /^TLS_KEY_FILE: .* is of the type dsa, /],
    [of(short), /^TLS_KEY_FILE: .* for OpenSSL \(ERR_SSL_EE_KEY_TOO_SMALL\)/],
    [
      { ...of(server), TLS_CLIENT_CA_FILE: issuing.certificateFile },
      /^TLS_CLIENT_CA_FILE: .* holds no self-signed certificate/,
    ],
    [authority, /^TLS_CLIENT_CA_FILE: .* is set, but TLS_CERT_FILE is not/],
    [{ ...of(server), TLS_CLIENT_NAMES: 'a' }, /^TLS_CLIENT_NAMES: is set, but TLS_CLIENT_CA_FILE is not/],
    [{ ...of(server), ...authority, TLS_CLIENT_NAMES: ' , ' }, /^TLS_CLIENT_NAMES: .*names none/],
    [
      { ...of(server), ...authority, TLS_CLIENT_NAMES: 'a,*.example.com,.example.com,spiffe://a' },
      /^TLS_CLIENT_NAMES: \*.example.com is no name of a host/,
      /^TLS_CLIENT_NAMES: .example.com is no name of a host/,
      /^TLS_CLIENT_NAMES: spiffe:\/\/a is no name of a host/,
    ],
  ] as readonly [Record<string, string>, ...RegExp[]][]) {
    const { tls, problems } = read(environment)
    t.match(problems, expected)
    t.equal(problems.length, expected.length, `${problems}`)
    t.notOk(tls)
    t.notMatch(`${problems}`, /PRIVATE KEY|MII|MHc/)
  }
})

t.test(
  'a certificate that clients will not take is warned about, as is a key that others may read',
  async (t) => {
    const expired = issueServer(directory, issuing, {
      notBefore: new Date(Date.now() - 2 * DAY_MS),
      notAfter: new Date(Date.now() - DAY_MS),
    })
    chmodSync(expired.keyFile, 0o644)
    const { tls, warnings, problems } = read(of(expired))
    t.strictSame(problems, [])
    t.ok(tls)
    t.match(warnings, [
      /^TLS_KEY_FILE: holds a secret, and everybody on this host may read or change it \(mode 644\)/,
      /^TLS_CERT_FILE: The certificate of CN=signing-service expired at /,
    ])
    const early = issueServer(directory, issuing, { notBefore: new Date(Date.now() + DAY_MS) })
    chmodSync(early.keyFile, 0o600)
    t.match(read(of(early)).warnings, [
      /^TLS_CERT_FILE: The certificate of CN=signing-service is not valid before /,
    ])
  },
)
