/** Several certificates of one key on the token, some of which no signer can have. */
import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Issued, type IssueOptions, issue, writeBundle } from '../support/certificates.ts'
import { runCheck } from '../support/check.ts'
import { runCommand } from '../support/command.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { health } from '../support/readiness.ts'
import { afterReload, logLines } from '../support/reload.ts'
import { type Service, startReadyService, startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createImportedKeyToken, PIN } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const HOUR_MS = 3_600_000
const CONTENT = Buffer.from('a document')

const directory = t.testdir()
const { token, keyFile, environment } = await createImportedKeyToken(directory)
const root = issue(directory, { subject: '/CN=Root', ca: true })
const stranger = issue(directory, { subject: '/CN=Stranger', ca: true })
const { SIGNER_CERTIFICATE_FILE: _, ...rest } = environment
const onToken: Record<string, string> = { ...rest, CA_CERTIFICATES_FILE: root.certificateFile }

/** A certificate of the key on the token that is valid since so many hours. */
function certify(subject: string, hours: number, options: Partial<IssueOptions> = {}): Issued {
  const notBefore = new Date(Date.now() - hours * HOUR_MS)
  return issue(directory, { subject: `/CN=${subject}`, issuer: root, keyFile, notBefore, ...options })
}

const right = certify('right', 90)
const refused = [
  certify('key agreement', 3, { extensions: ['keyUsage=critical,keyAgreement'] }),
  certify('authority', 2, { ca: true }),
  certify('SHA-1', 1, { hash: 'sha1' }),
]
const elsewhere = [
  certify('of a stranger', 5, { issuer: stranger }),
  issue(directory, { subject: '/CN=self-signed', keyFile }),
]

/** Puts certificates on the token with a tool that refuses none. */
function write(certificates: readonly Issued[]): void {
  for (const { certificate } of certificates) {
    const file = join(directory, 'object.der')
    writeFileSync(file, certificate.raw)
    execFileSync('pkcs11-tool', [
      ...['--module', `${onToken.HSM_MODULE}`, '--token-label', token.label, '--login', '--pin', PIN],
      ...['--write-object', file, '--type', 'cert', '--label', certificate.subject, '--id', '01'],
    ])
  }
}

async function removeFromToken(t: Test, { certificate }: Issued): Promise<void> {
  const fingerprint = certificate.fingerprint256.replaceAll(':', '')
  const name = ['--confirm', certificate.subject]
  t.match(await runCommand(onToken, 'delete-cert', '--fingerprint', fingerprint, ...name), { exitCode: 0 })
}

async function checkSigns(t: Test, { sign }: Pick<Service, 'sign'>): Promise<void> {
  const encoded = CONTENT.toString('base64')
  const answer = await sign({ action: 'sign_pkcs7', encoded_contents: encoded, signature_type: 'cades' })
  t.equal(answer.statusCode, 200)
  const trustAnchors = root.certificateFile
  const verified = await verifyCms({ cms: answer.body, content: CONTENT, trustAnchors, cades: true })
  t.ok(verified.valid, verified.message)
}

/** Returns the warning about certificates that are not used. */
function warningOf(service: Service): string | undefined {
  return logLines(service.log())
    .map(({ msg }) => msg)
    .findLast((msg) => msg.startsWith('the token holds'))
}

/** Returns the serial number of the certificate that callers get. */
async function serialNumberOf({ sign }: Pick<Service, 'sign'>): Promise<string> {
  const answer = await sign({ action: 'get_certificates' })
  const [certificate] = answer.json().certificates as [string]
  return new X509Certificate(Buffer.from(certificate, 'base64')).serialNumber
}

write([right])

t.test('those that the service refuses, and that lead elsewhere, do not count', async (t) => {
  const service = await startReadyService(t, onToken)
  await checkSigns(t, service)
  t.equal(warningOf(service), undefined)
  for (const [added, count] of [
    [refused, 4],
    [elsewhere, 6],
  ] as const) {
    write(added)
    t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
    await checkSigns(t, service)
    t.match(
      warningOf(service),
      `the token holds ${count} certificates of the private key: used is CN=right, serial number ` +
        `${right.certificate.serialNumber}; not used: `,
    )
    for (const { certificate } of added) {
      t.match(warningOf(service), `${certificate.subject}, serial number ${certificate.serialNumber}; `)
    }
    t.match(warningOf(service), /"signing-service delete-cert" deletes one$/)
  }
  await checkSigns(t, await startReadyService(t, onToken))
})

t.test('a token that is opened anew changes no signer, and a reload does', async (t) => {
  const module = await createFaultyModule(directory, onToken)
  const service = await startReadyService(t, module.environment)
  const newer = certify('newer', 1)
  write([newer])
  const [former] = module.processes().slice(-1) as [number]
  process.kill(former, 'SIGKILL')
  await until('another process signs', () => module.processes().at(-1) !== former)
  await service.ready()
  await checkSigns(t, service)
  t.equal(await serialNumberOf(service), right.certificate.serialNumber)
  t.match(warningOf(service), /: used is CN=right, .*; not used: .*CN=newer/)
  t.equal(await afterReload(service, () => service.app.reload()), 'taken over')
  t.equal(await serialNumberOf(service), newer.certificate.serialNumber)
  const fingerprint = createHash('sha256').update(newer.certificate.raw).digest('hex')
  const deleted = await runCommand(
    onToken,
    'delete-cert',
    '--fingerprint',
    fingerprint,
    '--confirm',
    'CN=newer',
  )
  t.equal(deleted.exitCode, 0, deleted.stderr)
})

t.test('the commands say the same', async (t) => {
  const { exitCode, steps } = await runCheck(onToken)
  t.equal(exitCode, 0)
  t.match(steps, {
    certificate: {
      status: 'warning',
      found:
        /^of CN=right, .*; the token holds 6 certificates .*used is CN=right, .*; not used: .*CN=authority/,
      advice: /"signing-service delete-cert"/,
    },
    chain: { found: /: CN=right < CN=Root/ },
    'test signature': { status: 'ok' },
  })
  const { stdout } = await runCommand(onToken, 'certs', '--json')
  const list = JSON.parse(stdout) as { subject: string; used: boolean }[]
  t.strictSame(
    list.filter(({ used }) => used).map(({ subject }) => subject),
    ['CN=right'],
  )
  const again = await runCommand(onToken, 'import-cert', (elsewhere[0] as Issued).certificateFile)
  t.match(
    again.stderr,
    /^The token holds other certificates of this key: .* another one than this\. "certs" lists/,
  )
})

t.test('where all are refused, how to be rid of them is told', async (t) => {
  for (const issued of [right, ...elsewhere]) {
    await removeFromToken(t, issued)
  }
  const several =
    /SIGNER_CERTIFICATE_FILE: on the token: of the 3 certificates of the private key none can be used: .*"signing-service delete-cert" deletes one/
  const service = await startService(t, onToken)
  await until('the token was read', () => service.misconfigured.length > 0)
  t.match(service.misconfigured[0]?.message, several)
  const { exitCode, steps } = await runCheck(onToken)
  t.equal(exitCode, 1)
  t.match(steps.certificate, { status: 'failed', found: several })
})

t.test(
  'two signers with one key and the certificate on the token, which the settings of one refuse',
  async (t) => {
    const weak = issue(directory, {
      ...{ subject: '/CN=Weak', ca: true },
      key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
    })
    const [first, second] = [certify('first', 1), certify('second', 1, { issuer: weak })]
    const both = writeBundle(join(directory, 'both.pem'), [root.certificate, weak.certificate])
    const signersFile = join(directory, 'signers.json')
    const of = (caFile: string) => ({ key: { id: '01' }, caFile })
    writeFileSync(
      signersFile,
      JSON.stringify({ default: 'a', signers: { a: of(root.certificateFile), b: of(both) } }),
    )
    const { CA_CERTIFICATES_FILE: _, HSM_KEY_ID: __, HSM_KEY_LABEL: ___, ...others } = onToken
    const signers = { ...others, SIGNERS_FILE: signersFile }
    const OF_B = /^SIGNERS_FILE \/signers\/b\/.*RSA with 1024 bits/

    // Watching revocations reads the certificates of all signers whenever one is found
    for (const REVOCATION_CHECK of ['off', 'on']) {
      const module = await createFaultyModule(directory, { ...signers, REVOCATION_CHECK })
      write([first])
      const service = await startReadyService(t, module.environment)
      await removeFromToken(t, first)
      write([second])
      const [former] = module.processes().slice(-1) as [number]
      process.kill(former, 'SIGKILL')
      await until('b is refused', async () => (await health(service)).signers.b?.state !== 'ready')
      await until('a signs', async () => (await health(service)).signers.a?.state === 'ready')
      t.equal(await serialNumberOf(service), second.certificate.serialNumber)
      t.strictSame(service.misconfigured, [], 'nothing has ended')
      t.ok(
        logLines(service.log()).some(
          ({ msg, level }) =>
            level === 50 && /^a signer cannot sign any more: SIGNERS_FILE \/signers\/b\//.test(msg),
        ),
      )

      const next = await startService(t, module.environment)
      await until('the token was read', () => next.misconfigured.length > 0)
      t.match(next.misconfigured[0]?.message, OF_B)
      await removeFromToken(t, second)
    }
  },
)
