import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CURVE_NAMES } from '../../src/algorithms/elliptic-curves.ts'
import { TAG } from '../../src/asn1/tag.ts'
import { buildChain } from '../../src/x509/chain.ts'
import { reviewCertificates } from '../../src/x509/review/certificate-review.ts'
import {
  generateKeyFile,
  type Issued,
  issue,
  RSA_2048,
  rsaPss,
  writePlainRsaKey,
} from '../support/certificates.ts'
import { type CommandResult, runAtTerminal, runCommand } from '../support/command.ts'
import { attribute, COMMON_NAME, nameOf, resign } from '../support/resigned.ts'
import { createToken, generateKey } from '../support/token.ts'

const FOR_TESTS =
  'This certificate is for tests: nobody has checked who asked for it, and no record is kept to revoke it by\n'
const DAY_MS = 86_400_000

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment } = await createToken(path('token'))
const signer = await generateKey(
  { directory: path('token'), label: 'test', environment },
  { label: 'signer' },
)
await run('keygen', '--label', 'ca')
await run('keygen', '--label', 'ca-ec', '--curve', 'P-384')
for (const curve of CURVE_NAMES) {
  const names = ['--san', 'DNS:sign.example.com', '--san', 'IP:::1']
  await run('keygen', '--label', curve, '--curve', curve)
  await run('csr', '--label', curve, '--subject', `CN=${curve}`, ...names, '--out', path(`${curve}.csr`))
}
await run('csr', '--label', 'signer', '--subject', 'CN=Signer,O=Example', '--out', path('signer.csr'))
const authority = issue(directory, { subject: '/CN=File', ca: true, key: RSA_2048 })
const ofAuthority = ['--ca-cert', authority.certificateFile, '--ca-key', authority.keyFile]

function run(...args: string[]): Promise<CommandResult> {
  return runCommand(environment, ...args)
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Judges a certificate by openssl, strictly, and by the service's own review. Returns what openssl says of it. */
function judge(t: Test, leafFile: string, caFile: string): string {
  const leaf = new X509Certificate(readFileSync(leafFile))
  const caCertificates = [new X509Certificate(readFileSync(caFile))]
  t.equal(openssl('verify', '-x509_strict', '-CAfile', caFile, leafFile), `${leafFile}: OK\n`)
  const at = new Date()
  const chain = buildChain(leaf, caCertificates, at)
  t.ok(chain.complete)
  t.same(reviewCertificates({ leaf, following: [], caCertificates, chain, at }).problems, [])
  t.match(leaf.serialNumber, /^[0-9A-F]{24,32}$/)
  return openssl('x509', '-in', leafFile, '-noout', '-text')
}

t.test('a signer certifies itself', async (t) => {
  const out = path('self.pem')
  const args = ['--subject', 'CN=Signer,O=Example', '--san', 'email:a@example.com', '--out', out]
  const result = await run('certify', '--self-signed', '--label', 'signer', ...args)
  t.same(result, { exitCode: 0, stdout: '', stderr: FOR_TESTS })
  const text = judge(t, out, out)
  t.match(text, /Issuer: O = Example, CN = Signer\n/)
  t.match(text, /Subject: O = Example, CN = Signer\n/)
  t.match(text, /Basic Constraints: critical\n +CA:FALSE\n/)
  t.match(text, /Key Usage: critical\n +Digital Signature, Non Repudiation\n/)
  t.match(text, /Extended Key Usage: ?\n +(1\.3\.6\.1\.5\.5\.7\.3\.36|Document Signing), E-mail Protection\n/)
  t.match(text, /Alternative Name: ?\n +email:a@example.com\n/)
  t.match(text, 'sha256WithRSAEncryption')
  t.equal(openssl('x509', '-in', out, '-noout', '-pubkey'), readFileSync(signer, 'utf8'))
})

for (const [ca, algorithm, keys] of [
  ['ca', 'sha384WithRSAEncryption', ['signer', ...CURVE_NAMES]],
  ['ca-ec', 'ecdsa-with-SHA384', ['P-256']],
] as const) {
  t.test(`an authority whose key is on the token certifies keys of every type: ${ca}`, async (t) => {
    const root = path(`${ca}.pem`)
    const self = ['--self-signed', '--ca', '--subject', 'CN=Test CA', '--days', '3650', '--out', root]
    t.match(await run('certify', '--label', ca, ...self), { exitCode: 0, stderr: FOR_TESTS })
    const authority = openssl('x509', '-in', root, '-noout', '-text')
    t.match(authority, /Basic Constraints: critical\n +CA:TRUE\n/)
    t.match(authority, /Key Usage: critical\n +Certificate Sign, CRL Sign\n/)
    t.notMatch(authority, 'Extended Key Usage')
    for (const key of keys) {
      const out = path(`${ca}-${key}.pem`)
      const args = ['--ca-cert', root, '--label', ca, '--hash', 'sha384', '--out', out]
      const result = await run('certify', path(`${key}.csr`), ...args)
      t.match(result, { exitCode: 0, stdout: '', stderr: FOR_TESTS })
      const text = judge(t, out, root)
      t.match(text, `Signature Algorithm: ${algorithm}`)
      t.match(text, new RegExp(`Subject: .*CN = ${key}`, 'i'))
      const [, issuerKey] = text.match(/Authority Key Identifier: ?\n +([0-9A-F:]+)\n/) ?? []
      t.match(authority, new RegExp(`Subject Key Identifier: ?\\n +${issuerKey}\\n`))
    }
  })
}

t.test('an authority in files needs no token; addresses, names, another purpose', async (t) => {
  const addresses = [
    '--ocsp',
    'http://ca.test/ocsp',
    '--crl',
    'http://ca.test/a.crl',
    '--ca-issuers',
    'http://ca.test/ca',
  ]
  const args = [...ofAuthority, ...addresses, '--eku', 'email-protection', '--json']
  const { exitCode, stdout, stderr } = await runCommand({}, 'certify', path('P-256.csr'), ...args)
  t.same([exitCode, stderr], [0, FOR_TESTS])
  const { certificate, serial, notAfter, fingerprint } = JSON.parse(stdout)
  writeFileSync(path('names.pem'), certificate)
  const text = judge(t, path('names.pem'), authority.certificateFile)
  t.match(text, /Extended Key Usage: ?\n +E-mail Protection\n/)
  t.match(text, /Alternative Name: ?\n +DNS:sign\.example\.com, IP Address:0:0:0:0:0:0:0:1\n/)
  t.match(text, /OCSP - URI:http:\/\/ca\.test\/ocsp\n +CA Issuers - URI:http:\/\/ca\.test\/ca\n/)
  t.match(text, 'URI:http://ca.test/a.crl\n')
  const parsed = new X509Certificate(certificate)
  t.equal(serial, parsed.serialNumber)
  t.equal(notAfter, new Date(parsed.validTo).toISOString())
  t.equal(Math.round((Date.parse(notAfter) - Date.now()) / DAY_MS), 90)
  const spki = parsed.publicKey.export({ type: 'spki', format: 'der' })
  t.equal(fingerprint, createHash('sha256').update(spki).digest('hex'))
})

t.test('to stdout; with an EC authority; without an extended key usage', async (t) => {
  const { certificateFile, keyFile } = issue(directory, { subject: '/CN=EC', ca: true })
  const args = ['--ca-cert', certificateFile, '--ca-key', keyFile, '--eku', 'none', '--hash', 'sha512']
  const { exitCode, stdout } = await runCommand({}, 'certify', path('signer.csr'), ...args)
  t.equal(exitCode, 0)
  writeFileSync(path('stdout.pem'), stdout)
  const text = judge(t, path('stdout.pem'), certificateFile)
  t.match(text, 'ecdsa-with-SHA512')
  t.notMatch(text, 'Extended Key Usage')
})

t.test('an authority whose key file is for RSASSA-PSS with one hash alone', async (t) => {
  const keyFile = generateKeyFile(directory, rsaPss('sha512', 64))
  chmodSync(keyFile, 0o600)
  const plain = writePlainRsaKey({ keyFile })
  const { certificateFile } = issue(directory, { subject: '/CN=PSS', ca: true, keyFile: plain })
  const args = ['certify', path('signer.csr'), '--ca-cert', certificateFile, '--ca-key', keyFile]
  t.match(await runCommand({}, ...args), {
    exitCode: 1,
    stderr: `${keyFile} cannot be used: its key signs with sha512 alone (RFC 4055 3.3)`,
  })
  const { exitCode, stdout } = await runCommand({}, ...args, '--hash', 'sha512')
  t.equal(exitCode, 0)
  writeFileSync(path('pss.pem'), stdout)
  t.match(judge(t, path('pss.pem'), certificateFile), /rsassaPss.*sha512.*Salt Length: 0x40/is)
})

t.test('a certificate ends with that of its authority', async (t) => {
  const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 10 * DAY_MS)
  const { certificateFile, keyFile } = issue(directory, { subject: '/CN=Short', ca: true, notAfter })
  const args = ['--ca-cert', certificateFile, '--ca-key', keyFile, '--days', '825']
  const { exitCode, stdout, stderr } = await runCommand({}, 'certify', path('signer.csr'), ...args)
  t.equal(exitCode, 0)
  t.equal(
    stderr,
    `The certificate ends with that of the authority, at ${notAfter.toISOString()}\n${FOR_TESTS}`,
  )
  t.same(new Date(new X509Certificate(stdout).validTo), notAfter)
})

t.test('the key of an authority is a secret', async (t) => {
  chmodSync(authority.keyFile, 0o640)
  const { exitCode, stderr } = await runCommand({}, 'certify', path('signer.csr'), ...ofAuthority)
  chmodSync(authority.keyFile, 0o600)
  t.equal(exitCode, 1)
  t.match(stderr, /key\.pem cannot be used: others than its owner .* \(mode 640\), .* a secret: chmod 600 /)
})

t.test('for the passphrase of an encrypted key a person is asked', async (t) => {
  const file = path('encrypted.pem')
  openssl('pkey', '-in', authority.keyFile, '-aes256', '-passout', 'pass:open sesame', '-out', file)
  chmodSync(file, 0o600)
  const args = ['certify', path('signer.csr'), '--ca-cert', authority.certificateFile, '--ca-key', file]
  const nobody = await runCommand({}, ...args)
  t.equal(nobody.exitCode, 1)
  t.match(
    nobody.stderr,
    /encrypted\.pem is encrypted, and there is no terminal to ask for its passphrase at\n$/,
  )
  const out = path('encrypted-ca.pem')
  const right = await runAtTerminal({}, 'open sesame\n', ...args, '--out', out)
  t.equal(right.exitCode, 0)
  t.notMatch(right.output, 'sesame')
  judge(t, out, authority.certificateFile)
  const wrong = await runAtTerminal({}, 'open barley\n', ...args)
  t.equal(wrong.exitCode, 1)
  t.match(wrong.output, /encrypted\.pem cannot be used: its passphrase is another one\r\n/)
  const none = await runAtTerminal({}, '\n', ...args)
  t.match(none.output, /no passphrase was given\r\n/)
})

t.test('files that do not do', async (t) => {
  const leaf = issue(directory, { subject: '/CN=Leaf', issuer: authority })
  const expired = issue(directory, {
    ...{ subject: '/CN=Expired', ca: true },
    notBefore: new Date(Date.now() - 2 * DAY_MS),
    notAfter: new Date(Date.now() - DAY_MS),
  })
  const other = issue(directory, { subject: '/CN=Other', ca: true })
  const edwards = generateKeyFile(directory, ['-algorithm', 'ED25519'])
  const filesOf = ({ certificateFile, keyFile }: Issued) => [
    '--ca-cert',
    certificateFile,
    '--ca-key',
    keyFile,
  ]
  const ca = ['--ca-cert', authority.certificateFile]
  writeFileSync(path('text'), 'text', { mode: 0o600 })
  // A DirectoryString has no such alternative (RFC 5280 4.1.2.4)
  const visible = nameOf(attribute(COMMON_NAME, TAG.visibleString, 'Signer'))
  const asked = execFileSync('openssl', [
    'req',
    '-new',
    '-key',
    other.keyFile,
    '-subj',
    '/CN=x',
    '-outform',
    'DER',
  ])
  writeFileSync(path('visible.csr'), resign(asked, other.keyFile, { 1: visible }))
  t.throws(
    () => openssl('req', '-in', path('visible.csr'), '-inform', 'DER', '-noout'),
    'openssl does not read it',
  )
  for (const [message, request, ...args] of [
    [/none cannot be used: ENOENT/, 'none', ...ofAuthority],
    [/text cannot be used: it is no certificate request/, 'text', ...ofAuthority],
    [/visible.csr cannot be used: a name or key in it is not encoded as RFC/, 'visible.csr', ...ofAuthority],
    [/text cannot be used: it is neither PEM nor a DER/, 'signer.csr', ...ca.with(1, path('text'))],
    [/text cannot be used: it is no private key in PEM\n/, 'signer.csr', ...ca, '--ca-key', path('text')],
    [/none cannot be used: ENOENT/, 'signer.csr', ...ca, '--ca-key', path('none')],
    [/cannot be used: keys of type ed25519 do not sign/, 'signer.csr', ...ca, '--ca-key', edwards],
    [/cannot be used: The certificate of CN=Expired expired/, 'signer.csr', ...filesOf(expired)],
    [/is not the certificate of the key that is to sign/, 'signer.csr', ...ca, '--ca-key', other.keyFile],
    [/is not the certificate of the key that is to sign/, 'signer.csr', ...ca, '--label', 'ca'],
    [/of CN=Leaf is not that of a certificate authority/, 'signer.csr', ...filesOf(leaf)],
  ] as [RegExp, string, ...string[]][]) {
    const out = path('refused.pem')
    const { exitCode, stdout, stderr } = await run('certify', path(request), ...args, '--out', out)
    t.same([exitCode, stdout], [1, ''], `${message}`)
    t.match(stderr, message)
    t.notOk(existsSync(out))
  }
})

t.test('a file that is there is refused before anything is signed', async (t) => {
  const there = path('precious.pem')
  writeFileSync(there, 'precious')
  const { exitCode, stderr } = await run('certify', path('signer.csr'), ...ofAuthority, '--out', there)
  t.same([exitCode, stderr], [1, `${there} is there already; nothing was signed\n`])
  t.equal(readFileSync(there, 'utf8'), 'precious')
})

t.test('no part of a result is left where there is no room for the whole', async (t) => {
  const out = path('partial.pem')
  const limitFiles = (bytes: string) =>
    execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:`])
  // Without a listener, tap ends the process at the signal that comes with EFBIG
  process.on('SIGXFSZ', () => {})
  limitFiles('100')
  t.teardown(() => limitFiles('unlimited'))
  const { exitCode, stderr } = await run('certify', path('signer.csr'), ...ofAuthority, '--out', out)
  t.equal(exitCode, 1)
  t.match(stderr, /partial\.pem cannot be written: EFBIG/)
  t.notOk(existsSync(out))
})

t.test('arguments that make no certificate', async (t) => {
  const self = ['--self-signed', '--subject', 'CN=a']
  for (const [message, ...args] of [
    [/^error: needed is a request with --ca-cert, or --self-signed with --subject\n$/],
    [/^error: needed is a request/, path('signer.csr')],
    [/^error: needed is a request/, '--self-signed'],
    [/^error: --self-signed certifies a key on the token, not a request\n$/, path('signer.csr'), ...self],
    [/^error: --subject, --san and --ca are for --self-signed/, path('signer.csr'), ...ofAuthority, '--ca'],
    [/^error: --subject, --san and --ca/, path('signer.csr'), ...ofAuthority, '--subject', 'CN=a'],
    [/^error: --subject, --san and --ca/, path('signer.csr'), ...ofAuthority, '--san', 'DNS:a'],
    [/^error: --days is up to 825 for the certificate of a signer\n$/, ...self, '--days', '826'],
    [/It must be an integer from 1 to 3650/, ...self, '--ca', '--days', '3651'],
    [/'--self-signed' cannot be used with option '--ca-cert <file>'/, ...self, ...ofAuthority],
    [/'--ca-key <file>' cannot be used with option '--label <label>'/, ...ofAuthority, '--label', 'ca'],
    [/'--ca' cannot be used with option '--eku <usage>'/, ...self, '--ca', '--eku', 'none'],
    [
      /'--crl <url>' argument 'ca.test' is invalid. it must be an address such as/,
      ...self,
      '--crl',
      'ca.test',
    ],
    [/'--ocsp <url>' argument 'http:\/\/\[' is invalid/, ...self, '--ocsp', 'http://['],
  ] as [RegExp, ...string[]][]) {
    const { exitCode, stdout, stderr } = await run('certify', ...args)
    t.same([exitCode, stdout], [2, ''], `${message}`)
    t.match(stderr, message)
  }
})

t.test('the help says what it is for', async (t) => {
  const { exitCode, stdout } = await run('certify', '--help')
  t.equal(exitCode, 0)
  t.match(stdout, /\nmake a certificate for tests\n[\s\S]*\nFor tests: unlike a certificate authority,/)
})
