/** The commands of docs/migration.md, on two SoftHSM tokens, one of them as the vendor's example has it. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { send } from '../support/http.ts'
import { readPage } from '../support/pages.ts'
import { afterReload, signsWith } from '../support/reload.ts'
import { keepToken } from '../support/secret-watch.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { createToken, importKey } from '../support/token.ts'
import { readWalk } from '../support/walk.ts'

/** Makes an authority, and a signer on the old token. */
const BEFORE = `
\`\`\`sh
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 365 -subj '/O=Example/CN=Example CA' \\
  -addext keyUsage=critical,keyCertSign,cRLSign
signing-service keygen --label contracts
signing-service csr --label contracts --subject "CN=Contracts,O=Example,C=DE" --out contracts.csr
openssl x509 -req -in contracts.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copyall -days 90 -out contracts.pem
\`\`\`
`

/** Makes keys and certificates as the vendor's example does. */
const EXAMPLE = `
openssl genrsa -out test-ca.key 2048
openssl req -x509 -new -nodes -key test-ca.key -subj "/CN=My Test CA v1" -days 3650 -out test-ca.cert
openssl req -new -newkey rsa:2048 -nodes -subj "/CN=My Testing Document Signer" -keyout test-signer.key -out test-signer.csr
openssl x509 -days 365 -CA test-ca.cert -CAkey test-ca.key -CAcreateserial -in test-signer.csr -req -out test-signer.cert
`

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const example = await createToken(path('tokens'), 'test-key')
const old = await createToken(path('tokens'), 'old-hsm')
const created = await createToken(path('tokens'), 'new-hsm')
const { HSM_PIN_FILE: pinFile = '', HSM_MODULE = '', ...ofSoftHsm } = old.environment
writeFileSync(path('new-pin'), readFileSync(`${created.environment.HSM_PIN_FILE}`), { mode: 0o600 })

const walk = readWalk(BEFORE + readPage('docs/migration.md'), directory, [])
const { environment, placeholders, runNext } = walk
const settings = { ...ofSoftHsm, HSM_MODULE, HSM_PIN_FILE: pinFile, NEW_MODULE: HSM_MODULE }

/** Starts the service with what was exported so far. */
async function serve(variables: Record<string, string> = {}) {
  const program = { module: MAIN, args: ['serve'], cwd: directory }
  const service = await startReadyServerProcess(t, { ...environment, ...variables }, program)
  placeholders.unshift(['http://127.0.0.1:6000', service.address])
  return service
}

async function end({ child, exited }: Awaited<ReturnType<typeof serve>>): Promise<void> {
  child.kill('SIGTERM')
  await exited
}

t.test('a signer goes from one HSM to another while the service runs', async (t) => {
  Object.assign(environment, settings, { HSM_TOKEN_LABEL: old.label })
  await runNext()
  const entry = { key: { label: 'contracts' }, certificateFile: 'contracts.pem', caFile: 'ca.pem' }
  writeFileSync(path('signers.json'), JSON.stringify({ signers: { contracts: entry } }))
  Object.assign(environment, { SIGNERS_FILE: path('signers.json'), SIGNERS_RELOAD_INTERVAL_MS: '100' })
  const service = await serve()
  const serialOf = (file: string) => new X509Certificate(readFileSync(path(file))).serialNumber
  t.equal(await signsWith(service.address, 'contracts'), serialOf('contracts.pem'))
  await runNext()
  let printed = ''
  const outcome = await afterReload({ log: service.output }, async () => {
    printed = await runNext()
  })
  t.equal(outcome, 'taken over')
  t.notMatch(printed, /^failed/m)
  t.match(printed, /new-hsm/)
  t.equal(await signsWith(service.address, 'contracts'), serialOf('contracts-new.pem'))
  await end(service)
})

t.test('the token of the example signs', async (t) => {
  execFileSync('sh', ['-euc', EXAMPLE], { cwd: directory, stdio: 'ignore' })
  await importKey(example, path('test-signer.key'), { label: 'test-key', id: 'CAFED00D' })
  delete environment.SIGNERS_FILE
  Object.assign(environment, settings, { HSM_TOKEN_LABEL: example.label })
  const printed = await runNext()
  t.notMatch(printed, /^failed/m)
  t.match(printed, /was not generated on the token/)
})

t.test('the requests of the example are answered', async (t) => {
  const { SIGN_METHODS: _, ...strict } = environment
  const refusing = await serve({ ...strict, SIGN_METHODS: 'hsm' })
  const request = readPage('docs/migration.md').match(/-d '(\{\n {2}"action": "sign_pkcs7"[\s\S]*?\})'/)?.[1]
  const refused = await send(`${refusing.address}/sign`, { method: 'POST', body: `${request}` })
  t.equal(refused.statusCode, 400, 'unless SIGN_METHODS allows them')
  await end(refusing)
  const service = await serve()
  await runNext()
  t.ok(existsSync(path('signature.p7s')))
  await end(service)
})

t.test('a name is no token', async (t) => {
  await runNext()
  const token = readFileSync(path('token'), 'utf8').trim()
  keepToken('token of a user', token)
  t.notMatch(await runNext(), /^failed/m)
  const service = await serve()
  const [refused = '', accepted] = (await runNext()).split(/(?<=\})/)
  t.match(JSON.parse(refused), { statusCode: 401, code: 'SIGNING_TOKEN_MISSING' })
  t.equal(accepted?.trim(), '200')
  execFileSync('sh', [
    '-euc',
    `cd '${directory}' && openssl x509 -in test-signer.cert -noout -pubkey >signer.pub && printf hello |
      openssl dgst -sha256 -verify signer.pub -signature signature.bin`,
  ])
  t.match(await runNext(), /^ok +service: certificate/m)
  await end(service)
})

t.test('nothing of the page was left out', async (t) => {
  t.same(walk.left, [])
})
