import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createToken, generateKey, importKey, issueCertificates, PIN } from '../support/token.ts'

const directory = t.testdir()
const token = await createToken(join(directory, 'token'))
const { environment } = token
const faulty = await createFaultyModule(directory, environment)
const key = await generateKey(token, { label: 'signer', id: '01' })
const { leaf } = await issueCertificates(join(directory, 'certificates'), key)

function onToken(...args: string[]): void {
  const access = ['--module', `${environment.HSM_MODULE}`, '--token-label', 'test', '--login', '--pin', PIN]
  execFileSync('pkcs11-tool', [...access, ...args], { stdio: 'pipe' })
}

const der = join(directory, 'leaf.der')
execFileSync('openssl', ['x509', '-in', leaf, '-outform', 'DER', '-out', der])
onToken('--write-object', der, '--type', 'cert', '--id', '01', '--label', 'signer')
onToken('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '02', '--label', 'curve', '--usage-sign')
onToken('--keypairgen', '--key-type', 'rsa:2048', '--id', '03', '--label', 'lonely', '--extractable')
onToken('--delete-object', '--type', 'pubkey', '--id', '03')
onToken('--keypairgen', '--key-type', 'EC:secp256k1', '--label', 'no id')
const dsa = ['-algorithm', 'DSA', '-pkeyopt', 'dsa_paramgen_bits:1024', '-quiet', '-out']
execFileSync('openssl', ['genpkey', '-genparam', ...dsa, join(directory, 'dsa.params')], { stdio: 'pipe' })
execFileSync('openssl', [
  'genpkey',
  '-paramfile',
  join(directory, 'dsa.params'),
  '-out',
  join(directory, 'dsa.pem'),
])
await importKey(token, join(directory, 'dsa.pem'), { label: 'other kind', id: '04' })

function fingerprintOf(publicKey: string): string {
  const spki = execFileSync('openssl', ['pkey', '-pubin', '-in', publicKey, '-outform', 'DER'])
  return createHash('sha256').update(spki).digest('hex')
}

/** By label. */
async function listKeys(variables: Readonly<Record<string, string>>) {
  const { exitCode, stdout, stderr } = await runCommand(variables, 'keys', '--json')
  t.equal(exitCode, 0, stderr)
  const keys = JSON.parse(stdout) as { label: string }[]
  return Object.fromEntries(keys.map((one) => [one.label, one]))
}

t.test('the keys are told with what they may do, and what belongs to them', async (t) => {
  const keys = await listKeys(environment)
  t.same(keys.signer, {
    ...{ label: 'signer', id: '01', type: 'RSA', bits: 2048, curve: null },
    ...{ sensitive: true, extractable: false, sign: true, alwaysAuthenticate: false },
    ...{ local: true, alwaysSensitive: true, neverExtractable: true },
    ...{ publicKeyObject: true, certificateObject: true, fingerprint: fingerprintOf(key) },
  })
  const point = join(directory, 'curve.der')
  onToken('--read-object', '--type', 'pubkey', '--id', '02', '--output-file', point)
  const curve = join(directory, 'curve.pem')
  execFileSync('openssl', ['pkey', '-pubin', '-inform', 'DER', '-in', point, '-out', curve])
  t.match(keys.curve, { type: 'EC', curve: 'P-256', bits: null, fingerprint: fingerprintOf(curve) })
  t.match(keys['other kind'], {
    local: false,
    neverExtractable: false,
    type: '0x1',
    bits: null,
    curve: null,
    fingerprint: null,
  })
  t.match(keys.lonely, { bits: 2048, extractable: true, publicKeyObject: false, certificateObject: false })
  t.match(
    keys['no id'],
    { id: '', curve: '06052b8104000a', fingerprint: null },
    'a curve that OpenSSL alone knows',
  )
})

t.test('what the token does not show is unknown', async (t) => {
  const hidden = ['CKA_LABEL', 'CKA_KEY_TYPE', 'CKA_EXTRACTABLE', 'CKA_MODULUS', 'CKA_ID', 'CKA_EC_POINT']
  faulty.plan(
    ...hidden.map((name) => `C_GetAttributeValue refuse ${name} CKR_ATTRIBUTE_TYPE_INVALID`),
    'C_GetAttributeValue refuse CKA_EC_PARAMS CKR_ATTRIBUTE_SENSITIVE',
  )
  const { stdout } = await runCommand(faulty.environment, 'keys', '--json')
  t.match(JSON.parse(stdout)[0], {
    ...{ label: null, id: null, type: null, bits: null, curve: null, extractable: null, sensitive: true },
    ...{ publicKeyObject: false, fingerprint: null },
  })
  const table = await runCommand(faulty.environment, 'keys')
  t.match(table.stdout, /\nunknown {2}unknown {2}unknown {2}yes +unknown +(yes|no)/)
  faulty.plan()
})

t.test('for people there is a table', async (t) => {
  const { stdout } = await runCommand(environment, 'keys')
  const [header = '', ...rows] = stdout.trimEnd().split('\n')
  t.match(
    header,
    /^LABEL +ID +TYPE +SENSITIVE +EXTRACTABLE +LOCAL +SIGN +PIN EACH TIME +PUBLIC KEY +CERTIFICATE +FIN/,
  )
  t.equal(rows.length, 5)
  const signer = rows.find((row) => row.startsWith('signer'))
  t.match(signer, /^signer +01 +RSA 2048 +yes +no +yes +yes +no +yes +yes +[0-9a-f]{64}$/)
  t.match(stdout, /\nno id +- +EC 06052b8104000a .* unknown\n/)
})

t.test('there are none', async (t) => {
  await createToken(token.directory, 'second')
  const { exitCode, stdout } = await runCommand(environment, 'keys', '--token-label', 'second')
  t.equal(exitCode, 0)
  t.equal(stdout, 'There are no private keys that this user can see.\n')
})

t.test('options come before the environment', async (t) => {
  const elsewhere = {
    ...{
      HSM_MODULE: '/none',
      HSM_PIN: 'wrong',
      HSM_TOKEN_LABEL: 'none',
      HSM_TOKEN_SERIAL: 'none',
      HSM_SLOT: '7',
    },
  }
  const file = join(directory, 'pin')
  writeFileSync(file, PIN)
  const access = ['--module', `${environment.HSM_MODULE}`, '--pin-file', file]
  t.match(await runCommand(elsewhere, 'keys', ...access, '--token-label', 'second'), { exitCode: 0 })
  const { stdout } = await runCommand(environment, 'tokens', '--json')
  const { serial } = JSON.parse(stdout).tokens.find(({ label }: { label: string }) => label === 'second')
  t.match(await runCommand(elsewhere, 'keys', ...access, '--token-serial', serial), { exitCode: 0 })
  const absent = await runCommand(elsewhere, 'keys', ...access, '--slot', '9')
  t.match(absent, { exitCode: 1, stderr: /^no token fits slot 9; there are: label "/ })
  const odd = await runCommand(elsewhere, 'keys', ...access, '--slot', 'first')
  t.match(odd, { exitCode: 78, stderr: /^HSM_SLOT: first is not valid: index of the slot/ })
})

t.test('several tokens fit', async (t) => {
  const { HSM_TOKEN_LABEL: _, ...rest } = environment
  const { exitCode, stderr } = await runCommand(rest, 'keys')
  t.equal(exitCode, 78)
  t.match(stderr, /^HSM_TOKEN_LABEL: several tokens fit, /)
})

t.test('a refused PIN is tried once', async (t) => {
  const file = join(directory, 'wrong')
  writeFileSync(file, 'not-the-pin-0815')
  const before = faulty.calls('C_Login')
  const { exitCode, stdout, stderr } = await runCommand(faulty.environment, 'keys', '--pin-file', file)
  t.same([exitCode, stdout], [1, ''])
  t.match(stderr, /^the token refused the PIN \(CKR_PIN_INCORRECT\): it was tried once/)
  t.notMatch(stderr, 'not-the-pin')
  t.equal(faulty.calls('C_Login'), before + 1)
})

t.test('a PIN of the environment', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  process.env.HSM_PIN = PIN
  t.match(await runCommand({ ...rest, HSM_PIN: PIN }, 'keys'), { exitCode: 0, stderr: '' })
  delete process.env.HSM_PIN
  const both = await runCommand({ ...environment, HSM_PIN: PIN }, 'keys')
  t.match(both, { exitCode: 78, stderr: /^HSM_PIN_FILE: \S+ is set beside HSM_PIN; set one of the two/ })
})

t.test('being logged in already is no failure', async (t) => {
  faulty.plan('C_Login return CKR_USER_ALREADY_LOGGED_IN')
  t.match(await runCommand(faulty.environment, 'keys'), { exitCode: 0 })
  faulty.plan()
})

t.test('a PIN that nobody can be asked for', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, stderr } = await runCommand(rest, 'keys')
  t.equal(exitCode, 78)
  t.match(
    stderr,
    /^HSM_PIN_FILE: is required, or HSM_PIN, HSM_PIN_SECRET_ID, --pin-file or --pin-secret-id, since there is no terminal/,
  )
})

t.test('at a terminal the PIN is asked for, and not shown', async (t) => {
  const { HSM_PIN_FILE: _, ...rest } = environment
  const { exitCode, output } = await runAtTerminal(rest, `${PIN}\n`, 'keys', '--json')
  t.equal(exitCode, 0, output)
  t.match(output, /^PIN of the user: \r?\n\[\r?\n/)
  t.notMatch(output, PIN)
})
