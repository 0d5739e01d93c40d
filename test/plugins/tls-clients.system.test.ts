/** Certificates of clients: who may call, and how that changes while the service runs. */
import { once } from 'node:events'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { type Issued, issue, writeBundle } from '../support/certificates.ts'
import { type SendOptions, send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest, until } from '../support/signing.ts'
import { parseAnswer } from '../support/socket.ts'
import { callWith, issueClient, issueServer, sClient } from '../support/tls.ts'
import { createSigningToken } from '../support/token.ts'

const directory = t.testdir()
const { environment } = await createSigningToken(join(directory, 'token'))
const root = issue(directory, { subject: '/CN=Root', ca: true })
const otherRoot = issue(directory, { subject: '/CN=Other root', ca: true })
const server = issueServer(directory, root)
const engine = issueClient(directory, root, ['other.example.com', 'Engine.Example.com'])
const monitoring = issueClient(directory, root, ['monitoring.example.com'], {
  subject: '/O=House/CN=engine.example.com',
})
const MUTUAL = {
  ...environment,
  TLS_CERT_FILE: server.certificateFile,
  TLS_KEY_FILE: server.keyFile,
  TLS_CLIENT_CA_FILE: root.certificateFile,
  TLS_CLIENT_NAMES: 'engine.example.com,Document Engine',
  SIGNERS_RELOAD_INTERVAL_MS: '0',
}

function start(t: Test, variables: Record<string, string> = {}) {
  return startReadyService(t, { ...MUTUAL, ...variables }, callWith(root, engine))
}

const BODY = JSON.stringify(rawRequest('a document'))
const signAs = (url: string, client: Issued, options: SendOptions = {}) =>
  send(`${url}/sign`, { method: 'POST', body: BODY, tls: callWith(root, client), ...options })

t.test('clients of TLS_CLIENT_NAMES sign, and others may ask how the service is', async (t) => {
  const service = await start(t)
  const names = () =>
    readLog(service.log())
      .filter(({ route }) => route === '/sign')
      .map(({ tlsClient }) => tlsClient)
  const withoutNames = issueClient(directory, root, [], { subject: '/O=House/CN=document engine' })
  t.equal((await signAs(service.url, engine)).statusCode, 200)
  t.equal(
    (await signAs(service.url, withoutNames)).statusCode,
    200,
    'the common name counts without DNS names',
  )
  await until('both are logged', () => names().length === 2)
  t.strictSame(names(), ['engine.example.com', 'Document Engine'])

  const wildcard = issueClient(directory, root, ['*.example.com'], { subject: '/CN=wildcard' })
  const inside = issueClient(directory, root, ['engine.example.com.evil.example'])
  const refused = [monitoring, wildcard, inside]
  for (const client of refused) {
    const answer = await signAs(service.url, client)
    t.equal(answer.statusCode, 403)
    t.match(answer.json(), {
      code: 'NOT_ALLOWED',
      message: 'The TLS certificate of this caller has no name that may call',
    })
  }
  await until('all are logged', () => names().length === 5)
  t.strictSame(names().slice(2), [
    'O=House, CN=engine.example.com',
    'CN=wildcard',
    'CN=engine.example.com.evil.example',
  ])
  const tls = callWith(root, monitoring)
  for (const path of ['/', '/health/live', '/health/ready', '/metrics']) {
    t.equal((await send(`${service.url}${path}`, { tls })).statusCode, 200, path)
  }
  for (const [method, path] of [
    ['OPTIONS', '/sign'],
    ['GET', '/nowhere'],
    ['POST', '/'],
  ] as const) {
    t.equal((await send(`${service.url}${path}`, { method, tls })).statusCode, 403, `${method} ${path}`)
  }
})

t.test('certificates of clients are taken whatever curve of NIST their keys are on', async (t) => {
  const service = await start(t)
  const { hostname, port } = new URL(service.url)
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    const key = ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`]
    const client = issueClient(directory, root, ['engine.example.com'], { key })
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { host: hostname, port: Number(port), maxVersion, ...callWith(root, client) }
      const socket = connectTls(options)
      socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      const [answer] = await once(socket, 'data')
      t.match(`${answer}`, /^HTTP\/1.1 200 OK/, `${curve}, ${maxVersion}`)
      socket.destroy()
    }
  }
})

t.test('the refusal comes before the body', async (t) => {
  const service = await start(t)
  const { hostname, port } = new URL(service.url)
  const answer = await new Promise<string>((resolve) => {
    let received = ''
    const socket = connectTls({ host: hostname, port: Number(port), ...callWith(root, monitoring) })
    socket.write(
      'POST /sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n',
    )
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.on('end', () => resolve(received))
  })
  t.equal(parseAnswer(answer).json().code, 'NOT_ALLOWED')
})

t.test('without names every client of the authorities signs, and is logged by its subject', async (t) => {
  const { TLS_CLIENT_NAMES: _, ...rest } = MUTUAL
  const service = await startReadyService(t, rest, callWith(root, engine))
  t.equal((await signAs(service.url, monitoring)).statusCode, 200)
  const line = '"tlsClient":"O=House, CN=engine.example.com"'
  await until('it is logged', () => service.log().includes(line))
})

t.test('what is no connection of TLS at all may ask how the service is, and no more', async (t) => {
  const { app } = await start(t)
  t.equal((await app.inject('/health/live')).statusCode, 200)
  const { statusCode } = await app.inject({ method: 'POST', url: '/sign', payload: rawRequest('a document') })
  t.equal(statusCode, 403)
})

t.test(
  'a certificate that expires ends its connection, and cannot come back by a resumed session',
  async (t) => {
    const service = await start(t)
    const notAfter = new Date(Date.now() + 5_000)
    const client = issueClient(directory, root, ['engine.example.com'], { notAfter })
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ...callWith(root, client) })
    t.teardown(() => agent.destroy())
    t.equal((await signAs(service.url, client, { agent })).statusCode, 200)
    for (const version of ['-tls1_2', '-tls1_3']) {
      const session = join(directory, `session${version}`)
      const shown = [version, '-ign_eof', '-cert', engine.certificateFile, '-key', engine.keyFile]
      await sClient(service.url, [...shown, '-sess_out', session], 'GET / HTTP/1.0\r\n\r\n')
      const { output } = await sClient(service.url, [...shown, '-sess_in', session], 'GET / HTTP/1.0\r\n\r\n')
      t.match(output, /^New, TLSv1/m, version)
      t.notMatch(output, /^Reused, /m, version)
    }
    await until('it has expired', () => Date.now() > notAfter.getTime() + 1_000)
    const answer = await signAs(service.url, client, { agent })
    t.equal(answer.statusCode, 403)
    t.match(answer.json().message, 'The TLS certificate of this caller has expired')
    t.equal(answer.headers.connection, 'close')
    await t.rejects(signAs(service.url, client, { agent }))
    await until('it is logged', () => service.log().includes('"reason":"CERT_HAS_EXPIRED"'))
  },
)

t.test('authorities that come and go', async (t) => {
  const file = join(directory, 'authorities.pem')
  writeBundle(file, [root.certificate])
  const service = await start(t, { TLS_CLIENT_CA_FILE: file })
  const stranger = issueClient(directory, otherRoot, ['engine.example.com'])
  const agentOf = (client: Issued) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ...callWith(root, client) })
    t.teardown(() => agent.destroy())
    return agent
  }
  const agent = agentOf(engine)
  const strange = agentOf(stranger)
  t.equal((await signAs(service.url, engine, { agent })).statusCode, 200)
  const [kept] = Object.values(agent.freeSockets).flat()
  await t.rejects(signAs(service.url, stranger, { agent: strange }))
  writeBundle(file, [otherRoot.certificate, root.certificate])
  service.app.reload()
  t.equal((await signAs(service.url, stranger, { agent: strange })).statusCode, 200)
  t.equal((await signAs(service.url, engine, { agent })).statusCode, 200)
  t.notOk(kept?.destroyed, 'connections go on when an authority is added')

  // An answer that is on its way when the authority goes is the last of its connection
  const { hostname, port } = new URL(service.url)
  let received = ''
  const busy = connectTls({ host: hostname, port: Number(port), ...callWith(root, stranger) })
  busy.on('data', (chunk) => {
    received += chunk
  })
  const ended = new Promise((resolve) => busy.on('close', resolve))
  busy.write(
    `POST /sign HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY.slice(0, 5)}`,
  )
  const inProgress = async () => (await send(`${service.url}/metrics`, { tls: callWith(root, engine) })).body
  await until('its body is awaited', async () => /http_body_bytes [1-9]/.test(`${await inProgress()}`))
  writeBundle(file, [root.certificate])
  service.app.reload()
  await until('idle connections are closed', () => kept?.destroyed === true)
  busy.write(BODY.slice(5))
  await ended
  t.match(received, /^HTTP\/1.1 200 OK\r\n[\s\S]*connection: close\r\n/)
  await t.rejects(signAs(service.url, stranger, { agent: strange }), 'the stranger does not come back')
  t.equal((await signAs(service.url, engine, { agent })).statusCode, 200)
})
