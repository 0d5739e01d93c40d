import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import { Registry } from 'prom-client'
import t from 'tap'
import { bodyBudget } from '../../src/plugins/body-budget.ts'
import { httpDefaults } from '../../src/plugins/http-defaults.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const MB = 1_048_576
/** Bytes that all bodies together may take. */
const LIMIT = 8 * MB

/** Starts an application whose requests hold memory, and returns what makes one and how many bytes are held. */
async function start() {
  const registry = new Registry()
  const app = Fastify()
  await app.register(httpDefaults)
  await app.register(bodyBudget, { registry })
  app.get<{ Querystring: { bytes: number; age: number } }>('/', async (request) => {
    const { bytes, age } = request.query
    request.arrivedAt -= Number(age)
    const ended = new Promise<string>((resolve, reject) => {
      request.holdBody(Number(bytes), (error) => {
        request.holdBody(0, () => {})
        reject(error)
      })
      release.push(() => resolve('done'))
    })
    return ended
  })
  const release: (() => void)[] = []
  const hold = (bytes: number, age = 0) =>
    app.inject({ url: '/', query: { bytes: String(bytes), age: String(age) } })
  async function held(expected: number) {
    const gauge = registry.getSingleMetric('signing_service_http_body_bytes')
    await until(`${expected} bytes are held`, async () => (await gauge?.get())?.values[0]?.value === expected)
  }
  return { hold, held, release }
}

t.test('a body for which there is no room is refused, and a small one is not', async (t) => {
  const { hold, held, release } = await start()
  const large = hold(7 * MB)
  await held(7 * MB)
  const refused = await hold(2 * MB)
  t.equal(refused.statusCode, 503)
  t.equal(refused.json().code, 'SERVICE_BUSY')
  const last = hold(MB)
  await held(LIMIT)
  const small = Array.from({ length: 100 }, () => hold(16_384))
  await held(LIMIT + 100 * 16_384)
  t.equal((await hold(16_385)).statusCode, 503)
  for (const act of release) {
    act()
  }
  for (const answer of await Promise.all([large, last, ...small])) {
    t.equal(answer.statusCode, 200)
  }
  await held(0)
})

t.test('a body that has arrived for long makes room for others', async (t) => {
  const { hold, held, release } = await start()
  const young = hold(2 * MB)
  const old = hold(3 * MB, 11_000)
  const alsoOld = hold(3 * MB, 20_000)
  await held(LIMIT)
  const others = hold(2 * MB)
  t.equal((await old).json().code, 'SERVICE_BUSY', 'the one that grew first')
  await held(7 * MB)
  for (const act of release) {
    act()
  }
  for (const answer of await Promise.all([young, alsoOld, others])) {
    t.equal(answer.statusCode, 200)
  }
  t.equal((await hold(LIMIT + 1, 11_000)).json().code, 'SERVICE_BUSY', 'never itself')
  await held(0)
})

t.test('requests are signed while others hold all there is for bodies, or announce more', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const service = await startReadyService(t, environment)
  const { hostname, port } = new URL(service.url)
  const sockets: Socket[] = []
  const begin = (text: string) => {
    const socket = connect({ host: hostname, port: Number(port) })
    socket.on('error', () => {})
    const head =
      'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000000\r\n\r\n'
    socket.write(head + text)
    sockets.push(socket)
    return socket
  }
  const bodyBytes = async () =>
    (await scrape(service.url)).samples.get('signing_service_http_body_bytes') ?? 0
  for (let count = 0; count < 200; count++) {
    begin('{')
  }
  await until('all bodies have begun', async () => (await bodyBytes()) === 200)
  const kept = `{"x":[${`"${'a'.repeat(80_000)}",`.repeat(12)}`
  for (let count = 0; count < 9; count++) {
    begin(kept)
  }
  await until('there is no room', async () => (await bodyBytes()) > 7 * MB)
  t.equal((await scrape(service.url)).samples.get('signing_service_http_body_bytes_limit'), LIMIT)
  t.equal((await service.sign({ action: 'get_certificates' })).statusCode, 200)
  t.equal((await service.sign({ action: 'sign', data_to_be_signed: 'A'.repeat(8_000) })).statusCode, 200)
  const last = begin(kept)
  const [answer] = await once(last, 'data')
  t.match(
    String(answer),
    /^HTTP\/1\.1 503 .*connection: close\r\nretry-after: 1\r\n.*"code":"SERVICE_BUSY"/is,
  )
  for (const socket of sockets) {
    socket.destroy()
  }
  await until('all is given back', async () => (await bodyBytes()) === 0)
  const large = JSON.stringify({ action: 'sign_pkcs7', encoded_contents: 'A'.repeat(80_000), x: kept })
  t.equal((await service.sign(JSON.parse(large))).statusCode, 200, 'afterwards there is room')
})

t.test('documents that are still arriving keep no other one out', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const service = await startReadyService(t, environment)
  const { hostname, port } = new URL(service.url)
  const bodyBytes = async () =>
    (await scrape(service.url)).samples.get('signing_service_http_body_bytes') ?? 0
  const arriving = Array.from({ length: 250 }, () => {
    const socket = connect({ host: hostname, port: Number(port) }).on('error', () => {})
    socket.write(
      'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000000\r\n\r\n' +
        `{"action":"sign_pkcs7","encoded_contents":"${'A'.repeat(80_000)}`,
    )
    return socket
  })
  t.teardown(() => {
    for (const socket of arriving) {
      socket.destroy()
    }
  })
  // The beginning of a document is kept
  const perBody = '{"action":"sign_pkcs7","encoded_contents":"'.length + 1_024
  await until('all are hashed', async () => (await bodyBytes()) === arriving.length * perBody)
  const answer = await service.sign({ action: 'sign_pkcs7', encoded_contents: 'A'.repeat(800_000) })
  t.equal(answer.statusCode, 200)
})
