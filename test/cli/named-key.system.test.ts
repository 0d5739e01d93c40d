/** One private key that a person names: its public key, evidence about it, and its deletion. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { createToken, generateKey, issueCertificates, PIN } from '../support/token.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const token = await createToken(path('token'))
const { environment } = token
const faulty = await createFaultyModule(directory, environment)
const key = await generateKey(token, { label: 'signer', id: '01' })
await generateKey(token, { label: 'twin', id: '02' })
await generateKey(token, { label: 'twin', id: '03' })
const { leaf } = await issueCertificates(path('certificates'), key)
const run = (...args: string[]) => runCommand(environment, ...args)

function onToken(...args: string[]): string {
  const access = ['--module', `${environment.HSM_MODULE}`, '--token-label', 'test', '--login', '--pin', PIN]
  return execFileSync('pkcs11-tool', [...access, ...args], { stdio: 'pipe', encoding: 'utf8' })
}

onToken('--keypairgen', '--key-type', 'EC:prime256v1', '--id', '04', '--label', 'curve', '--usage-sign')

t.test('the public key is that which the token made', async (t) => {
  const { exitCode, stdout, stderr } = await run('keys', '--public-key', '--label', 'signer')
  t.same([exitCode, stderr], [0, ''])
  const der = (input: string) =>
    execFileSync('openssl', ['pkey', '-pubin', '-outform', 'DER'], { input, stdio: 'pipe' })
  t.ok(der(stdout).equals(der(readFileSync(key, 'utf8'))))
})

t.test('a key that is not there, and a name of several', async (t) => {
  const none = await run('keys', '--public-key', '--label', 'nobody')
  t.match(none, { exitCode: 1, stdout: '', stderr: /^no private key has label "nobody"; there are: / })
  const several = await run('keys', '--public-key', '--label', 'twin')
  t.match(several, { exitCode: 1, stderr: /^several private keys have label "twin": name one by / })
  t.equal((await run('keys', '--public-key', '--label', 'twin', '--id', '03')).exitCode, 0)
  t.match(await run('keys', '--label', 'signer'), {
    exitCode: 2,
    stderr: /go with --public-key and --evidence/,
  })
  t.match(await run('keys', '--public-key', '--id', '1'), { exitCode: 2 })
})

for (const { label, args } of [
  { label: 'signer', args: ['--certificate', leaf] },
  { label: 'curve', args: [] },
]) {
  t.test(`evidence about ${label} is verified by OpenSSL`, async (t) => {
    const nonce = randomBytes(32).toString('hex')
    const { exitCode, stdout, stderr } = await run('keys', '--evidence', nonce, '--label', label, ...args)
    t.same([exitCode, stderr], [0, ''])
    const { statement, signature, publicKey, certificates } = JSON.parse(stdout)
    writeFileSync(path('statement'), statement)
    writeFileSync(path('signature'), Buffer.from(signature, 'base64'))
    writeFileSync(path('public.pem'), publicKey)
    const verify = () =>
      execFileSync(
        'openssl',
        [
          'dgst',
          '-sha256',
          '-verify',
          path('public.pem'),
          '-signature',
          path('signature'),
          path('statement'),
        ],
        { stdio: 'pipe', encoding: 'utf8' },
      )
    t.equal(verify(), 'Verified OK\n')
    t.match(JSON.parse(statement), {
      nonce,
      library: { manufacturer: String, sha256: /^[0-9a-f]{64}$/ },
      token: { label: 'test' },
      key: {
        label,
        attributes: {
          CKA_LOCAL: true,
          CKA_SENSITIVE: true,
          CKA_EXTRACTABLE: false,
          CKA_NEVER_EXTRACTABLE: true,
        },
      },
    })
    t.equal(certificates.length, args.length / 2)
    writeFileSync(path('statement'), statement.replace(nonce, randomBytes(32).toString('hex')))
    t.throws(verify, 'not over another nonce')
  })
}

t.test('a certificate that a file has, and the token twice, is in the evidence once', async (t) => {
  const der = path('leaf.der')
  execFileSync('openssl', ['x509', '-in', leaf, '-outform', 'DER', '-out', der])
  for (const label of ['first', 'again']) {
    onToken('--write-object', der, '--type', 'cert', '--id', '01', '--label', label)
  }
  const evidence = await run(
    'keys',
    '--evidence',
    '00'.repeat(32),
    '--label',
    'signer',
    '--certificate',
    leaf,
  )
  const { statement, certificates } = JSON.parse(evidence.stdout)
  t.equal(certificates.length, 1)
  t.match(JSON.parse(statement).certificates, [{ from: 'file' }])
})

t.test('evidence is refused for a certificate of another key, and a nonce that is none', async (t) => {
  const nonce = randomBytes(32).toString('hex')
  const other = await run('keys', '--evidence', nonce, '--label', 'curve', '--certificate', leaf)
  t.match(other, { exitCode: 1, stdout: '', stderr: /is that of another key/ })
  t.match(await run('keys', '--evidence', '1234', '--label', 'curve'), { exitCode: 2, stdout: '' })
  t.match(await run('keys', '--certificate', leaf), { exitCode: 2, stderr: /goes with --evidence/ })
})

t.test('a key is deleted by its name alone', async (t) => {
  const labels = () => [...onToken('--list-objects').matchAll(/label: +(\S+)/g)].map(([, label]) => label)
  const before = labels()
  t.match(await run('delete-key'), { exitCode: 2, stderr: /name the key by/ })
  t.match(await run('delete-key', '--label', 'twin', '--confirm', 'twin'), {
    exitCode: 1,
    stderr: /^several /,
  })
  t.match(await run('delete-key', '--id', '02'), { exitCode: 1, stderr: /there is no terminal.*--confirm/ })
  const wrong = await run('delete-key', '--id', '02', '--confirm', 'twins')
  t.match(wrong, { exitCode: 1, stderr: /another name; nothing was changed/ })
  t.same(labels(), before)
  const { exitCode, stdout } = await run('delete-key', '--id', '02', '--confirm', 'twin', '--json')
  t.equal(exitCode, 0)
  t.match(JSON.parse(stdout), { label: 'twin', id: '02', publicKeys: 1 })
  t.equal(labels().length, before.length - 2, 'both halves')
  t.match(onToken('--list-objects', '--id', '03'), 'twin', 'and no other')
})

t.test('a person types the name at the terminal', async (t) => {
  const args = ['delete-key', '--label', 'curve']
  const wrong = await runAtTerminal(environment, 'curves\n', ...args)
  t.match(wrong, { exitCode: 1, output: /another name/ })
  const right = await runAtTerminal(environment, '\x1acurve\n', ...args)
  t.match(right, { exitCode: 0, output: /Type curve to delete it from the token:[\s\S]*deleted curve/ })
})

t.test('a token that cannot be written to, and one that refuses', async (t) => {
  const remove = () =>
    runCommand(faulty.environment, 'delete-key', '--label', 'signer', '--confirm', 'signer')
  faulty.plan('C_DestroyObject return CKR_GENERAL_ERROR')
  t.match(await remove(), {
    exitCode: 1,
    stderr: /does not delete the private key: C_DestroyObject CKR_GENERAL_ERROR/,
  })
  faulty.plan('C_OpenSession return 0xE2')
  t.match(await remove(), { exitCode: 1, stderr: /the token is read-only/ })
})
