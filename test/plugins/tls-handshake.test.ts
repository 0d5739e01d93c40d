/** TLS handshakes that take too long, by an injected clock. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { mock } from 'node:test'
import { connect as connectTls } from 'node:tls'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { HEADERS_TIMEOUT_MS } from '../../src/common/arrival.ts'
import { readTls } from '../../src/configuration/tls.ts'
import { connections } from '../../src/plugins/connections.ts'
import { MalformedRequests } from '../../src/plugins/malformed-request.ts'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { createServerOptions } from '../../src/plugins/tls.ts'
import { issue } from '../support/certificates.ts'
import { until } from '../support/signing.ts'
import { callWith, issueServer } from '../support/tls.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const server = issueServer(directory, root)

t.test('a handshake ends in time, even if a byte comes now and then', async (t) => {
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const malformed = new MalformedRequests(log, new LineLimit(log))
  const tls = readTls({ TLS_CERT_FILE: server.certificateFile, TLS_KEY_FILE: server.keyFile }, [], [])
  const app = Fastify({
    ...(tls && { https: createServerOptions(tls) }),
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => malformed.refuseConnection(error, socket),
  })
  const registry = new Registry()
  await app.register(connections, { limit: 16, registry, log })
  app.get('/ping', async () => 'pong')
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => app.close())
  const address = { host: url.hostname, port: Number(url.port) }
  const open = async () => {
    const metric = await registry.getSingleMetric('signing_service_http_connections')?.get()
    return metric?.values[0]?.value
  }
  const closed = (socket: Socket) =>
    new Promise((resolve) => {
      socket.on('error', () => {}).resume()
      socket.on('close', resolve)
    })
  const settled = async (count: number) => until(`${count} are open`, async () => (await open()) === count)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const established = connectTls({ ...address, ...callWith(root) })
  await once(established, 'secureConnect')
  const silent = connect(address)
  const slow = connect(address)
  const ends = Promise.all([closed(silent), closed(slow)])
  await settled(3)
  for (const byte of ['\x16', '\x03', '\x01']) {
    slow.write(byte)
    mock.timers.tick(HEADERS_TIMEOUT_MS / 3 - 1)
  }
  t.equal(await open(), 3, 'not before its time')
  mock.timers.tick(3)
  await ends
  await settled(1)
  t.equal(lines.filter((line) => line.includes('"reason":"ERR_TLS_HANDSHAKE_TIMEOUT"')).length, 2)
  established.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
  const [answer] = await once(established, 'data')
  t.match(`${answer}`, /^HTTP\/1.1 200 OK/)
})
