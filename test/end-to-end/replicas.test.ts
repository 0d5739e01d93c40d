/** Two replicas on one token behind HAProxy: what clients see when one of them ends, dies or loses its HSM. */
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Judge } from '../chaos/judge.ts'
import { Load } from '../chaos/load.ts'
import { type Issued, issue } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { hasHaproxy, startHaproxy } from '../support/haproxy.ts'
import { send } from '../support/http.ts'
import { startNameServer } from '../support/name-server.ts'
import { findPort } from '../support/ports.ts'
import { health } from '../support/readiness.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { hsmStatus, outcome, rawRequest, signMany, until } from '../support/signing.ts'
import { callWith, issueClient, issueServer } from '../support/tls.ts'
import { createSigningToken } from '../support/token.ts'
import { verifyCms } from '../support/validators/openssl.ts'

function reasonToSkip(): string | false {
  if (!hasHaproxy()) {
    return 'docker/install-tools.sh haproxy installs it'
  }
  return process.platform !== 'linux' && 'only Linux has more than one address of the loopback interface'
}

t.test('two replicas behind HAProxy', { skip: reasonToSkip() }, async (t) => {
  const directory = t.testdir()
  const { environment, publicKey, certificates } = await createSigningToken(directory)

  const port = await freePort()
  const start = (host: string, variables: Readonly<Record<string, string>>) =>
    startReadyServerProcess(t, {
      ...variables,
      SIGNING_SERVICE_HOST: host,
      SIGNING_SERVICE_PORT: port,
      // Longer than HAProxy takes to see that it is not ready
      SHUTDOWN_DELAY_MS: '4000',
      HSM_KEEPALIVE_MS: '1000',
      // The address of HAProxy, and that of the clients but for one
      ...{ TRUSTED_PROXIES: '127.0.0.1', ACCESS_FROM: '127.0.0.1' },
    })
  const secondModule = await createFaultyModule(directory, environment)
  const startSecond = () => start('127.0.0.3', secondModule.environment)
  const [first, initialSecond, haproxy] = await Promise.all([
    start('127.0.0.2', environment),
    startSecond(),
    startHaproxy(t, {
      listen: `127.0.0.4:${port}`,
      admin: `127.0.0.5:${port}`,
      metrics: `127.0.0.6:${port}`,
      nameServer: await startNameServer(t, ['127.0.0.2', '127.0.0.3']),
      replicas: `replicas.test:${port}`,
    }),
  ])
  let second = initialSecond
  const bothAreUsed = () => until('both replicas are used', async () => (await haproxy.replicas()) === 2)
  const oneIsUsed = () => until('one replica is used', async () => (await haproxy.replicas()) === 1)
  await bothAreUsed()

  /** Has clients send requests while something happens; all of them must be signed. */
  async function underLoad(t: Test, act: () => Promise<void>): Promise<void> {
    const judge = new Judge(publicKey, certificates)
    const load = new Load({ url: haproxy.url, judge, pauseMs: 20, answerWithinMs: 30_000 })
    load.start(4)
    try {
      await act()
    } finally {
      await load.stop()
    }
    const outcomes = load.answered.map(({ outcome, error = '' }) => `${outcome} ${error}`.trim())
    t.strictSame([...new Set(outcomes)], ['signed'], `${outcomes.length} requests`)
    t.strictSame((await judge.verifySamples()).wrong, [])
  }

  await t.test('both sign, and have the same certificates', async (t) => {
    await underLoad(t, async () => {
      await until('the first signs', async () => (await signed(first.address)) > 0)
      await until('the second signs', async () => (await signed(second.address)) > 0)
    })
    const [through, ...direct] = await Promise.all(
      [haproxy.url, first.address, second.address].map(async (url) => {
        const { statusCode, json } = await send(`${url}/sign`, {
          method: 'POST',
          body: '{"action":"get_certificates"}',
        })
        return { statusCode, body: json() }
      }),
    )
    t.equal(through?.statusCode, 200)
    t.strictSame(direct, [through, through])
    for (const path of ['/metrics', '/metrics/', '/%6detrics']) {
      t.match(`${(await send(`${first.address}${path}`)).body}`, /^# HELP /, 'a replica has them there')
      const { statusCode, body } = await send(`${haproxy.url}${path}`)
      t.strictSame([statusCode, body.length], [404, 0], 'whose they would be is not known')
    }
  })

  await t.test('a caller cannot choose his address', async (t) => {
    const answer = await send(`${haproxy.url}/sign`, {
      method: 'POST',
      body: JSON.stringify(rawRequest('from elsewhere')),
      headers: { 'x-forwarded-for': '127.0.0.1' },
      agent: new Agent({ localAddress: '127.0.0.7' }),
    })
    t.equal(answer.json().code, 'NOT_ALLOWED')
  })

  await t.test('a document of 5 MB', async (t) => {
    const content = randomBytes(5_000_000)
    const answer = await send(`${haproxy.url}/sign`, {
      method: 'POST',
      body: JSON.stringify({ action: 'sign_pkcs7', encoded_contents: content.toString('base64') }),
    })
    t.equal(answer.statusCode, 200)
    const { valid, message } = await verifyCms({
      cms: answer.body,
      content,
      trustAnchors: certificates.root,
      cades: false,
    })
    t.ok(valid, message)
  })

  await t.test('one is restarted', async (t) => {
    const before = await haproxy.repeated()
    await underLoad(t, async () => {
      second.child.kill('SIGTERM')
      await oneIsUsed()
      t.equal(second.child.exitCode, null, 'before it ends')
      t.same(await second.exited, { code: 0, signal: null })
      t.equal(await haproxy.repeated(), before, 'nobody was sent to where nobody is')
      second = await startSecond()
      await until('it signs again', async () => (await signed(second.address)) > 0)
    })
  })

  await t.test('one is killed with requests in flight', async (t) => {
    await bothAreUsed()
    const before = await haproxy.repeated()
    await underLoad(t, async () => {
      secondModule.plan('C_Sign hold')
      const inParts = Array.from({ length: 8 }, async (_, number) => {
        const text = `in parts ${number}`
        const body = JSON.stringify(rawRequest(text))
        return outcome(
          await send(`${haproxy.url}/sign`, { method: 'POST', body, bodyAfterMs: 100 }),
          text,
          publicKey,
        )
      })
      await until(
        'both of its sessions sign',
        async () => (await hsmStatus(second.address)).sessions.busy === 2,
      )
      second.child.kill('SIGKILL')
      await oneIsUsed()
      t.same(new Set(await Promise.all(inParts)), new Set(['signed']))
      t.ok((await haproxy.repeated()) > before)
      secondModule.plan()
      second = await startSecond()
      await until('it signs again', async () => (await signed(second.address)) > 0)
    })
  })

  await t.test('one loses its HSM for a while', async (t) => {
    await bothAreUsed()
    secondModule.plan('* absent')
    await until('it is not ready', async () => (await health({ url: second.address })).statusCode === 503)
    await oneIsUsed()
    t.same(await signMany(haproxy.url, publicKey, 32), { signed: 32 })
    secondModule.plan()
    await bothAreUsed()
    const before = await signed(second.address)
    await underLoad(t, () => until('it signs again', async () => (await signed(second.address)) > before))
  })
})

/** Free on one address of the loopback interface, and so on those that nothing but this test uses. */
const freePort = async () => `${await findPort('127.0.0.2')}`

/** How many signatures a replica has answered. */
async function signed(url: string): Promise<number> {
  const { samples } = await scrape(url)
  const counts = [...samples].filter(([key]) => /^signing_service_signatures_total.*"signed"/.test(key))
  return counts.reduce((sum, [, count]) => sum + count, 0)
}

t.test(
  'replicas with TLS behind HAProxy, whose certificate they demand',
  { skip: reasonToSkip() },
  async (t) => {
    const directory = t.testdir()
    const { environment, publicKey } = await createSigningToken(join(directory, 'token'))
    const root = issue(directory, { subject: '/CN=Root', ca: true })
    const server = issueServer(directory, root)
    const client = issueClient(directory, root, ['haproxy.example.com'])
    const port = await freePort()
    const variables = {
      ...environment,
      TLS_CERT_FILE: server.certificateFile,
      TLS_KEY_FILE: server.keyFile,
      TLS_CLIENT_CA_FILE: root.certificateFile,
      TLS_CLIENT_NAMES: 'haproxy.example.com',
      SIGNING_SERVICE_HOST: '127.0.0.2',
      SIGNING_SERVICE_PORT: port,
    }
    const replica = await startReadyServerProcess(t, variables, undefined, {
      ...callWith(root, client),
      servername: 'localhost',
    })
    /** HAProxy wants certificate and key in one file. */
    const together = (name: string, { certificateFile, keyFile }: Issued) => {
      const file = join(directory, name)
      writeFileSync(file, readFileSync(certificateFile, 'utf8') + readFileSync(keyFile, 'utf8'))
      return file
    }
    const trust = `ssl verify required ca-file ${root.certificateFile} verifyhost localhost`
    const haproxy = await startHaproxy(t, {
      listen: `127.0.0.4:${port}`,
      admin: `127.0.0.5:${port}`,
      metrics: `127.0.0.6:${port}`,
      nameServer: await startNameServer(t, ['127.0.0.2']),
      replicas: `replicas.test:${port}`,
      variables: {
        REPLICA_TLS: `${trust} crt ${together('client.pem', client)}`,
        BIND_TLS: `ssl crt ${together('tls.pem', server)} alpn http/1.1`,
      },
    })
    await until('the replica is used', async () => (await haproxy.replicas()) === 1)
    const text = 'through HAProxy'
    const answer = await send(haproxy.url.replace('http:', 'https:'), {
      method: 'POST',
      body: JSON.stringify(rawRequest(text)),
      tls: { ...callWith(root), servername: 'localhost' },
    })
    t.equal(outcome(answer, text, publicKey), 'signed')
    await until('it is logged', () => replica.output().includes('"tlsClient":"haproxy.example.com"'))
  },
)
