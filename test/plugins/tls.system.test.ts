/** The signing port over TLS, called by curl and OpenSSL. */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { issue, openssl } from '../support/certificates.ts'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { startReadyService } from '../support/service.ts'
import { outcome, rawRequest, until } from '../support/signing.ts'
import { parseAnswer } from '../support/socket.ts'
import {
  callWith,
  captureHello,
  curl,
  curlOptions,
  issueClient,
  issueServer,
  placeFiles,
  sClient,
  shownSerial,
} from '../support/tls.ts'
import { createSigningToken } from '../support/token.ts'

const directory = t.testdir({ files: {}, mutual: {}, clients: {} })
const { environment: tokenEnvironment, publicKey } = await createSigningToken(join(directory, 'token'))
const module = await createFaultyModule(directory, tokenEnvironment)
const { environment } = module

const root = issue(directory, { subject: '/CN=Root', ca: true })
const otherRoot = issue(directory, { subject: '/CN=Other root', ca: true })
const server = issueServer(directory, root)
const engine = issueClient(directory, root, ['Engine.example.com'])
const files = placeFiles(join(directory, 'files'), server)
const tls = callWith(root)
const mutual = callWith(root, engine)
const json = ['-H', 'content-type: application/json']
const rawBody = (text: string) => JSON.stringify(rawRequest(text))

/** Starts the service with TLS, and looks at no file unless it is told to. */
function start(t: Test, variables: Record<string, string> = {}) {
  module.plan()
  const all = { ...environment, ...files.environment, SIGNERS_RELOAD_INTERVAL_MS: '0', ...variables }
  return startReadyService(t, all, variables.TLS_CLIENT_CA_FILE === undefined ? tls : mutual)
}

t.test('curl and OpenSSL reach it with the right CA, over TLS 1.2 and 1.3 and HTTP/1.1', async (t) => {
  const service = await start(t)
  t.match(service.url, /^https:/)
  const file = join(directory, 'signature')
  for (const version of ['--tlsv1.2', '--tlsv1.3']) {
    const body = ['-d', rawBody(version), '-o', file, '-w', '%{http_code} %{http_version}']
    const { output } = await curl(
      ...[...curlOptions(root), version, '--tls-max', version.slice(-3), '--http2', ...json, ...body],
      `${service.url}/sign`,
    )
    t.equal(output, '200 1.1', version)
    writeFileSync(join(directory, 'data'), version)
    const verified = openssl(
      ...['dgst', '-sha256', '-verify', publicKey, '-signature', file, join(directory, 'data')],
    )
    t.match(verified, 'Verified OK')
  }
  const { output: alpn } = await sClient(service.url, ['-alpn', 'h2,http/1.1'])
  t.match(alpn, 'ALPN protocol: http/1.1')
  const { output: h2 } = await sClient(service.url, ['-alpn', 'h2'])
  t.match(h2, 'alert no application protocol')
  const { code, output } = await curl(...curlOptions(otherRoot), `${service.url}/health/live`)
  t.equal(code, 60, output)
})

t.test('what is no TLS, too old, or broken gets one line of the log at most, and no answer', async (t) => {
  const service = await start(t)
  const { hostname, port } = new URL(service.url)
  const old = ['-cipher', 'ALL:@SECLEVEL=0']
  for (const version of ['-tls1', '-tls1_1']) {
    const { code, output } = await sClient(service.url, [version, ...old])
    t.equal(code, 1)
    t.match(output, 'alert protocol version')
  }
  const plain = await curl(`http://${hostname}:${port}/health/live`)
  t.not(plain.code, 0, plain.output)
  const reasons = () =>
    readLog(service.log())
      .filter(({ msg }) => msg === 'TLS handshake failed')
      .map(({ reason }) => reason)
  await until('all are logged', () => reasons().length === 3)
  t.strictSame(reasons(), [
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    'ERR_SSL_HTTP_REQUEST',
  ])
  for (let count = 0; count < 300; count++) {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => {})
    socket.end('\x16\x03\x01garbage that is no hello at all')
  }
  await until('those that are not logged are counted', () => service.log().includes('"suppressed":'))
  t.ok(reasons().length < 300)
  const left = connect({ host: hostname, port: Number(port) })
  await once(left, 'connect')
  left.destroy()
  t.equal((await send(`${service.url}/health/live`, { tls })).statusCode, 200)
  t.notMatch(reasons().join(), 'ECONNRESET', 'who only looks whether the port is open is not logged')
})

t.test('nothing of a document is lost while the answers before it wait for their reader', async (t) => {
  module.plan()
  const variables = { ...environment, ...files.environment }
  // In a process of its own it reads while this one writes
  const { address } = await startReadyServerProcess(t, variables, undefined, tls)
  const { hostname, port } = new URL(address)
  const key = createPublicKey(readFileSync(publicKey))
  const chunkOf = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
  /** Asks for pages and for a signature, whose body comes in a record for each chunk while no page is read. */
  async function signBehindPages(): Promise<boolean> {
    const pieces = Array.from({ length: 30 }, () => randomBytes(300))
    const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca })
    await once(socket, 'secureConnect')
    socket.setNoDelay(true)
    const received: Buffer[] = []
    socket.on('data', (chunk) => received.push(chunk)).pause()
    const page = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'
    socket.write(page.repeat(6))
    await delay(50)
    const headers = 'Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n'
    socket.write(`POST /sign HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`)
    const texts = [
      '{"action":"sign","data_to_be_signed":"',
      ...pieces.map((piece) => piece.toString('base64')),
    ]
    for (const text of texts) {
      socket.write(chunkOf(text))
      await setImmediate()
    }
    socket.resume()
    await delay(20)
    socket.write(`${chunkOf('"}')}0\r\n\r\n`)
    await once(socket, 'close')
    return verify('sha256', Buffer.concat(pieces), key, Buffer.concat(received).subarray(-256))
  }
  for (let round = 0; round < 5; round++) {
    const results = await Promise.all(Array.from({ length: 4 }, signBehindPages))
    t.strictSame(results, [true, true, true, true])
  }
})

t.test('a document that waits for its turn behind pages that nobody reads stops nothing', async (t) => {
  module.plan()
  const variables = { ...environment, ...files.environment }
  const { address, output } = await startReadyServerProcess(t, variables, undefined, tls)
  const { hostname, port } = new URL(address)
  const body = JSON.stringify({ action: 'sign_pkcs7', encoded_contents: 'QUJD'.repeat(250_000) })
  const headers = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  const post = `POST /sign HTTP/1.1\r\n${headers}\r\n${body}`
  const last = post.replace('\r\n', '\r\nConnection: close\r\n')
  const page = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'
  async function ask(pages: number, count: number): Promise<boolean> {
    const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca })
    await once(socket, 'secureConnect')
    let received = ''
    socket.on('data', (chunk) => {
      received = (received + chunk.toString('latin1')).slice(-20_000)
    })
    socket.pause()
    socket.write(page.repeat(pages))
    await delay(50)
    socket.write(post.repeat(count) + last)
    await delay(500)
    socket.resume()
    await once(socket, 'close')
    return /HTTP\/1\.1 200 (?!.*HTTP\/1\.1)/s.test(received)
  }
  const others = Array.from({ length: 30 }, () => ask(0, 2))
  const behind = Array.from({ length: 10 }, () => ask(2, 0))
  const answered = await Promise.all([...others, ...behind])
  t.ok(answered.every(Boolean))
  t.notMatch(output(), 'ERR_INTERNAL_ASSERTION')
})

t.test('renegotiation is refused', async (t) => {
  const service = await start(t)
  const { output } = await sClient(service.url, ['-tls1_2'], 'R\n', true)
  t.match(output, 'RENEGOTIATING')
  t.match(output, 'no renegotiation')
  t.equal((await send(`${service.url}/health/live`, { tls })).statusCode, 200)
})

t.test('what the plain port guards is guarded here too', async (t) => {
  const service = await start(t)
  const { hostname, port } = new URL(service.url)
  /** Sends octets over TLS, and returns what comes until the service closes the connection. */
  const exchange = (...parts: (string | Buffer)[]) =>
    new Promise<string>((resolve) => {
      let received = ''
      const socket = connectTls({ host: hostname, port: Number(port), ca: tls.ca }, async () => {
        for (const part of parts) {
          socket.write(part)
          await delay(20)
        }
      })
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
      })
      socket.on('end', () => socket.destroy())
      socket.on('error', () => {})
      socket.on('close', () => resolve(received))
    })
  const garbage = parseAnswer(await exchange('garbage\r\n\r\n'))
  t.equal(garbage.statusCode, 400)
  t.equal(garbage.json().code, 'INVALID_REQUEST')
  const connectRequest = parseAnswer(await exchange('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n'))
  t.equal(connectRequest.statusCode, 400)
  // A body that is refused while it arrives: the connection is closed in stages, so that the answer can be read
  const large = parseAnswer(
    await exchange(
      'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n{"',
      Buffer.alloc(1_000_000, 'a'),
      Buffer.alloc(1_000_000, 'a'),
    ),
  )
  t.equal(large.statusCode, 404)
  t.equal(large.headers.connection, 'close')
  const ping = 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n'
  const many = await exchange(ping.repeat(3), 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  t.equal(many.match(/HTTP\/1.1 200 OK/g)?.length, 4, 'pipelined requests are answered')
  const flood = await exchange(ping.repeat(5_000))
  t.ok((flood.match(/HTTP\/1.1 200 OK/g)?.length ?? 0) < 5_000, 'too many are not')
  const metrics = async () => `${(await send(`${service.url}/metrics`, { tls })).body}`
  t.match(await metrics(), /http_connections_shed_total\{reason="pipelined"\} 1\n/)
  t.match(await metrics(), /signing_service_tls_certificate_days_left 36[45]\.\d+\n/)
  t.match(await metrics(), /signing_service_tls_certificate_expiry_timestamp_seconds \d{10}\n/)
  t.match(await metrics(), /signing_service_http_connections 1\n/, 'closed ones are not counted any more')
})

t.test('silent clients, and those that end in the middle of a handshake, make room for others', async (t) => {
  const service = await start(t, { SIGNING_SERVICE_MAX_CONNECTIONS: '16' })
  const { hostname, port } = new URL(service.url)
  const hello = await captureHello()
  let closed = 0
  for (let count = 0; count < 40; count++) {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => {}).resume()
    socket.on('close', () => {
      closed += 1
    })
    t.teardown(() => socket.destroy())
    await once(socket, 'connect')
    socket.write(count % 2 === 0 ? hello : hello.subarray(0, 50))
  }
  await until('the first of them are closed', () => closed >= 24)
  t.equal((await service.sign(rawRequest('a document'))).statusCode, 200)
  const { body } = await send(`${service.url}/metrics`, { tls })
  const [, open] = /signing_service_http_connections (\d+)\n/.exec(`${body}`) ?? []
  t.ok(Number(open) <= 16, `${open} are open`)
  t.match(`${body}`, /shed_total\{reason="new"\} 0\n/)
})

t.test('a renewed certificate is shown to new connections, and nothing is lost', async (t) => {
  const service = await start(t, { SIGNERS_RELOAD_INTERVAL_MS: '100' })
  const agent = new Agent({ keepAlive: true, maxSockets: 4, ca: tls.ca })
  t.teardown(() => agent.destroy())
  let isOver = false
  const answers: string[] = []
  const call = async () => {
    while (!isOver) {
      const text = `document ${answers.length}`
      const answer = await send(`${service.url}/sign`, { method: 'POST', body: rawBody(text), tls, agent })
      answers.push(outcome(answer, text, publicKey))
    }
  }
  const load = Promise.all([call(), call(), call(), call()])
  const renewed = issueServer(directory, root)
  await until('some are signed', () => answers.length > 20)
  const serials = [server, renewed].map(({ certificate }) => certificate.serialNumber)
  t.equal(await shownSerial(service.url), serials[0])
  const kept = [agent.sockets, agent.freeSockets].flatMap((sockets) => Object.values(sockets).flat())
  files.putKey(renewed)
  await until('the half of a pair is told', () =>
    /"level":50,[^\n]*TLS_KEY_FILE: [^\n]* is not the key of the first[^\n]*; the TLS certificate stays as it was/.test(
      service.log(),
    ),
  )
  t.equal(await shownSerial(service.url), serials[0], 'it changes nothing')
  files.putCertificate(renewed)
  await until('the other half is taken over', async () => (await shownSerial(service.url)) === serials[1])
  const before = answers.length
  await until('kept connections go on', () => answers.length > before + 20)
  isOver = true
  await load
  t.equal(kept.length, 4)
  t.notOk(
    kept.some((socket) => socket?.destroyed),
    'on the same connections',
  )
  t.strictSame(
    answers.filter((answer) => answer !== 'signed'),
    [],
  )
  t.match(service.log(), 'the TLS certificate was taken over')

  files.putCertificate(server)
  files.putKey(server)
  await until('and back', async () => (await shownSerial(service.url)) === serials[0])
})

t.test('a key that others may read is warned about when it is taken over', async (t) => {
  t.teardown(() => chmodSync(files.environment.TLS_KEY_FILE, 0o600))
  const service = await start(t)
  chmodSync(files.environment.TLS_KEY_FILE, 0o644)
  service.app.reload()
  t.match(service.log(), /"level":40,[^\n]*TLS_KEY_FILE: holds a secret, and everybody[^\n]*mode 644/)
})

t.test('a key that is emptied before it is written anew changes nothing', async (t) => {
  t.teardown(() => files.putKey(server))
  const service = await start(t)
  writeFileSync(files.environment.TLS_KEY_FILE, '')
  service.app.reload()
  t.match(service.log(), /"level":50,[^\n]*TLS_KEY_FILE: [^\n]* is empty[^\n]* stays as it was/)
  t.equal(await shownSerial(service.url), server.certificate.serialNumber)
})

t.test('an expired certificate does not replace one that is valid', async (t) => {
  t.teardown(() => {
    files.putCertificate(server)
    files.putKey(server)
  })
  const service = await start(t)
  const expired = issueServer(directory, root, { notAfter: new Date(Date.now() - 60_000) })
  files.putCertificate(expired)
  files.putKey(expired)
  service.app.reload()
  t.match(
    service.log(),
    /TLS_CERT_FILE: The certificate of CN=signing-service expired at [^\n]* stays as it was/,
  )
  t.equal(await shownSerial(service.url), server.certificate.serialNumber)
  // At the start there is no better one
  const late = await startReadyService(t, { ...environment, ...files.environment }, {
    ...tls,
    rejectUnauthorized: false,
  } as never)
  t.equal(await shownSerial(late.url), expired.certificate.serialNumber)
  t.match(late.configuration.warnings, [/^TLS_KEY_FILE|^TLS_CERT_FILE: .* expired/])
  late.app.reload()
  t.notMatch(late.log(), 'stays as it was', 'it is as good as the present one')
  const soon = issueServer(directory, root, { notAfter: new Date(Date.now() + 6 * 86_400_000) })
  files.putCertificate(soon)
  files.putKey(soon)
  service.app.reload()
  t.match(service.log(), /"level":40,[^\n]*TLS: The certificate of CN=signing-service expires within 7 days/)
})

t.test('SIGTERM: what was accepted over TLS is answered, and handshakes do not keep it', async (t) => {
  module.plan()
  const { child, address, exited, output } = await startReadyServerProcess(
    t,
    { ...environment, ...files.environment },
    undefined,
    tls,
  )
  const { hostname, port } = new URL(address)
  const agent = new Agent({ keepAlive: true, ca: tls.ca })
  t.teardown(() => agent.destroy())
  const body = rawBody('before the end')
  const ask = () => send(`${address}/sign`, { method: 'POST', body, tls, agent })
  t.equal((await ask()).statusCode, 200)
  const unused = connect({ host: hostname, port: Number(port) })
  await once(unused, 'connect')
  unused.write((await captureHello()).subarray(0, 60))
  const idle = connectTls({ host: hostname, port: Number(port), ca: tls.ca })
  await once(idle, 'secureConnect')
  const calls = module.calls('C_Sign')
  module.plan('C_Sign hold')
  const answers = [ask(), ask()]
  await until('they wait', () => module.calls('C_Sign') >= calls + 2)
  child.kill('SIGTERM')
  await until('it is closing', () => output().includes('finishing what is in flight'))
  module.plan()
  for (const answer of await Promise.all(answers)) {
    t.equal(outcome(answer, 'before the end', publicKey), 'signed')
    t.equal(answer.headers.connection, 'close')
  }
  t.strictSame(await exited, { code: 0, signal: null })
})
