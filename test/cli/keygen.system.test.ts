import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createToken, PIN } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createToken(join(directory, 'token'))
const faulty = await createFaultyModule(directory, environment)

/** What pkcs11-tool says of the objects of a class, by label. */
function judge(type: 'privkey' | 'pubkey', label: string): string {
  const access = ['--module', `${environment.HSM_MODULE}`, '--token-label', 'test', '--login', '--pin', PIN]
  const list = execFileSync('pkcs11-tool', [...access, '--list-objects', '--type', type], {
    encoding: 'utf8',
    stdio: 'pipe',
  })
  return list.split(/^(?=\S)/m).find((object) => object.includes(`label:      ${label}\n`)) ?? ''
}

function checkHalves(t: Test, label: string, id: string, type: RegExp): void {
  const key = judge('privkey', label)
  t.match(key, type)
  t.match(key, new RegExp(`ID: +${id}\\n`))
  t.match(key, /Usage: +sign\n/, 'signs, and nothing else')
  t.match(key, /Access: +sensitive, always sensitive, never extractable, local\n/)
  t.match(judge('pubkey', label), /Usage: +verify\n/)
}

t.test('an RSA key', async (t) => {
  const file = join(directory, 'signer.pub.pem')
  const { exitCode, stdout, stderr } = await runCommand(
    ...[environment, 'keygen', '--label', 'Schlüssel', '--id', '01A2', '--public-key', file],
  )
  t.equal(exitCode, 0, stderr)
  const [header, row = ''] = stdout.split('\n')
  t.match(header, /^LABEL +ID +TYPE +FINGERPRINT$/)
  t.match(row, /^Schlüssel +01a2 +RSA 2048 +[0-9a-f]{64}$/)
  checkHalves(t, 'Schlüssel', '01a2', /RSA/)
  const spki = execFileSync('openssl', ['pkey', '-pubin', '-in', file, '-outform', 'DER'])
  t.ok(row.endsWith(createHash('sha256').update(spki).digest('hex')))
  const text = execFileSync('openssl', ['pkey', '-pubin', '-in', file, '-noout', '-text'], {
    encoding: 'utf8',
  })
  t.match(text, /Public-Key: \(2048 bit\)[\s\S]*Exponent: 65537/)
})

t.test('an RSA key of another size, with a random id', async (t) => {
  const { exitCode, stdout } = await runCommand(
    ...[environment, 'keygen', '--label', 'long', '--bits', '3072', '--json'],
  )
  t.equal(exitCode, 0)
  const key = JSON.parse(stdout)
  t.match(key, {
    label: 'long',
    id: /^[0-9a-f]{16}$/,
    type: 'RSA',
    bits: 3072,
    sensitive: true,
    extractable: false,
  })
  checkHalves(t, 'long', key.id, /RSA/)
})

t.test('EC keys', async (t) => {
  for (const [curve, name] of [
    ['P-256', 'prime256v1'],
    ['P-384', 'secp384r1'],
    ['P-521', 'secp521r1'],
  ] as const) {
    const file = join(directory, `${curve}.pem`)
    const { exitCode, stdout, stderr } = await runCommand(
      ...[
        environment,
        'keygen',
        '--label',
        curve,
        '--id',
        curve.slice(3, 5),
        '--curve',
        curve,
        '--public-key',
        file,
      ],
    )
    t.equal(exitCode, 0, stderr)
    t.match(stdout, `EC ${curve}`)
    checkHalves(t, curve, curve.slice(3, 5), /EC/)
    const text = execFileSync('openssl', ['pkey', '-pubin', '-in', file, '-noout', '-text'], {
      encoding: 'utf8',
    })
    t.match(text, `ASN1 OID: ${name}`)
  }
})

t.test('an id that is taken is refused', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(
    environment,
    'keygen',
    '--label',
    'again',
    '--id',
    '01a2',
  )
  t.same([exitCode, stdout], [1, ''])
  t.equal(stderr, 'there is a private key of id 01a2 already; choose another --id, or leave it out\n')
  t.equal(judge('privkey', 'again'), '')
})

t.test('a label that is taken is refused, unless an id tells the two keys apart', async (t) => {
  const args = ['keygen', '--label', 'long', '--curve', 'P-256']
  const { exitCode, stdout, stderr } = await runCommand(environment, ...args)
  t.same([exitCode, stdout], [1, ''])
  t.match(
    stderr,
    /^there is a private key with label "long" id [0-9a-f]{16} already; choose another --label, or give --id too\n$/,
  )
  const { exitCode: withId } = await runCommand(environment, ...args, '--id', 'b1')
  t.equal(withId, 0)
})

t.test('an empty label is refused', async (t) => {
  const { exitCode, stderr } = await runCommand(environment, 'keygen', '--label', '')
  t.equal(exitCode, 2)
  t.match(stderr, /It must not be empty/)
})

t.test('a file that is there is refused, before anything is generated', async (t) => {
  const file = join(directory, 'precious.pem')
  writeFileSync(file, 'precious')
  const { exitCode, stderr } = await runCommand(
    ...[environment, 'keygen', '--label', 'precious', '--public-key', file],
  )
  t.equal(exitCode, 1)
  t.match(stderr, /precious\.pem is there already; nothing was generated\n$/)
  t.equal(readFileSync(file, 'utf8'), 'precious')
  t.equal(judge('privkey', 'precious'), '')
})

t.test('a folder that is not there is refused, before anything is generated', async (t) => {
  const file = join(directory, 'no-such-folder', 'key.pem')
  const { exitCode, stderr } = await runCommand(
    ...[environment, 'keygen', '--label', 'unwanted', '--public-key', file],
  )
  t.equal(exitCode, 1)
  t.match(stderr, /key\.pem cannot be written: ENOENT.*; nothing was generated\n$/)
  t.equal(judge('privkey', 'unwanted'), '')
})

t.test('a file that cannot be written does not hide that there is a key', async (t) => {
  const file = join(directory, 'key.pem')
  // It leads nowhere, so that no file is there, and none may be made
  symlinkSync(join(directory, 'nothing'), file)
  const { exitCode, stdout, stderr } = await runCommand(
    ...[environment, 'keygen', '--label', 'unwritten', '--public-key', file],
  )
  t.equal(exitCode, 1)
  t.match(stdout, /\nunwritten +/)
  t.match(stderr, /^the key was generated, but .*key\.pem cannot be written: EEXIST/)
})

t.test('a token that refuses to deny usages: they are withdrawn', async (t) => {
  for (const [id, returnValue] of [
    ['c0', 'CKR_TEMPLATE_INCONSISTENT'],
    ['c1', 'CKR_ATTRIBUTE_VALUE_INVALID'],
    ['c2', 'CKR_GENERAL_ERROR'],
  ] as const) {
    faulty.plan(`C_GenerateKeyPair return ${returnValue} times=1`)
    const { exitCode, stderr } = await runCommand(
      ...[faulty.environment, 'keygen', '--label', returnValue, '--id', id],
    )
    t.equal(exitCode, 0, stderr)
    checkHalves(t, returnValue, id, /RSA/)
  }
})

t.test('a token that fails otherwise is asked once', async (t) => {
  faulty.plan('C_GenerateKeyPair return CKR_DEVICE_REMOVED')
  const before = faulty.calls('C_GenerateKeyPair')
  const { exitCode, stderr } = await runCommand(faulty.environment, 'keygen', '--label', 'removed')
  t.same([exitCode, stderr], [1, 'the PKCS#11 library answered CKR_DEVICE_REMOVED\n'])
  t.equal(faulty.calls('C_GenerateKeyPair'), before + 1)
})

t.test('a token that hides the public half', async (t) => {
  faulty.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
  const { exitCode, stderr } = await runCommand(
    ...[faulty.environment, 'keygen', '--label', 'hidden', '--id', 'aa'],
  )
  t.equal(exitCode, 1)
  t.equal(stderr, 'the key of id aa was generated, but the token does not show its public half\n')
})

t.test('a token that fails when the key is there', async (t) => {
  faulty.plan('C_GetAttributeValue return CKR_DEVICE_ERROR')
  const { exitCode, stderr } = await runCommand(
    ...[faulty.environment, 'keygen', '--label', 'late', '--id', 'ab'],
  )
  t.equal(exitCode, 1)
  t.match(stderr, /^the key of id ab was generated, but the PKCS#11 library answered CKR_DEVICE_ERROR/)
  t.match(judge('privkey', 'late'), /ID: +ab\n/)
})

t.test('arguments that make no key', async (t) => {
  for (const [message, ...args] of [
    [/required option '--label <label>' not specified/],
    [/'--bits <bits>' argument '1024' is invalid/, '--label', 'a', '--bits', '1024'],
    [/'--bits <bits>' argument '8192' is invalid/, '--label', 'a', '--bits', '8192'],
    [/'--id <hex>' argument '1' is invalid/, '--label', 'a', '--id', '1'],
    [/Allowed choices are P-256, P-384, P-521/, '--label', 'a', '--curve', 'P-224'],
    [/cannot be used with option '--bits <bits>'/, '--label', 'a', '--curve', 'P-256', '--bits', '2048'],
  ] as [RegExp, ...string[]][]) {
    const { exitCode, stderr } = await runCommand(environment, 'keygen', ...args)
    t.equal(exitCode, 2)
    t.match(stderr, message)
  }
})
