/** Certificates on a token: which of several the service takes, and how one is deleted. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { TAG } from '../../src/asn1/tag.ts'
import { type Issued, issue, P_256, RSA_2048, withUnknownKey } from '../support/certificates.ts'
import { runAtTerminal, runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { afterReload, logLines, signsWith } from '../support/reload.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { createImportedKeyToken, deletePublicKey, importKey, PIN } from '../support/token.ts'

const HOUR_MS = 3_600_000
const NONE = 'there is no other'

const directory = t.testdir()
const { token, keyFile, environment } = await createImportedKeyToken(directory)
const { SIGNER_CERTIFICATE_FILE: _, CA_CERTIFICATES_FILE: __, ...onToken } = environment
const faulty = await createFaultyModule(directory, onToken)

/** A certificate for the key on the token, valid from so many hours before now to so many after. */
function certify(subject: string, from: number, to: number): Issued {
  const at = (hours: number) => new Date(Date.now() + hours * HOUR_MS)
  return issue(directory, { subject, keyFile, notBefore: at(from), notAfter: at(to) })
}

/** Returns the fingerprint as `openssl x509 -fingerprint` prints it, with its colons. */
function fingerprintOf({ certificateFile }: Issued): string {
  const args = ['x509', '-in', certificateFile, '-noout', '-fingerprint', '-sha256']
  return execFileSync('openssl', args, { encoding: 'utf8' }).trim().replace(/^.*=/, '')
}

async function put(issued: Issued, label: string): Promise<string> {
  const { stderr, exitCode } = await runCommand(
    onToken,
    'import-cert',
    issued.certificateFile,
    '--label',
    label,
  )
  t.equal(exitCode, 0, stderr)
  return stderr
}

/** Puts a certificate on the token as another program would. */
function putFile(der: Uint8Array, label: string, id: string): void {
  const file = join(directory, 'certificate.der')
  writeFileSync(file, der)
  execFileSync('pkcs11-tool', [
    ...['--module', `${onToken.HSM_MODULE}`, '--token-label', token.label, '--login', '--pin', PIN],
    ...['--write-object', file, '--type', 'cert', '--label', label, '--id', id],
  ])
}

/** Labels by whether the service takes the certificate. */
async function used(): Promise<Record<string, boolean>> {
  const { stdout } = await runCommand(onToken, 'certs', '--json')
  const list = JSON.parse(stdout) as { label: string; used: boolean }[]
  return Object.fromEntries(list.map((one) => [one.label, one.used]))
}

function nameOf({ certificate: { subject, serialNumber } }: Issued): string {
  return `${subject}, serial number ${serialNumber}`
}

function warnings(service: Service): string[] {
  return logLines(service.log())
    .map(({ msg }) => msg)
    .filter((msg) => msg.startsWith('the token holds'))
}

const expired = certify('/CN=expired', -300, -200)
const old = certify('/CN=old', -100, 100)
const renewed = certify('/CN=renewed', -1, 1000)
const future = certify('/CN=future', 24, 2000)

t.test('there are none', async (t) => {
  const { exitCode, stdout } = await runCommand(onToken, 'certs')
  t.same([exitCode, stdout], [0, 'There are no certificates that this user can see.\n'])
})

t.test('of several certificates of one key the newest valid one counts', async (t) => {
  t.equal(await put(old, 'old'), '')
  const service = await startReadyService(t, onToken)
  t.equal(await signsWith(service.url, 'default'), old.certificate.serialNumber)
  t.strictSame(warnings(service), [])
  t.match(
    await put(renewed, 'renewed'),
    /^The token holds other certificates of this key: .* takes, .*, this one\. /,
  )
  t.match(await put(future, 'future'), /takes, .*, another one than this\. /)
  await put(expired, 'expired')
  t.equal(await signsWith(service.url, 'default'), old.certificate.serialNumber, 'until it is told to look')
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.equal(await signsWith(service.url, 'default'), renewed.certificate.serialNumber)
  t.strictSame(warnings(service), [
    `the token holds 4 certificates of the private key: used is ${nameOf(renewed)}; not used: ${nameOf(old)}; ` +
      `${nameOf(future)}; ${nameOf(expired)}; "signing-service certs" lists them, and "signing-service delete-cert" deletes one`,
  ])
  const restarted = await startReadyService(t, onToken)
  t.equal(
    await signsWith(restarted.url, 'default'),
    renewed.certificate.serialNumber,
    'so it is at a restart',
  )
  t.strictSame(await used(), { old: false, renewed: true, future: false, expired: false })
})

t.test('they are listed', async (t) => {
  const { exitCode, stdout, stderr } = await runCommand(onToken, 'certs')
  t.same([exitCode, stderr], [0, ''])
  const [header, ...rows] = stdout.trimEnd().split('\n')
  t.match(header, /^LABEL +ID +SUBJECT +SERIAL +NOT BEFORE +NOT AFTER +PRIVATE KEY +USED +FINGERPRINT$/)
  t.equal(rows.length, 4)
  const row = rows.find((one) => one.startsWith('renewed '))
  const fingerprint = fingerprintOf(renewed).replaceAll(':', '').toLowerCase()
  t.match(
    row,
    new RegExp(
      `^renewed +01 +CN=renewed +${renewed.certificate.serialNumber} +${new Date(renewed.certificate.validFrom).toISOString()} +` +
        `${new Date(renewed.certificate.validTo).toISOString()} +yes +yes +${fingerprint}$`,
    ),
  )

  faulty.plan(
    ...['CKA_VALUE', 'CKA_LABEL', 'CKA_ID'].map(
      (name) => `C_GetAttributeValue refuse ${name} CKR_ATTRIBUTE_SENSITIVE`,
    ),
  )
  const hidden = await runCommand(faulty.environment, 'certs')
  t.match(hidden.stdout, /\nunknown +unknown +unknown +unknown +unknown +unknown +no +no +unknown\n/)
  t.match(hidden.stdout, /\nA certificate is not read: the token does not show its value\n/)
  faulty.plan()
})

t.test(
  'where the token does not show the public half of the key, its certificates are those of its id',
  async (t) => {
    faulty.plan('C_GetAttributeValue refuse CKA_MODULUS CKR_ATTRIBUTE_SENSITIVE')
    const { stdout } = await runCommand(faulty.environment, 'certs', '--json')
    faulty.plan()
    t.match(
      (JSON.parse(stdout) as { label: string }[]).find(({ label }) => label === 'renewed'),
      { privateKey: true, used: true },
    )
  },
)

t.test('one is deleted when somebody has confirmed it', async (t) => {
  const fingerprint = fingerprintOf(renewed)
  const args = ['delete-cert', '--fingerprint', fingerprint]
  const unasked = await runCommand(onToken, ...args)
  t.equal(unasked.exitCode, 1)
  t.match(
    unasked.stderr,
    new RegExp(
      `^The certificate of CN=renewed, serial number ${renewed.certificate.serialNumber}, valid from .* with label ` +
        'renewed and id 01\\.\nIt is the one that the service takes for its key: another one will be\\.\n' +
        'there is no terminal to confirm this at: add --confirm NAME\n$',
    ),
  )
  for (const answer of ['yes\n', '\n', '\u0004']) {
    const { exitCode, output } = await runAtTerminal(onToken, answer, ...args)
    t.equal(exitCode, 1)
    t.match(output, /Type renewed to delete it from the token:[\s\S]*nothing was changed/)
  }
  t.match(await used(), { renewed: true })
  const { exitCode, output } = await runAtTerminal(onToken, 'renewed\n', ...args)
  t.equal(exitCode, 0, output)
  t.match(output, `deleted ${fingerprint.replaceAll(':', '').toLowerCase()}`)
  t.strictSame(await used(), { old: true, future: false, expired: false }, 'the one before counts again')
  const service = await startReadyService(t, onToken)
  t.equal(await signsWith(service.url, 'default'), old.certificate.serialNumber)
})

t.test('a program confirms with --confirm', async (t) => {
  for (const [label, issued] of Object.entries({ expired, future })) {
    const args = ['delete-cert', '--fingerprint', fingerprintOf(issued), '--json', '--confirm']
    t.match(await runCommand(onToken, ...args, 'old'), { exitCode: 1, stderr: /another name; nothing was/ })
    const { exitCode, stdout, stderr } = await runCommand(onToken, ...args, label)
    t.equal(exitCode, 0)
    t.notMatch(stderr, 'the service takes')
    const fingerprint = fingerprintOf(issued).replaceAll(':', '').toLowerCase()
    t.same(JSON.parse(stdout), { fingerprint, objects: 1 })
  }
  t.strictSame(await used(), { old: true })
})

t.test('what cannot be deleted', async (t) => {
  const remove = (...args: string[]) =>
    runCommand(faulty.environment, 'delete-cert', '--confirm', 'old', ...args)
  const odd = await remove('--fingerprint', 'ab:cd')
  t.match(odd, { exitCode: 2, stderr: /must be a SHA-256 in hex, 64 digits/ })
  const gone = await remove('--fingerprint', fingerprintOf(expired))
  t.match(gone, { exitCode: 1, stderr: /^the token holds no certificate with this fingerprint; / })
  faulty.plan('C_DestroyObject return CKR_TOKEN_WRITE_PROTECTED')
  const { exitCode, stdout, stderr } = await remove('--fingerprint', fingerprintOf(old))
  t.same([exitCode, stdout], [1, ''])
  t.match(stderr, NONE, 'it would be the last one')
  t.match(stderr, /\nthe token does not delete the certificate: C_DestroyObject CKR_TOKEN_WRITE_PROTECTED\n$/)
  faulty.plan()
  t.strictSame(await used(), { old: true })
})

t.test('what the service does not read is listed with the reason, and can be deleted', async (t) => {
  const { raw } = old.certificate
  const wrongTime = Buffer.from(raw)
  // A UTCTime has 13 characters, of which the third and the fourth are the month
  wrongTime.write('13', wrongTime.indexOf(Buffer.of(TAG.utcTime, 13)) + 4, 'latin1')
  for (const [value, notBefore, problem] of [
    [wrongTime, null, /" is not a time of RFC 5280 4\.1\.2\.5$/],
    [Buffer.concat([raw, Buffer.alloc(8)]), /Z$/, /^it is no DER of this kind: /],
  ] as const) {
    putFile(value, 'spoiled', '01')
    const fingerprint = createHash('sha256').update(value).digest('hex')
    const { stdout } = await runCommand(onToken, 'certs', '--json')
    const all = JSON.parse(stdout) as { label: string; problem: string | null }[]
    const listed = all.find(({ label }) => label === 'spoiled')
    t.match(listed, { subject: 'CN=old', notBefore, notAfter: /Z$/, used: false, fingerprint, problem })
    t.strictSame(
      all.filter((one) => one !== listed).map(({ problem }) => problem),
      [null],
    )
    const text = (await runCommand(onToken, 'certs')).stdout
    t.match(text, `\nThe certificate with fingerprint ${fingerprint} is not read: ${listed?.problem}\n`)
    const args = ['delete-cert', '--fingerprint', fingerprint, '--confirm', 'spoiled']
    const { exitCode, stderr } = await runCommand(onToken, ...args)
    t.equal(exitCode, 0, stderr)
    t.strictSame(await used(), { old: true })
  }
})

t.test('one of a key that OpenSSL does not know is listed without the key, and can be deleted', async (t) => {
  const { raw } = withUnknownKey(issue(directory, { subject: '/CN=unknown' }).certificate)
  putFile(raw, 'unknown', '09')
  const all = JSON.parse((await runCommand(onToken, 'certs', '--json')).stdout) as { label: string }[]
  const fingerprint = createHash('sha256').update(raw).digest('hex')
  t.match(
    all.find(({ label }) => label === 'unknown'),
    { subject: 'CN=unknown', used: false, fingerprint, problem: null, publicKey: null },
  )
  const args = ['delete-cert', '--fingerprint', fingerprint, '--confirm', 'unknown']
  const { exitCode, stderr } = await runCommand(onToken, ...args)
  t.equal(exitCode, 0, stderr)
  t.strictSame(await used(), { old: true })
})

t.test('one of the same key with another id takes the place of the one that is deleted', async (t) => {
  const other = certify('/CN=other id', -50, 100)
  putFile(other.certificate.raw, 'other id', '02')
  const args = ['delete-cert', '--fingerprint', fingerprintOf(other)]
  const unasked = await runCommand(onToken, ...args)
  t.match(unasked.stderr, /It is the one that the service takes for its key: another one will be\./)
  t.equal((await runCommand(onToken, ...args, '--confirm', 'other id')).exitCode, 0)
  t.strictSame(await used(), { old: true })
})

t.test('one that is deleted meanwhile', async (t) => {
  const before = faulty.calls('C_FindObjects')
  await runCommand(faulty.environment, 'certs')
  // The second process finds nothing
  faulty.plan(`C_FindObjects find-nothing after=${faulty.calls('C_FindObjects') - before}`)
  const args = ['delete-cert', '--confirm', 'old', '--fingerprint', fingerprintOf(old)]
  const { exitCode, stderr } = await runCommand(faulty.environment, ...args)
  t.equal(exitCode, 1)
  t.match(stderr, /the token holds no certificate with this fingerprint any more\n$/)
  faulty.plan()
  t.equal(token.label, 'test')
})

t.test('a key whose public half the token does not show has no certificates of others', async (t) => {
  const hidden = issue(directory, { subject: '/CN=hidden', key: P_256 })
  await importKey(token, hidden.keyFile, { label: 'hidden', id: 'e1' })
  await deletePublicKey(token, 'e1')
  const put = ({ certificate }: Issued, id: string) => putFile(certificate.raw, certificate.subject, id)
  const listed = async () => {
    const { stdout } = await runCommand(onToken, 'certs', '--json')
    const list = JSON.parse(stdout) as { label: string; privateKey: boolean; used: boolean }[]
    return Object.fromEntries(list.map(({ label, privateKey, used }) => [label, [privateKey, used]]))
  }
  const deleted = () => runCommand(onToken, 'delete-key', '--label', 'hidden')
  put(issue(directory, { subject: '/CN=authority', key: RSA_2048, ca: true }), 'ca')
  t.match(await listed(), { 'CN=authority': [false, false] }, 'of a key of another type')
  t.notMatch((await deleted()).stderr, /certificate/i)
  put(issue(directory, { subject: '/CN=one', key: P_256 }), 'cb')
  t.match(await listed(), { 'CN=one': [true, true] }, 'the service takes it, and its test signature decides')
  put(issue(directory, { subject: '/CN=another', key: P_256 }), 'cc')
  t.match(await listed(), { 'CN=one': [false, false], 'CN=another': [false, false] }, 'either may be its own')
  put(hidden, 'e1')
  t.match(await listed(), { 'CN=hidden': [true, true], 'CN=one': [false, false] })
})
