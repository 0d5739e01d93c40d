/** The commands of docs/rotation.md, on SoftHSM, while clients have documents signed. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MAIN } from '../support/command.ts'
import { createCallbackClient } from '../support/document-engine/callback-client.ts'
import { digest } from '../support/document-engine/hash.ts'
import { readPage } from '../support/pages.ts'
import { keepSecret } from '../support/secret-watch.ts'
import { startServerProcess } from '../support/server-process.ts'
import { waitUntilReady } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createToken, PIN } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'
import { readWalk } from '../support/walk.ts'

const SIGNERS = ['contracts', 'invoices', 'letters'] as const
type Name = (typeof SIGNERS)[number]

const NEW_PIN = 'test-pin-4712'
keepSecret('the new PIN', NEW_PIN)

/** Makes an authority, and three signers whose keys are made on the token. */
const BEFORE = `
\`\`\`sh
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 365 -subj '/O=Example/CN=Example CA' \\
  -addext keyUsage=critical,keyCertSign,cRLSign
for name in contracts invoices letters; do
  signing-service keygen --label $name --curve P-256
  signing-service csr --label $name --subject "CN=$name,O=Example,C=DE" --out $name.csr
  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copyall -days 90 -out $name.pem
done
\`\`\`
`

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { environment: token } = await createToken(path('token'))
const entry = (name: string) => ({ key: { label: name }, certificateFile: `${name}.pem`, caFile: 'ca.pem' })
const signers = Object.fromEntries(SIGNERS.map((name) => [name, entry(name)]))
writeFileSync(path('signers.json'), JSON.stringify({ default: 'contracts', signers }))

const walk = readWalk(BEFORE + readPage('docs/rotation.md'), directory, [
  [' --login ', ` --login --pin ${PIN} --new-pin ${NEW_PIN} `],
])
const { environment, placeholders, runNext } = walk
Object.assign(environment, token, {
  ...{ SIGNERS_FILE: path('signers.json'), SIGNERS_RELOAD_INTERVAL_MS: '100', NEW_PIN },
})
await runNext()

/** Starts the service, and waits until it signs. */
async function serve() {
  const server = startServerProcess(t, environment, { module: MAIN, args: ['serve'], cwd: directory })
  const address = await server.url
  placeholders.unshift(['http://127.0.0.1:6000', address])
  await waitUntilReady(address)
  return { ...server, address }
}

let service = await serve()
const certificateOf = (name: string) => new X509Certificate(readFileSync(path(`${name}.pem`)))
const clientOf = (name: Name) =>
  createCallbackClient({
    ...{ url: `${service.address}/sign`, timeoutMs: 5000 },
    signingToken: JSON.stringify({ signer: name }),
  })

/** Has something signed. Returns the container, once OpenSSL has found it valid. */
async function sign(name: Name): Promise<Buffer> {
  const contents = Buffer.from(`letter of ${name}`)
  const hash = 'sha256'
  const client = clientOf(name)
  await client.getCertificates()
  const cms = await client.signPkcs7({ hash, type: 'cades', digest: digest(hash, contents), contents })
  const { valid, message } = await verifyCms({
    ...{ cms, content: contents, trustAnchors: path('ca.pem'), cades: true },
  })
  if (!valid) {
    throw new Error(message)
  }
  return cms
}

/** Has clients sign with these signers, one request after the other, while something is changed. */
async function underLoad(names: readonly Name[], change: () => Promise<unknown>) {
  const containers: { readonly name: Name; readonly container: Buffer }[] = []
  const failures: unknown[] = []
  let running = true
  const workers = names.map(async (name) => {
    while (running) {
      await sign(name).then(
        (container) => containers.push({ name, container }),
        (error) => failures.push(error),
      )
    }
  })
  await until('there is load', () => containers.length >= 9)
  await change()
  const changed = containers.length
  await until('there is load afterwards', () => containers.length >= changed + 9)
  running = false
  await Promise.all(workers)
  return { containers, failures }
}

/** Waits until a signer answers this certificate. */
function answers(name: Name, certificate: X509Certificate) {
  return until(`${name} has its new certificate`, async () => {
    const [leaf] = await clientOf(name).getCertificates()
    return leaf.equals(certificate.raw)
  })
}

t.test('a renewed certificate signs, and no request fails', async (t) => {
  const old = certificateOf('letters')
  const { containers, failures } = await underLoad(SIGNERS, async () => {
    await runNext()
    await answers('letters', certificateOf('letters'))
  })
  t.same(failures, [])
  const renewed = certificateOf('letters')
  t.not(renewed.serialNumber, old.serialNumber)
  const places = containers
    .filter(({ name }) => name === 'letters')
    .map(({ container }) => [container.includes(old.raw), container.includes(renewed.raw)])
  t.ok(
    places.every(([before, after]) => before !== after),
    'one of the two is in each container',
  )
  t.ok(places[0]?.[0], 'the old one at first')
  t.ok(places.at(-1)?.[1], 'the new one in the end')
  const printed = await runNext()
  t.notMatch(printed, /^(failed|skipped)/m)
})

t.test('a new key takes the name of the former one, and no request fails', async (t) => {
  const former = certificateOf('contracts')
  const { containers, failures } = await underLoad(SIGNERS, async () => {
    t.notMatch(await runNext(), /^failed/m)
    await runNext()
    await answers('contracts', certificateOf('contracts-2'))
  })
  t.same(failures, [])
  const ofContracts = containers.filter(({ name }) => name === 'contracts').map(({ container }) => container)
  t.ok(ofContracts[0]?.includes(former.raw))
  t.ok(ofContracts.at(-1)?.includes(certificateOf('contracts-2').raw))
})

t.test('a new PIN counts from the next login on, and no request fails', async (t) => {
  const { failures } = await underLoad(SIGNERS, async () => {
    await runNext()
    t.match(await runNext(), /^contracts-2 /m)
  })
  t.same(failures, [])
  t.equal(readFileSync(`${token.HSM_PIN_FILE}`, 'utf8'), NEW_PIN)
  service.child.kill('SIGTERM')
  t.same(await service.exited, { code: 0, signal: null })
  service = await serve()
  t.ok((await sign('contracts')).includes(certificateOf('contracts-2').raw))
})

t.test('a signer that was removed is not known, while the others sign', async (t) => {
  const { failures } = await underLoad(['contracts', 'letters'], async () => {
    await runNext()
    const ask = () => clientOf('invoices').getCertificates()
    await until('it is unknown', () =>
      ask().then(
        () => false,
        () => true,
      ),
    )
    const refused = await ask().catch((error) => error)
    t.match(refused, { refusal: { status: 400, code: 'UNKNOWN_SIGNER' } })
  })
  t.same(failures, [])
})

t.test('nothing of the page was left out', async (t) => {
  t.same(walk.left, [])
})
