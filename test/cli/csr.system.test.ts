import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createToken, generateKey, PIN } from '../support/token.ts'

const directory = t.testdir()
const token = await createToken(join(directory, 'token'))
const { environment } = token
const faulty = await createFaultyModule(directory, environment)
const key = await generateKey(token, { label: 'signer', id: '01' })
await generateKey(token, { label: 'other', id: '02', bits: 3072 })
const named = ['--label', 'signer', '--subject', 'CN=Test']

/** What openssl says of a request, in UTF-8, after it has verified its signature. */
function judge(t: Test, request: string): string {
  const args = ['req', '-verify', '-noout', '-text', '-subject', '-nameopt', 'RFC2253,utf8,-esc_msb']
  const file = join(t.testdir({ 'request.pem': request }), 'request.pem')
  return execFileSync('openssl', [...args, '-in', file], { encoding: 'utf8', stdio: 'pipe' })
}

t.test('a request that openssl verifies', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(
    ...[
      environment,
      'csr',
      '--label',
      'signer',
      '--subject',
      'CN=Jörg Müller,OU=a+OU=b,O=Example\\, Inc.,C=DE',
    ],
  )
  t.same([exitCode, stderr], [0, ''])
  t.match(stdout, /^-----BEGIN CERTIFICATE REQUEST-----\n[\s\S]*\n-----END CERTIFICATE REQUEST-----\n$/)
  const text = judge(t, stdout)
  t.match(text, 'subject=CN=Jörg Müller,OU=b+OU=a,O=Example\\, Inc.,C=DE\n')
  t.match(text, /Version: 1 \(0x0\)/)
  t.match(text, /X509v3 Key Usage: critical\n +Digital Signature, Non Repudiation\n/)
  t.match(
    text,
    /X509v3 Extended Key Usage: ?\n +(1\.3\.6\.1\.5\.5\.7\.3\.36|Document Signing), E-mail Protection\n/,
  )
  t.match(text, 'Signature Algorithm: sha256WithRSAEncryption')
  t.notMatch(text, 'Alternative')
  const publicKey = execFileSync('openssl', ['req', '-pubkey', '-noout'], { input: stdout, encoding: 'utf8' })
  t.equal(publicKey, readFileSync(key, 'utf8'))
})

t.test('alternative names, another purpose, another hash, another key', async (t) => {
  const file = join(directory, 'other.csr')
  const { exitCode, stdout, stderr } = await runCommand(
    ...[
      environment,
      'csr',
      '--id',
      '02',
      '--subject',
      'CN=Test',
      '--eku',
      'email-protection',
      '--hash',
      'sha384',
    ],
    ...[
      '--san',
      'DNS:sign.example.com',
      '--san',
      'email:a@example.com',
      '--san',
      'URI:https://example.com/x',
    ],
    ...['--san', 'IP:192.0.2.1', '--san', 'IP:2001:db8::1', '--out', file, '--json'],
  )
  t.same([exitCode, stderr], [0, ''])
  const { request, fingerprint } = JSON.parse(stdout)
  t.equal(readFileSync(file, 'utf8'), request)
  const text = judge(t, request)
  t.match(
    text,
    'DNS:sign.example.com, email:a@example.com, URI:https://example.com/x, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1\n',
  )
  t.match(text, /Extended Key Usage: ?\n +E-mail Protection\n/)
  t.match(text, 'sha384WithRSAEncryption')
  t.match(text, 'Public-Key: (3072 bit)')
  const spki = execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], {
    input: execFileSync('openssl', ['req', '-pubkey', '-noout'], { input: request }),
  })
  t.equal(fingerprint, createHash('sha256').update(spki).digest('hex'))
})

t.test('the key of the environment, whatever is configured beside the HSM; for any purpose', async (t) => {
  const others = {
    SIGNER_CERTIFICATE_FILE: '/none',
    CA_CERTIFICATES_FILE: '/none',
    SIGNING_SERVICE_PORT: 'none',
  }
  const { exitCode, stdout } = await runCommand(
    { ...environment, ...others, HSM_KEY_LABEL: 'signer' },
    ...['csr', '--subject', 'CN=Test', '--eku', 'none', '--hash', 'sha512', '--json'],
  )
  t.equal(exitCode, 0)
  const text = judge(t, JSON.parse(stdout).request)
  t.notMatch(text, 'Extended Key Usage')
  t.match(text, 'sha512WithRSAEncryption')
})

t.test('the PIN is asked for where it is not configured', async (t) => {
  const { exitCode, output } = await runAtTerminal(
    { ...environment, HSM_PIN_FILE: '' },
    `${PIN}\n`,
    ...['csr', ...named],
  )
  t.equal(exitCode, 0)
  judge(t, output.slice(output.indexOf('-----BEGIN')).replaceAll('\r', ''))
  t.notMatch(output, PIN)
})

t.test('EC keys: openssl verifies each request', async (t) => {
  for (const [curve, hash] of [
    ['P-256', 'sha512'],
    ['P-384', 'sha384'],
    ['P-521', 'sha256'],
  ] as const) {
    await runCommand(environment, 'keygen', '--label', curve, '--curve', curve)
    const args = ['--label', curve, '--subject', 'CN=Test', '--hash', hash]
    const { exitCode, stdout } = await runCommand(environment, 'csr', ...args)
    t.equal(exitCode, 0)
    const text = judge(t, stdout)
    t.match(text, `NIST CURVE: ${curve}`)
    t.match(text, `ecdsa-with-${hash.toUpperCase()}`)
  }
})

t.test('several keys, none that fits, and some that do not sign here', async (t) => {
  const args = ['--module', `${environment.HSM_MODULE}`, '--token-label', 'test', '--login', '--pin', PIN]
  for (const [label, type, id] of [
    ['short', 'rsa:1024', '03'],
    ['curve', 'EC:secp256k1', '04'],
    ['edwards', 'EC:edwards25519', '05'],
  ] as const) {
    const key = ['--key-type', type, '--id', id, '--label', label]
    execFileSync('pkcs11-tool', [...args, '--keypairgen', ...key], { stdio: 'pipe' })
  }
  for (const [message, ...key] of [
    [/^HSM_KEY_LABEL: several private keys fit, (?=.*label "signer" id 01 )(?=.*label "other" id 02 )/],
    [/^HSM_KEY_LABEL: no private key fits label none; there are: .*label "signer" id 01/, '--label', 'none'],
    [
      /^HSM_KEY_LABEL: the private key must be RSA with 2048 .*; it is RSA with 1024 bits\n$/,
      '--label',
      'short',
    ],
    [/^HSM_KEY_LABEL: .* or it is on a curve that is not supported: /, '--label', 'curve'],
    [
      /^HSM_KEY_LABEL: the private key is neither an RSA nor an EC key: it has label "edwards" id 05\n$/,
      '--label',
      'edwards',
    ],
  ] as [RegExp, ...string[]][]) {
    const { exitCode, stdout, stderr } = await runCommand(environment, 'csr', '--subject', 'CN=Test', ...key)
    t.same([exitCode, stdout], [78, ''])
    t.match(stderr, message)
  }
})

t.test('a token that does not show the public half', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'csr', ...named)
  t.equal(exitCode, 78)
  t.match(stderr, /^HSM_KEY_LABEL: the token does not show the public half of the private key/)
  faulty.plan()
})

t.test('a token that is away', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(environment, 'csr', ...named, '--token-label', 'gone')
  t.same([exitCode, stdout], [1, ''])
  t.equal(stderr, 'the token is not present; "signing-service check" tells more\n')
})

t.test('a library that hangs', async (t) => {
  faulty.plan('C_Login hang')
  const began = performance.now()
  const { exitCode, stderr } = await runCommand(faulty.environment, 'csr', ...named, '--timeout', '2')
  t.same([exitCode, stderr], [1, 'the PKCS#11 library did not answer in time\n'])
  t.ok(performance.now() - began < 15_000)
  faulty.plan()
})

t.test('a wrong PIN is tried once', async (t) => {
  const file = join(directory, 'wrong-pin')
  writeFileSync(file, 'wrong-pin-4712')
  const before = faulty.calls('C_Login')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'csr', ...named, '--pin-file', file)
  t.equal(exitCode, 1)
  t.equal(
    stderr,
    'the token refused the PIN (CKR_PIN_INCORRECT); each wrong PIN brings the token nearer to locking its user\n',
  )
  t.equal(faulty.calls('C_Login') - before, 1)
})

t.test(
  'a file that is there is refused before anything is signed, and one that cannot be written',
  async (t) => {
    const there = join(directory, 'precious.csr')
    writeFileSync(there, 'precious')
    const refused = await runCommand(environment, 'csr', ...named, '--out', there)
    t.same([refused.exitCode, refused.stderr], [1, `${there} is there already; nothing was signed\n`])
    t.equal(readFileSync(there, 'utf8'), 'precious')
    const unwritten = await runCommand(
      environment,
      'csr',
      ...named,
      '--out',
      join(directory, 'none', 'a.csr'),
    )
    t.equal(unwritten.exitCode, 1)
    t.match(unwritten.stderr, /a\.csr cannot be written: ENOENT.*; nothing was signed\n$/)
  },
)

t.test('arguments that make no request', async (t) => {
  for (const [message, ...args] of [
    [/required option '--subject <name>' not specified/],
    [/'--subject <name>' argument 'Signer' is invalid/, '--subject', 'Signer'],
    [/'--san <name>' argument 'example\.com' is invalid. it must begin/, ...named, '--san', 'example.com'],
    [/Allowed choices are documents, document-signing, email-protection, none/, ...named, '--eku', 'server'],
    [/Allowed choices are sha256, sha384, sha512/, ...named, '--hash', 'sha1'],
    [/'--id <hex>' argument 'x' is invalid/, '--subject', 'CN=a', '--id', 'x'],
  ] as [RegExp, ...string[]][]) {
    const { exitCode, stdout, stderr } = await runCommand(environment, 'csr', ...args)
    t.same([exitCode, stdout], [2, ''])
    t.match(stderr, message)
  }
})
