/** A request is answered whatever is wrong with what follows it on its connection. */
import { createPublicKey, verify } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { createFaultyModule } from '../support/faulty-module/faulty-module.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyService } from '../support/service.ts'
import { allIdle, hsmStatus, rawRequest, until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const directory = t.testdir()
const { environment, publicKey } = await createSigningToken(directory)
const module = await createFaultyModule(directory, environment)
const service = await startReadyService(t, { ...module.environment, HSM_TIMEOUT_MS: '20000' })
const key = createPublicKey(readFileSync(publicKey))

function requestOf(text: string): string {
  const body = JSON.stringify(rawRequest(text))
  return `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** Connects a client that sends when the test says so. All that it received is there once the service closes the connection. */
function connectClient() {
  const { hostname, port } = new URL(service.url)
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  const ended = once(socket, 'end').then(() => {
    socket.destroy()
    return received
  })
  return { socket, received: () => received, ended }
}

/** Checks that the texts were signed, in their order, and what came behind them was refused. */
function checkAnswers(t: Test, received: string, texts: readonly string[]): void {
  const answers = received.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  t.equal(answers.length, texts.length + 1)
  for (const [index, text] of texts.entries()) {
    t.ok(verify('sha256', Buffer.from(text), key, answers[index]?.body ?? Buffer.alloc(0)), text)
  }
  const last = answers.at(-1)
  if (last === undefined) throw new Error('no answer')
  checkRefusal(t, last, {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: /^(the request is not valid HTTP|CONNECT is not answered, as this is no proxy)$/,
  })
  t.equal(last.headers.connection, 'close')
}

t.test('an answer that waits behind another one holds nothing but itself', async (t) => {
  const expecting = (request: string) => request.replace('\r\n', '\r\nExpect: 100-continue\r\n')
  const health = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  const received = await sendRaw(service.url, [requestOf('first') + expecting(health)])
  const answers = received.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    [200, 200],
  )
  t.ok(verify('sha256', Buffer.from('first'), key, answers[0]?.body ?? Buffer.alloc(0)))
  const second = expecting(requestOf('second')).replace('\r\n', '\r\nConnection: close\r\n')
  const body = second.lastIndexOf('\n') + 1
  await allIdle(service.url)
  module.plan('C_Sign hold')
  const client = connectClient()
  client.socket.write(requestOf('first') + second.slice(0, body))
  await until('the first is signed', async () => (await hsmStatus(service.url)).sessions.busy === 1)
  t.equal(client.received(), '')
  module.plan()
  await until('the body is asked for', () => client.received().includes('HTTP/1.1 100 '))
  client.socket.write(second.slice(body))
  const both = await client.ended
  const signatures = both.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  t.strictSame(
    signatures.map(({ statusCode }) => statusCode),
    [200, 100, 200],
  )
  t.ok(verify('sha256', Buffer.from('second'), key, signatures[2]?.body ?? Buffer.alloc(0)))
})

t.test('what comes behind a request with Upgrade is taken for no request', async (t) => {
  const upgrade = requestOf('first').replace('\r\n', '\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n')
  const inner = requestOf('within a body')
  const outer = requestOf('').replace(/Content-Length: .*/s, `Content-Length: ${inner.length}\r\n\r\n`)
  const before = readLog(service.log()).length
  const received = await sendRaw(service.url, [upgrade + outer, inner])
  const answers = received.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  t.equal(answers.length, 1)
  t.ok(verify('sha256', Buffer.from('first'), key, answers[0]?.body ?? Buffer.alloc(0)))
  t.equal(answers[0]?.headers.connection, 'close')
  const lines = readLog(service.log()).slice(before)
  t.equal(lines.filter(({ msg }) => /^request (answered|refused)$/.test(`${msg}`)).length, 1)
  const hidden = upgrade.replace('\r\n', `\r\n${'X: y\r\n'.repeat(1_000)}`)
  t.match(await sendRaw(service.url, [hidden + outer, inner]), /^HTTP\/1\.1 431 (?!.*HTTP\/1\.1 )/s)
  const behind = await sendRaw(service.url, [requestOf('before') + upgrade + outer, inner])
  t.equal(behind.match(/HTTP\/1\.1 200 /g)?.length, 2, 'those before it, and itself, are answered')
})

const chunked =
  'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
const BEHIND = {
  'what is not HTTP': 'please sign this\r\n\r\n',
  'a request without an end to its headers': 'GET / HTTP/1.1\r\nHost : x\r\n\r\n',
  'a body that breaks off': `${chunked}2\r\n{}zz`,
  'a tunnel': 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n',
}

for (const [name, garbage] of Object.entries(BEHIND)) {
  for (const count of [1, 2, 3]) {
    t.test(`${count} requests before ${name} are answered, each with its signature`, async (t) => {
      const texts = Array.from({ length: count }, (_, index) => `${name} ${index}`)
      const before = readLog(service.log()).length
      checkAnswers(t, await sendRaw(service.url, [texts.map(requestOf).join('') + garbage]), texts)
      const lines = readLog(service.log()).slice(before)
      t.equal(lines.filter(({ msg }) => msg === 'request answered').length, count)
      t.equal(lines.filter(({ code }) => code === 'INVALID_REQUEST').length, 1)
    })
  }
}

t.test('what is not HTTP and comes while the HSM signs is refused after the signature', async (t) => {
  await allIdle(service.url)
  module.plan('C_Sign hold')
  const client = connectClient()
  client.socket.write(requestOf('held'))
  await until('it is signed', async () => (await hsmStatus(service.url)).sessions.busy === 1)
  client.socket.write('please sign this\r\n\r\n')
  client.socket.write('and this\r\n\r\n')
  await until('nothing is answered', async () => (await hsmStatus(service.url)).sessions.busy === 1)
  t.equal(client.received(), '')
  module.plan()
  checkAnswers(t, await client.ended, ['held'])
})

t.test('what comes behind the last request of a connection is not even read', async (t) => {
  const last = requestOf('the last').replace('Host: x\r\n', 'Host: x\r\nConnection: close\r\n')
  const received = await sendRaw(service.url, [`${last}please sign this\r\n\r\n`])
  const answers = received.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  t.equal(answers.length, 1)
  t.ok(verify('sha256', Buffer.from('the last'), key, answers[0]?.body ?? Buffer.alloc(0)))
})

for (const [name, behind] of Object.entries({ nothing: '', ...BEHIND })) {
  t.test(
    `of several requests before ${name} whose client leaves while the HSM signs, each signature is on record`,
    async (t) => {
      await allIdle(service.url)
      module.plan('C_Sign hold')
      const before = readLog(service.log()).length
      const { hostname, port } = new URL(service.url)
      const socket = connect({ host: hostname, port: Number(port) })
      socket.write(requestOf('first') + requestOf('second') + behind)
      await until('both are signed', async () => (await hsmStatus(service.url)).sessions.busy === 2)
      socket.destroy()
      const left = () =>
        readLog(service.log())
          .slice(before)
          .filter(({ msg, signed }) => msg === 'client left before it was answered' && signed === true)
      module.plan()
      await until('both are on record', () => left().length === 2)
      t.match(left(), [
        { kind: 'raw', signed: true },
        { kind: 'raw', signed: true },
      ])
    },
  )
}

t.test('requests whose client leaves while they wait for their turn are no defect', async (t) => {
  const { hostname, port } = new URL(service.url)
  const before = readLog(service.log()).length
  const sockets = Array.from({ length: 8 }, () => connect({ host: hostname, port: Number(port) }))
  await Promise.all(
    sockets.map((socket) =>
      once(
        socket.on('error', () => {}),
        'connect',
      ),
    ),
  )
  for (const socket of sockets) {
    socket.write(requestOf('one').repeat(8))
  }
  setImmediate(() => sockets.map((socket) => socket.resetAndDestroy()))
  const lines = () => readLog(service.log()).slice(before)
  await until('all are on record', () => lines().filter(({ route }) => route === '/sign').length >= 60)
  t.same(
    lines().filter(({ msg }) => msg === 'an unexpected error'),
    [],
  )
})

t.test('thousands of requests at once have their connection closed, and cost others nothing', async (t) => {
  await allIdle(service.url)
  const { hostname, port } = new URL(service.url)
  const lines = readLog(service.log()).length
  for (const [request, route] of [
    ['GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n', '/metrics'],
    ['GET / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n', 'none'],
  ] as const) {
    const before = await scrape(service.url)
    const socket = connect({ host: hostname, port: Number(port) })
    const closed = once(socket, 'close')
    socket.on('error', () => {}).resume()
    socket.write(request.repeat(1000))
    await closed
    const after = await scrape(service.url)
    const more = (name: string) =>
      Number(after.samples.get(name) ?? 0) - Number(before.samples.get(name) ?? 0)
    t.equal(more('signing_service_http_connections_shed_total{reason="pipelined"}'), 1, route)
  }
  const left = readLog(service.log())
    .slice(lines)
    .filter(({ route, msg }) => route === '/metrics' && msg === 'client left before it was answered')
  t.ok(left.length <= 9, `${left.length} were begun`)
  const texts = ['as', 'ever']
  const received = await sendRaw(service.url, [`${texts.map(requestOf).join('')}please sign this\r\n\r\n`])
  checkAnswers(t, received, texts)
})

t.test('Node.js warns of no leak, whatever is asked for before what is not HTTP', async (t) => {
  const warnings: string[] = []
  const collect = ({ message }: Error) => warnings.push(message)
  process.on('warning', collect)
  t.teardown(() => process.off('warning', collect))
  for (const path of ['/metrics', '/docs/json', '/docs', '/', '/health/ready', '/sign', '/none']) {
    const received = await sendRaw(service.url, [`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\nplease\r\n\r\n`])
    t.match(received, /HTTP\/1\.1 400 /, path)
  }
  t.strictSame(warnings, [])
})
