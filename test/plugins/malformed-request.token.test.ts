import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startService } from '../support/service.ts'
import { rawRequest, until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())

t.test('a request that dawdles is refused', async (t) => {
  let limits: Record<string, number> = {}
  const service = await startService(t, environment, ({ server }) => {
    const { headersTimeout, requestTimeout, keepAliveTimeout } = server
    limits = { headersTimeout, requestTimeout, keepAliveTimeout }
    // Node looks every 30 seconds for requests that are late
    Object.assign(server, { connectionsCheckingInterval: 50, headersTimeout: 200, requestTimeout: 400 })
  })
  t.same(limits, { headersTimeout: 30_000, requestTimeout: 120_000, keepAliveTimeout: 620_000 })

  const slow: Record<string, string[]> = {
    'in its headers': [
      'GET / HTTP/1.1\r\n',
      ...Array.from({ length: 400 }, (_, index) => `X-${index}: 1\r\n`),
    ],
    'in its body': [
      'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
      ...Array.from({ length: 400 }, () => ' '),
    ],
    'by saying nothing': [''],
  }
  for (const [name, parts] of Object.entries(slow)) {
    t.test(name, async (t) => {
      const answer = parseAnswer(await sendRaw(service.url, parts, 20))
      checkRefusal(t, answer, {
        statusCode: 408,
        code: 'REQUEST_TIMEOUT',
        message: 'The request did not arrive in time',
      })
    })
  }
})

t.test('a connection that was refused is closed, also if the client does not close it', async (t) => {
  const sockets: Socket[] = []
  const service = await startService(t, environment, ({ server }) => {
    server.on('connection', (socket: Socket) => sockets.push(socket))
  })
  const { hostname, port } = new URL(service.url)
  const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  t.teardown(async () => client.destroy())
  client.on('error', () => {})
  let received = ''
  client.on('data', (chunk) => {
    received += chunk
  })
  const ended = new Promise((resolve) => client.on('end', resolve))
  client.write('no HTTP\r\n\r\n')
  await ended
  client.write('still none\r\n\r\n')
  const [socket] = sockets
  if (socket === undefined) throw new Error('no connection')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  t.notOk(socket.destroyed, 'not before the client can have read the answer')
  await closed
  t.equal(parseAnswer(received).statusCode, 400)
  t.equal(service.log().split('request refused').length, 2, 'refused once')
})

t.test('a client that asks for a tunnel and breaks off takes nothing along', async (t) => {
  const sockets: Socket[] = []
  const service = await startService(t, environment, ({ server }) => {
    server.on('connection', (socket: Socket) => sockets.push(socket))
  })
  const { hostname, port } = new URL(service.url)
  const client = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  client.write('CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n')
  const [answer] = await once(client, 'data')
  t.equal(parseAnswer(String(answer)).statusCode, 400)
  const [socket] = sockets
  if (socket === undefined) throw new Error('no connection')
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.on('error', resolve))
  client.resetAndDestroy()
  t.equal((await failed).code, 'ECONNRESET')
  t.equal((await send(`${service.url}/health/live`)).statusCode, 200)
})

t.test('an answer in many pieces is sent whole, though a tunnel is asked for behind it', async (t) => {
  const service = await startService(t, environment)
  const page = '/docs/swagger-ui-bundle.js'
  const { body } = await send(`${service.url}${page}`)
  for (const count of [0, 2]) {
    const between = 'GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(count)
    const received = await sendRaw(service.url, [
      `GET ${page} HTTP/1.1\r\nHost: x\r\n\r\n${between}CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n`,
    ])
    const begin = received.indexOf('\r\n\r\n') + 4
    t.equal(received.slice(begin, begin + body.length), body.toString('latin1'))
    const answers = received.slice(begin + body.length).split(/(?=HTTP\/1\.1 )/)
    t.equal(answers.length, count + 1)
    checkRefusal(t, parseAnswer(answers.at(-1) ?? ''), {
      statusCode: 400,
      code: 'INVALID_REQUEST',
      message: /CONNECT/,
    })
  }
  t.notMatch(service.log(), 'an unexpected error')
})

t.test('a client who sends a whole body before it reads gets to read why it was refused', async (t) => {
  const service = await startService(t, { ...environment, ACCESS_FROM: '192.0.2.0/24' })
  const { hostname, port } = new URL(service.url)
  const megabyte = 'x'.repeat(1_000_000)
  for (const [framing, piece, end] of [
    ['Content-Length: 20000000', megabyte, ''],
    ['Transfer-Encoding: chunked', `${megabyte.length.toString(16)}\r\n${megabyte}\r\n`, '0\r\n\r\n'],
  ] as const) {
    const client = connect({ host: hostname, port: Number(port) })
    client.write(`POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`)
    const sent = new Promise((resolve, reject) => {
      client.on('error', reject)
      client.write(piece.repeat(20) + end, resolve)
    })
    await sent
    const [answer] = await once(client, 'data')
    checkRefusal(t, parseAnswer(`${answer}`), { statusCode: 403, code: 'NOT_ALLOWED', message: /./ })
    client.destroy()
  }
})

t.test('a client that has gone is not written to', async (t) => {
  const errors: unknown[] = []
  const service = await startService(t, environment, ({ server }) => {
    server.prependListener('clientError', ({ code }: NodeJS.ErrnoException) => errors.push(code))
  })
  const { hostname, port } = new URL(service.url)
  const client = connect({ host: hostname, port: Number(port) })
  client.write('GET / HTTP/1.1\r\n')
  await delay(200)
  client.resetAndDestroy()
  const end = Date.now() + 10_000
  while (errors.length === 0 && Date.now() < end) {
    await delay(20)
  }
  t.same(errors, ['ECONNRESET'])
  t.notMatch(service.log(), 'request refused')
})

t.test(
  'a client that breaks off before its request is read is no defect, although it has no address',
  async (t) => {
    const service = await startService(t, { ...environment, ACCESS_FROM: '127.0.0.1' })
    const body = JSON.stringify(rawRequest('one'))
    const request = `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const program = `const [port, request] = process.argv.slice(1)
    const socket = require('node:net').connect(port, '127.0.0.1', () => socket.write(request, () => socket.resetAndDestroy()))`
    // This process, and with it the service, waits until the client has gone
    spawnSync(process.execPath, ['-e', program, new URL(service.url).port, request])
    await until('it is in the log', async () => readLog(service.log()).some(({ route }) => route === '/sign'))
    t.match(
      readLog(service.log()).filter(({ route }) => route === '/sign'),
      [{ level: 40 }],
    )
    t.notMatch(service.log(), 'an unexpected error')
  },
)

t.test('of a body that is refused with its headers nothing more is read as HTTP', async (t) => {
  const service = await startService(t, environment)
  for (const [statusCode, head] of [
    [417, 'POST /sign HTTP/1.1\r\nHost: x\r\nExpect: x\r\n'],
    [400, 'POST /%ff HTTP/1.1\r\nHost: x\r\n'],
  ] as const) {
    for (const body of ['Transfer-Encoding: chunked\r\n\r\n', 'Content-Length: 1000000\r\n\r\n']) {
      const received = await sendRaw(service.url, [`${head}${body}`, '1\r\nx\r\n', 'no HTTP\r\n\r\n'])
      const answer = parseAnswer(received)
      t.equal(answer.statusCode, statusCode)
      t.equal(answer.headers.connection, 'close')
      t.equal(received.split('HTTP/1.1').length, 2, 'answered once')
    }
    const last = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    const both = await sendRaw(service.url, [`${head}Content-Length: 3\r\n\r\n123${last}`])
    t.match(both, /HTTP\/1.1 200 OK/, 'after a short body the connection serves the next request')
  }
})
