import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t from 'tap'
import { issue } from '../support/certificates.ts'
import { MAIN, runCommand, runCommandWithInput } from '../support/command.ts'
import { samplePdf } from '../support/document-engine/sample-pdf.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createSigningToken } from '../support/token.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'

const directory = t.testdir()
const { environment, certificates } = await createSigningToken(directory)
const faulty = await createFaultyModule(directory, environment)
const content = randomBytes(3_000_000)
const file = join(directory, 'document.bin')
writeFileSync(file, content)

/** Returns OpenSSL's verdict about a signature of the file, in base64. */
function verifyRaw(printed: string, ...options: string[]): string {
  const signature = join(directory, 'raw.sig')
  writeFileSync(signature, Buffer.from(printed, 'base64'))
  const publicKey = join(directory, 'raw.pem')
  writeFileSync(publicKey, execFileSync('openssl', ['x509', '-in', certificates.leaf, '-noout', '-pubkey']))
  const args = ['dgst', '-sha256', '-verify', publicKey, ...options, '-signature', signature, file]
  return execFileSync('openssl', args, { encoding: 'utf8' })
}

t.test('a signature that openssl verifies as CAdES', async (t) => {
  const out = join(directory, 'document.p7s')
  const { exitCode, stdout, stderr } = await runCommand(environment, 'sign', file, '--out', out)
  t.same([exitCode, stdout, stderr], [0, '', ''])
  const cms = readFileSync(out)
  t.match(await verifyCms({ cms, content, trustAnchors: certificates.root, cades: true }), { valid: true })
  t.match(await verifyCms({ cms, content: Buffer.from('other') }), { valid: false })
  const text = await printCms(cms)
  t.match(text, 'signingTime', 'which EN 319 122-1 6.3 requires outside of PDFs')
  t.match(text, 'sha256')
})

t.test('CMS with another hash as PEM, to stdout', async (t) => {
  const { exitCode, stdout } = await runCommand(
    ...[environment, 'sign', file, '--type', 'cms', '--hash', 'sha512', '--pem'],
  )
  t.equal(exitCode, 0)
  const cms = execFileSync('openssl', ['cms', '-cmsout', '-inform', 'PEM', '-outform', 'DER'], {
    input: stdout,
  })
  t.match(await verifyCms({ cms, content, trustAnchors: certificates.root }), { valid: true })
  const text = await printCms(cms)
  t.match(text, 'signingTime')
  t.match(text, 'sha512')
})

t.test('what standard input has is signed like a file', async (t) => {
  const pieces = Array.from({ length: 3 }, (_, i) => content.subarray(i * 1_000_000, (i + 1) * 1_000_000))
  const { exitCode, stdout, stderr } = await runCommandWithInput(
    ...([Readable.from(pieces), environment, 'sign', '-', '--json'] as const),
  )
  t.same([exitCode, stderr], [0, ''])
  const cms = Buffer.from(JSON.parse(stdout).signature, 'base64')
  t.match(await verifyCms({ cms, content, trustAnchors: certificates.root, cades: true }), { valid: true })
  t.match(await verifyCms({ cms, content: Buffer.from('other') }), { valid: false })
})

t.test('the signature alone over what a pipe brings', async (t) => {
  const script = 'cat "$1" | "$2" "$3" sign - --raw'
  const args = ['-c', script, 'sh', file, process.execPath, MAIN]
  const printed = execFileSync('sh', args, { env: { ...process.env, ...environment } })
  t.equal(verifyRaw(`${printed}`), 'Verified OK\n')
  const signersFile = join(directory, 'pss.json')
  const pss = {
    certificateFile: environment.SIGNER_CERTIFICATE_FILE,
    caFile: environment.CA_CERTIFICATES_FILE,
    signatureAlgorithm: 'rsassa-pss',
    raw: true,
  }
  writeFileSync(signersFile, JSON.stringify({ default: 'pss', signers: { pss } }))
  const variables = {
    ...environment,
    ...{ SIGNERS_FILE: signersFile, SIGNER_CERTIFICATE_FILE: '', CA_CERTIFICATES_FILE: '' },
  }
  for (const made of [
    await runCommand(variables, 'sign', file, '--raw'),
    await runCommandWithInput(Readable.from([content]), variables, 'sign', '-', '--raw'),
  ]) {
    t.same([made.exitCode, made.stderr], [0, ''])
    t.equal(
      verifyRaw(made.stdout, '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:digest'),
      'Verified OK\n',
    )
  }
})

t.test('standard input that cannot be read, and one with which nobody can be asked', async (t) => {
  const broken = new Readable({ read: () => broken.destroy(new Error('EIO: i/o error, read')) })
  for (const args of [[], ['--raw']]) {
    const result = await runCommandWithInput(broken, environment, 'sign', '-', ...args)
    t.match(result, { exitCode: 1, stdout: '', stderr: /^standard input cannot be read: / })
  }
  const empty = await runCommandWithInput(Readable.from([]), environment, 'sign', '-')
  t.match(empty, { exitCode: 1, stdout: '', stderr: /^standard input has nothing: / })
  for (const redirection of ['< /', '<&-']) {
    const args = ['-c', `"$1" "$2" sign - ${redirection}`, 'sh', process.execPath, MAIN]
    const run = spawnSync('sh', args, { env: { ...process.env, ...environment }, encoding: 'utf8' })
    t.match(run, { status: 1, stdout: '', stderr: /^standard input / }, redirection)
  }
  const input = Readable.from([content])
  const noPin = await runCommandWithInput(input, { ...environment, HSM_PIN_FILE: '' }, 'sign', '-')
  t.match(noPin, { exitCode: 78, stdout: '', stderr: /^HSM_PIN_FILE: is required.* no terminal to ask/ })
})

t.test('the signature alone, in base64', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(environment, 'sign', file, '--raw')
  t.same([exitCode, stderr], [0, ''])
  t.match(stdout, /^[A-Za-z0-9+/]+={0,2}\n$/)
  t.equal(verifyRaw(stdout), 'Verified OK\n')
  const limited = { ...environment, RAW_SIGNING: 'signed-attributes' }
  const refused = await runCommand(limited, 'sign', file, '--raw')
  t.match(refused, { exitCode: 1, stdout: '', stderr: /over signed attributes alone/ })
  t.equal((await runCommand(environment, 'sign', file, '--raw', '--pem')).exitCode, 2)
})

t.test('as JSON', async (t) => {
  const { exitCode, stdout } = await runCommand(environment, 'sign', file, '--json')
  t.equal(exitCode, 0)
  const { signature, ...rest } = JSON.parse(stdout)
  t.same(rest, { signer: 'O=Demo, CN=Test signer', type: 'cades', level: 'b-b', hash: 'sha256' })
  t.match(await verifyCms({ cms: Buffer.from(signature, 'base64'), content }), { valid: true })
})

t.test('a file that cannot be read, and one of nothing', async (t) => {
  const none = await runCommand(environment, 'sign', join(directory, 'none'))
  t.equal(none.exitCode, 1)
  t.match(none.stderr, /none cannot be read: ENOENT/)
  const empty = join(directory, 'empty')
  writeFileSync(empty, '')
  const { exitCode, stdout } = await runCommand(environment, 'sign', empty, '--json')
  t.equal(exitCode, 0)
  const cms = Buffer.from(JSON.parse(stdout).signature, 'base64')
  t.match(await printCms(cms), 'e3 b0 c4 42', 'the digest of nothing')
})

t.test('a certificate that has expired, or of another key', async (t) => {
  const notAfter = new Date(Date.now() - 60_000)
  const options = { subject: '/CN=Expired', key: ['-algorithm', 'RSA'] }
  const { certificateFile: other } = issue(directory, options)
  const { certificateFile: expired } = issue(directory, { ...options, notAfter })
  const refused = await runCommand({ ...environment, SIGNER_CERTIFICATE_FILE: other }, 'sign', file)
  t.equal(refused.exitCode, 78)
  t.match(
    refused.stderr,
    /^SIGNER_CERTIFICATE_FILE: \S+ is not the certificate of a private key on the token/,
  )
  const { stderr } = await runCommand(
    { ...environment, HSM_KEY_LABEL: 'signer', SIGNER_CERTIFICATE_FILE: expired },
    ...['sign', file],
  )
  t.match(stderr, /^SIGNER_CERTIFICATE_FILE: /)
})

t.test('a token whose key fails once it has signed', async (t) => {
  faulty.plan('C_Sign return CKR_FUNCTION_FAILED after=1')
  const { exitCode, stdout, stderr } = await runCommand(
    ...[{ ...faulty.environment, HSM_TIMEOUT_MS: '1500' }, 'sign', file],
  )
  t.same([exitCode, stdout], [1, ''])
  t.match(stderr, /^The HSM /)
  faulty.plan()
})

t.test('no PIN, and nobody to ask', async (t) => {
  const { exitCode, stderr } = await runCommand({ ...environment, HSM_PIN_FILE: '' }, 'sign', file)
  t.equal(exitCode, 78)
  t.match(stderr, /^HSM_PIN_FILE: is required, or HSM_PIN, HSM_PIN_SECRET_ID, --pin-file or/)
})

t.test('a signature over a whole PDF is one outside of it', async (t) => {
  const pdf = await samplePdf()
  const input = join(directory, 'document.pdf')
  writeFileSync(input, pdf)
  const { exitCode, stdout } = await runCommand(environment, 'sign', input, '--json')
  t.equal(exitCode, 0)
  const cms = Buffer.from(JSON.parse(stdout).signature, 'base64')
  const trusted = { trustAnchors: certificates.root, cades: true }
  t.match(await verifyCms({ cms, content: Buffer.from(pdf), ...trusted }), { valid: true })
  t.match(await printCms(cms), 'signingTime')
})

t.test('of several signers without a default one must be named', async (t) => {
  const signersFile = join(directory, 'signers.json')
  const signer = {
    certificateFile: environment.SIGNER_CERTIFICATE_FILE,
    caFile: environment.CA_CERTIFICATES_FILE,
  }
  writeFileSync(signersFile, JSON.stringify({ default: null, signers: { house: signer, contracts: signer } }))
  const variables = {
    ...environment,
    ...{
      SIGNERS_FILE: signersFile,
      HSM_KEY_LABEL: '',
      SIGNER_CERTIFICATE_FILE: '',
      CA_CERTIFICATES_FILE: '',
    },
  }
  const { exitCode, stderr } = await runCommand(variables, 'sign', file)
  t.equal(exitCode, 78)
  t.equal(
    stderr,
    '--signer: is required, since the signers file has no default; there are: house, contracts\n',
  )
  const named = await runCommand(variables, 'sign', file, '--signer', 'contracts', '--json')
  t.equal(named.exitCode, 0)
})

t.test('arguments that sign nothing', async (t) => {
  for (const [message, ...args] of [
    [/missing required argument 'file'/],
    [/Allowed choices are cms, cades/, file, '--type', 'pades'],
    [/Allowed choices are sha256, sha384, sha512/, file, '--hash', 'md5'],
  ] as [RegExp, ...string[]][]) {
    const { exitCode, stderr } = await runCommand(environment, 'sign', ...args)
    t.equal(exitCode, 2)
    t.match(stderr, message)
  }
})
