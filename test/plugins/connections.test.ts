import { once } from 'node:events'
import { Agent, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { connections } from '../../src/plugins/connections.ts'
import { send } from '../support/http.ts'
import { until } from '../support/signing.ts'

const LIMIT = 16

/** More than the buffers of a connection on the loopback interface take. */
const PAGE = Buffer.alloc(16_000_000)

/** Starts an application that answers /ping at once, /page with much, and POST /wait and POST /hold never. */
async function start(t: Test) {
  const registry = new Registry()
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const app = Fastify({ forceCloseConnections: true })
  await app.register(connections, { limit: LIMIT, closeMs: 1_000, registry, log })
  let requests = 0
  let bytesRead = 0
  app.addHook('onRequest', async () => {
    requests += 1
  })
  app.get('/ping', async () => 'pong')
  app.addContentTypeParser('application/json', (_request: unknown, payload: IncomingMessage) => {
    payload.on('data', (chunk: Buffer) => {
      bytesRead += chunk.length
    })
    return new Promise(() => {})
  })
  app.post('/wait', async () => 'never')
  app.post('/hold', () => new Promise(() => {}))
  app.route({ method: ['GET', 'POST'], url: '/page', handler: async () => PAGE })
  let answers = 0
  app.addHook('onSend', async () => {
    answers += 1
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { hostname, port } = new URL(url)
  async function open(text: string): Promise<Socket> {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(text)
    t.teardown(() => socket.destroy())
    return socket
  }
  async function value(name: string, reason?: string) {
    const metric = await registry.getSingleMetric(`signing_service_http_connections${name}`)?.get()
    return metric?.values.find(({ labels }) => labels.reason === reason)?.value
  }
  return {
    url,
    open,
    requests: () => requests,
    answers: () => answers,
    bytesRead: () => bytesRead,
    value,
    warnings: () => lines.filter((line) => line.includes('SIGNING_SERVICE_MAX_CONNECTIONS')).length,
    isOpen: (count: number) => until(`${count} are open`, async () => (await value('')) === count),
  }
}

/** Has no time pass, however long all takes on a busy machine. */
function stopClock(t: Test): void {
  const now = performance.now()
  mock.method(performance, 'now', () => now)
  t.teardown(() => mock.restoreAll())
}

/** Has time pass: by default a second, after which a request is slow, and a connection without one is idle. */
function passSecond(t: Test, ms = 1_100): void {
  const now = performance.now.bind(performance)
  mock.method(performance, 'now', () => now() + ms)
  t.teardown(() => mock.restoreAll())
}

const BODY =
  'POST /wait HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{'

t.test('the connection that is unused longest makes room for another', async (t) => {
  const { url, open, value, isOpen, warnings } = await start(t)
  const slow = await open('GET /ping HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  await isOpen(1)
  const unused = await open('')
  await isOpen(2)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (let count = 2; count < LIMIT - 1; count++) {
    await open('')
    await isOpen(count + 1)
  }
  t.equal((await send(`${url}/ping`, { agent })).statusCode, 200)
  t.equal(await value(''), LIMIT)
  t.equal(await value('_limit'), LIMIT)
  t.equal(await value('_shed_total', 'idle'), 0)
  passSecond(t)
  const gone = once(slow, 'close')
  const answers = [await send(`${url}/ping`), await send(`${url}/ping`, { agent })]
  await gone
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [200, 200],
  )
  t.notOk(unused.destroyed, 'it came later')
  await until('the one of the probe is closed', async () => (await value('')) === LIMIT - 1)
  t.equal(await value('_shed_total', 'idle'), 1)
  t.equal(warnings(), 1)
})

t.test(
  'where all have a request in progress another is refused, until one has been arriving for a second',
  async (t) => {
    stopClock(t)
    const { url, open, value, isOpen, warnings, requests, bytesRead } = await start(t)
    const quick = await open(BODY)
    await isOpen(1)
    const first = await open(BODY)
    await isOpen(2)
    for (let count = 2; count < LIMIT; count++) {
      await open(BODY)
      await isOpen(count + 1)
    }
    await until('all requests have arrived', () => requests() === LIMIT)
    quick.write('x'.repeat(90_000))
    await until('it was read', () => bytesRead() >= 90_000)
    await t.rejects(send(`${url}/ping`), { code: /ECONNRESET|EPIPE/ })
    t.equal(await value('_shed_total', 'new'), 1)
    t.equal(await value('_shed_total', 'slow'), 0)
    passSecond(t)
    const gone = once(first, 'close')
    t.equal((await send(`${url}/ping`)).statusCode, 200)
    await gone
    t.notOk(quick.destroyed, 'it brings enough')
    t.equal(await value('_shed_total', 'slow'), 1)
    t.equal(warnings(), 1, 'said once')
  },
)

t.test(
  'of few idle connections, which were just opened, none is closed in place of a slow one',
  async (t) => {
    for (const [idle, reason] of [
      [2, 'slow'],
      [3, 'idle'],
    ] as const) {
      const { open, value, isOpen, requests } = await start(t)
      const slow = await open(BODY)
      await isOpen(1)
      for (let count = 1; count < LIMIT - idle; count++) {
        await open(BODY)
        await isOpen(count + 1)
      }
      await until('all requests have arrived', () => requests() === LIMIT - idle)
      const opened = await open('')
      await isOpen(LIMIT - idle + 1)
      for (let count = LIMIT - idle + 1; count < LIMIT; count++) {
        await open('')
        await isOpen(count + 1)
      }
      passSecond(t)
      const gone = once(reason === 'slow' ? slow : opened, 'close')
      await open('')
      await gone
      t.equal(await value('_shed_total', reason), 1)
      mock.restoreAll()
    }
  },
)

t.test(
  'who does not read a page is closed after a second, and who waits for a signature is not',
  async (t) => {
    const head = (line: string) => `${line} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`
    for (const [text, ms, reason] of [
      [head('GET /page'), 1_100, 'slow'],
      [head('POST /page'), 1_100, 'new'],
      [head('POST /page'), 10_100, 'slow'],
      [head('POST /hold') + head('GET /ping'), 1_100, 'new'],
    ] as const) {
      stopClock(t)
      const { url, open, value, isOpen, answers } = await start(t)
      for (let count = 0; count < LIMIT; count++) {
        await open(text)
        await isOpen(count + 1)
      }
      await until('all answers are under way', () => answers() === LIMIT)
      passSecond(t, ms)
      const ping = send(`${url}/ping`)
      await (reason === 'slow' ? ping : t.rejects(ping, { code: /ECONNRESET|EPIPE/ }))
      t.equal(await value('_shed_total', reason), 1, `${text.slice(0, 10)} after ${ms} ms`)
      mock.restoreAll()
    }
  },
)

t.test('a request that came on a connection which was closed for others is not counted', async (t) => {
  const { open, value, isOpen } = await start(t)
  for (let count = 0; count < LIMIT; count++) {
    await open('')
    await isOpen(count + 1)
  }
  await Promise.all(Array.from({ length: 50 }, () => open('GET /ping HTTP/1.1\r\nHost: x\r\n\r\n')))
  await until('all were accepted', async () => ((await value('_shed_total', 'idle')) as number) >= 50 - LIMIT)
  t.ok(((await value('')) as number) <= LIMIT)
})
