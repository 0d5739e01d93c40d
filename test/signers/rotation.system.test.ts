/** Keys and certificates are exchanged while clients sign: none of them sees more than that others sign now. */
import { createHash, verify, X509Certificate } from 'node:crypto'
import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import * as pkijs from 'pkijs'
import t from 'tap'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { afterReload, signsWith } from '../support/reload.ts'
import { startReadyService } from '../support/service.ts'
import { createSignersFolder } from '../support/signers.ts'
import { until } from '../support/signing.ts'
import { verifyCms } from '../support/validators/openssl.ts'

const CONNECTIONS = 8
const MIN_REQUESTS = 200
/** Between two requests of a connection: the load is to last, not to fill two cores. */
const PAUSE_MS = 250

interface Signed {
  readonly content: Buffer
  readonly signature: Buffer
  /** PEM, of those that signed before and after it; none where the certificate is embedded. */
  readonly certificates: readonly string[]
}

const folder = await createSignersFolder(t.testdir())
await folder.addKey('key-0', 'rsa')
// Made before: a slow machine is to exchange keys under load, not to make them
await folder.addKey('key-1', 'rsa')
await folder.addKey('other')
const write = (key: string) =>
  folder.write({ house: folder.entry(key), other: folder.entry('other', { raw: true }) })
write('key-0')
const module = await createFaultyModule(folder.directory, folder.environment)
const service = await startReadyService(t, {
  ...module.environment,
  SIGNERS_RELOAD_INTERVAL_MS: '100',
  HSM_TIMEOUT_MS: '4000',
})
// Longer than any request has: none may wait for a process that is being started
module.plan('C_Login delay 4500')
const { url } = service

const containers: Signed[] = []
const raws: Signed[] = []
const failures: string[] = []
let ended = false

async function ask(agent: Agent, body: object) {
  const answer = await send(`${url}/sign`, { method: 'POST', body: JSON.stringify(body), agent })
  if (answer.statusCode !== 200) {
    failures.push(`${answer.statusCode} ${answer.body}`)
  }
  return answer
}

async function certificateNow(agent: Agent): Promise<string> {
  const { certificates } = (await ask(agent, { action: 'get_certificates' })).json() as {
    certificates: [string]
  }
  return Buffer.from(certificates[0], 'base64').toString()
}

/** One connection: containers and raw signatures in turn, as Document Engine asks for them. */
async function load(connection: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let number = 0; !ended; number++) {
    const content = Buffer.from(`document ${number} of ${connection}`)
    if ((number + connection) % 2 === 0) {
      const body = { action: 'sign_pkcs7', encoded_contents: content.toString('base64') }
      const { body: signature } = await ask(agent, { ...body, signature_type: 'cades' })
      containers.push({ content, signature, certificates: [] })
    } else {
      const before = await certificateNow(agent)
      const body = { action: 'sign', data_to_be_signed: content.toString('base64') }
      const { body: signature } = await ask(agent, { ...body, signature_type: 'cms' })
      raws.push({ content, signature, certificates: [before, await certificateNow(agent)] })
    }
    await delay(PAUSE_MS)
  }
  agent.destroy()
}

t.test('eight connections ask for signatures through four takeovers', async (t) => {
  const connections = Array.from({ length: CONNECTIONS }, (_, connection) => load(connection))
  const used = new Set<string>()
  for (const [what, act] of [
    ['a renewed certificate', () => folder.certify('key-0')],
    ['a new key', () => write('key-1')],
    ['the first key again', () => write('key-0')],
    ['a renewed certificate, again', () => folder.certify('key-0')],
  ] as const) {
    t.equal(await afterReload(service, act), 'taken over', what)
    used.add(await signsWith(url, 'house'))
    await delay(300)
  }
  t.equal(used.size, 3, 'each time with another certificate, but when the first key came back')
  await until('there were enough requests', () => containers.length + raws.length >= MIN_REQUESTS)
  ended = true
  await Promise.all(connections)
  t.comment(`${containers.length} containers, ${raws.length} raw signatures`)
  t.strictSame(failures, [], 'no request failed')
})

t.test('every container verifies with the certificate in it, whose chain ends at the root', async (t) => {
  const serials = new Set<string>()
  const rest = [...containers]
  const verifySome = async () => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) {
      const { signature: cms, content } = one
      const trustAnchors = folder.root.certificateFile
      const { valid, message } = await verifyCms({ cms, content, trustAnchors, cades: true })
      if (!valid) {
        t.fail(message)
      }
      serials.add(createHash('sha256').update(certificateIn(cms)).digest('hex'))
    }
  }
  await Promise.all([verifySome(), verifySome(), verifySome()])
  t.ok(serials.size >= 3, `${serials.size} different certificates`)
})

t.test('every raw signature verifies with the certificate of its moment', async (t) => {
  let between = 0
  /** Asked for the certificate before the key was exchanged, and for the signature afterwards: nobody can help that. */
  let late = 0
  for (const { content, signature, certificates } of raws) {
    const valid = new Set(certificates.filter((pem) => verify('sha256', content, pem, signature)))
    if (valid.size === 0) {
      t.fail(`${signature.length} bytes verify with neither certificate`)
    }
    between += new Set(certificates).size - 1
    late += valid.has(`${certificates[0]}`) ? 0 : 1
  }
  t.ok(between < raws.length / 4)
  t.comment(
    `${between} of ${raws.length} signatures while others took over, ${late} with a key that came between`,
  )
})

/** The certificate of a SignedData that is no authority's. */
function certificateIn(cms: Buffer): Buffer {
  const { certificates = [] } = new pkijs.SignedData({ schema: pkijs.ContentInfo.fromBER(cms).content })
  const encoded = certificates.map((one) => Buffer.from(one.toSchema().toBER()))
  return encoded.find((der) => !new X509Certificate(der).ca) ?? Buffer.alloc(0)
}
