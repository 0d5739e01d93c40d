/** The commands of docs/key-compromised.md, on SoftHSM, with openssl as the authority and its OCSP responder. */
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { afterReload, signsWith } from '../support/reload.ts'
import { repositoryPath } from '../support/repository.ts'
import { startRevocationServer } from '../support/revocation-server.ts'
import { startServerProcess } from '../support/server-process.ts'
import { waitUntilReady } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createToken } from '../support/token.ts'
import { readWalk } from '../support/walk.ts'

/** Makes an authority, and two signers whose keys are made on the token. */
const BEFORE = `
\`\`\`sh
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 365 -subj '/O=Example/CN=Example CA' \\
  -addext keyUsage=critical,keyCertSign,cRLSign
for name in contracts letters; do
  signing-service keygen --label $name --curve P-256
  signing-service csr --label $name --subject "CN=$name,O=Example,C=DE" --out $name.csr
  openssl ca -config ca.cnf -batch -notext -in $name.csr -out $name.pem
done
signing-service import-cert contracts.pem
\`\`\`
`

const directory = t.testdir({ ca: { index: '', 'index.attr': 'unique_subject = no\n', serial: '1000\n' } })
const path = (name: string) => join(directory, name)
const { environment: token } = await createToken(path('token'))
const responder = await startRevocationServer()
t.teardown(() => responder.close())
responder.on('/', (request) => {
  writeFileSync(path('request.der'), request)
  const signer = ['-CA', path('ca.pem'), '-rsigner', path('ca.pem'), '-rkey', path('ca.key')]
  const files = ['-reqin', path('request.der'), '-respout', path('response.der')]
  execFileSync('openssl', ['ocsp', '-index', path('ca/index'), ...signer, ...files, '-ndays', '7'])
  return readFileSync(path('response.der'))
})
writeFileSync(
  path('ca.cnf'),
  `[ca]
default_ca = authority
[authority]
database = ${path('ca/index')}
serial = ${path('ca/serial')}
new_certs_dir = ${path('ca')}
certificate = ${path('ca.pem')}
private_key = ${path('ca.key')}
default_md = sha256
default_days = 90
copy_extensions = copyall
x509_extensions = addresses
policy = any
[any]
commonName = supplied
organizationName = optional
countryName = optional
[addresses]
authorityInfoAccess = OCSP;URI:${responder.url}
`,
)
const entry = (name: string) => ({ key: { label: name }, certificateFile: `${name}.pem`, caFile: 'ca.pem' })
writeFileSync(
  path('signers.json'),
  `{ "default": "letters", "signers": {
    "contracts": ${JSON.stringify(entry('contracts')).replaceAll(':', ': ')},
    "letters": ${JSON.stringify(entry('letters'))}
  } }`,
)

const text = readFileSync(repositoryPath('docs/key-compromised.md'), 'utf8')
const walk = readWalk(BEFORE + text, directory, [])
const { environment, placeholders, runNext } = walk
Object.assign(environment, token, { SIGNERS_FILE: path('signers.json'), SIGNERS_RELOAD_INTERVAL_MS: '0' })
const certificateOf = (name: string) => new X509Certificate(readFileSync(path(`${name}.pem`)))

await runNext()
const program = { module: MAIN, args: ['serve'], cwd: directory }
const { child, url, output, exited } = startServerProcess(t, environment, program)
const address = await url
placeholders.push(['http://127.0.0.1:6000', address])
environment.SERVICE_PID = `${child.pid}`
await waitUntilReady(address)
const service = { log: output }
/** Runs the next block, whose last command is SIGHUP. Returns what it printed. */
const reload = async () => {
  let printed = ''
  t.equal(
    await afterReload(service, async () => {
      printed = await runNext()
    }),
    'taken over',
  )
  return printed
}

t.test('the signer is taken out', async (t) => {
  t.equal(await signsWith(address, 'contracts'), certificateOf('contracts').serialNumber)
  await reload()
  t.match(await runNext(), /"code":"UNKNOWN_SIGNER"/)
  t.equal(await signsWith(address, 'letters'), certificateOf('letters').serialNumber)
})

t.test('its certificate is revoked, which is noticed at SIGHUP where it had to stay', async (t) => {
  writeFileSync(path('signers.json'), readFileSync(path('signers-before.json')))
  t.equal(await afterReload(service, () => child.kill('SIGHUP')), 'taken over')
  t.equal(await signsWith(address, 'contracts'), certificateOf('contracts').serialNumber)
  await until('an answer is known', () => responder.asked.length > 0)
  await reload()
  await until('it is noticed', async () => (await signsWith(address, 'contracts')) === 'CERTIFICATE_REVOKED')
  const told = /The certificate of CN=contracts, O=Example, C=DE was revoked at .*: key compromise"/
  await until('the log says so', () => told.test(output()))
})

t.test('another key signs in its place', async (t) => {
  t.notMatch(await reload(), /^failed/m)
  t.equal(await signsWith(address, 'contracts'), certificateOf('contracts-2').serialNumber)
})

t.test('the old key is deleted, and its certificate', async (t) => {
  const printed = await runNext()
  t.strictSame(printed.match(/^contracts /gm)?.length, 1, 'it is in the list before alone')
  environment.FINGERPRINT = certificateOf('contracts').fingerprint256
  t.match(await runNext(), /^contracts /m)
  t.equal(await signsWith(address, 'contracts'), certificateOf('contracts-2').serialNumber)
  child.kill('SIGTERM')
  t.same(await exited, { code: 0, signal: null })
})

t.test('nothing of the page was left out', async (t) => {
  t.same(walk.left, [])
})
