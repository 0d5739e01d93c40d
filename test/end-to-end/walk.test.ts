/** The walk of docs/cloudhsm.md: its own commands, on SoftHSM. */
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { MAIN } from '../support/command.ts'
import { readPage } from '../support/pages.ts'
import { repositoryPath } from '../support/repository.ts'
import { startServerProcess } from '../support/server-process.ts'
import { waitUntilReady } from '../support/service.ts'
import { createToken, PIN } from '../support/token.ts'
import { makeNssDatabase } from '../support/validators/nss.ts'
import { printCms, verifyCms } from '../support/validators/openssl.ts'
import { readPdfSignatures } from '../support/validators/pdf-signatures.ts'
import { pdfsig } from '../support/validators/pdfsig.ts'
import { readWalk } from '../support/walk.ts'

const run = promisify(execFile)

const SIGN_PDF = fileURLToPath(new URL('../support/document-engine/cli.js', import.meta.url))
const SIGNERS = ['contracts', 'invoices', 'letters'] as const
type Name = (typeof SIGNERS)[number]

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment: token } = await createToken(path('token'))
const { HSM_MODULE: module = '', HSM_PIN_FILE: pinFile = '' } = token

copyFileSync(repositoryPath('test/support/document-engine/sample.pdf'), path('in.pdf'))

const walk = readWalk(readPage('docs/cloudhsm.md'), directory, [
  ['/opt/cloudhsm/lib/libcloudhsm_pkcs11.so', module],
  ['/run/secrets/cloudhsm-pin', pinFile],
  ['npm run sign-pdf --', `'${process.execPath}' '${SIGN_PDF}'`],
])
const { environment, next, placeholders, runNext } = walk

function certificateOf(name: Name): X509Certificate {
  return new X509Certificate(readFileSync(path(`${name}.pem`)))
}

t.test('the library shows the token', async (t) => {
  t.match(await runNext(), /test +[0-9a-f]+ .* ready for login\n/)
})

t.test('keys that never leave it', async (t) => {
  const printed = await runNext()
  for (const [name, type] of [
    ['contracts', 'RSA 3072'],
    ['invoices', 'RSA 3072'],
    ['letters', 'EC P-256'],
  ]) {
    t.match(printed, new RegExp(`^${name} +[0-9a-f]{16} +${type} +yes +no +yes +yes +no +yes +no `, 'm'))
  }
  const args = ['--module', module, '--login', '--pin', PIN, '--list-objects', '--type', 'privkey']
  const { stdout } = await run('pkcs11-tool', args)
  const [, ...keys] = stdout.split(/^Private Key Object/m)
  t.equal(keys.length, SIGNERS.length)
  for (const key of keys) {
    t.match(key, /^ +Usage: +sign *$/m)
    t.match(key, /^ +Access: +sensitive, always sensitive, never extractable, local *$/m)
  }
})

t.test('requests, and certificates from a CA outside', async (t) => {
  await runNext()
  await runNext()
  for (const name of SIGNERS) {
    const { stdout } = await run('openssl', ['verify', '-CAfile', path('ca.pem'), path(`${name}.pem`)])
    t.match(stdout, /: OK\n$/)
  }
})

t.test('all signers are in order', async (t) => {
  const printed = await runNext()
  t.notMatch(printed, /^(failed|skipped)/m)
  t.same(
    [...printed.matchAll(/^Signer (.*)$/gm)].map(([, name]) => name),
    SIGNERS,
  )
  for (const algorithm of ['rsassa-pkcs1-v1_5', 'rsassa-pss', 'ecdsa']) {
    t.match(printed, `50 of 50 verify with the certificate: ${algorithm} with`)
  }
})

t.test('the service', async (t) => {
  t.equal(next(), 'signing-service serve\n')
  const program = { module: MAIN, args: ['serve'], cwd: directory }
  const { child, url, exited } = startServerProcess(t, environment, program)
  const address = await url
  placeholders.push(['http://127.0.0.1:6000', address])
  await waitUntilReady(address)

  t.test('is what was checked', async (t) => {
    const printed = await runNext()
    t.notMatch(printed, /^(failed|skipped)/m)
    t.equal(printed.match(/^ok +service: certificate/gm)?.length, SIGNERS.length)
  })

  t.test('signs a PDF with each signer', async (t) => {
    await runNext()
    const nssDatabase = await makeNssDatabase(path('nss'), [path('ca.pem')])
    await judge(t, { name: 'contracts', file: 'contract.pdf', algorithm: 'rsaEncryption', nssDatabase })
    await judge(t, { name: 'invoices', file: 'invoice.pdf', algorithm: 'rsassaPss', nssDatabase })
    await judge(t, { name: 'letters', file: 'letter.pdf', algorithm: 'ecdsa-with-SHA256', nssDatabase })
  })

  t.test('ends when it is told to', async (t) => {
    child.kill('SIGTERM')
    t.same(await exited, { code: 0, signal: null })
  })
})

t.test('nothing of the page was left out', async (t) => {
  t.same(walk.left, [])
})

interface Judged {
  readonly name: Name
  readonly file: string
  /** As openssl calls it. */
  readonly algorithm: string
  readonly nssDatabase: string
}

async function judge(t: Test, { name, file, algorithm, nssDatabase }: Judged): Promise<void> {
  const pdf = readFileSync(path(file))
  const { signatures } = await pdfsig(pdf, nssDatabase)
  t.match(
    signatures,
    [{ valid: true, trusted: true, wholeDocument: true, hash: 'SHA-256' }],
    `${name}: pdfsig`,
  )
  const [signature] = readPdfSignatures(pdf)
  const { cms = Buffer.alloc(0), signedBytes: content = Buffer.alloc(0) } = signature ?? {}
  const verification = await verifyCms({ cms, content, trustAnchors: path('ca.pem'), cades: true })
  t.ok(verification.valid, `${name}: ${verification.message}`)
  t.ok(cms.includes(certificateOf(name).raw), `${name}: its certificate`)
  t.match(await printCms(cms), new RegExp(`signatureAlgorithm: *\\n +algorithm: ${algorithm} `))
}
