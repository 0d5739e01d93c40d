/** Clients that ask and never read their answers. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { readLog } from '../support/log-lines.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const METRICS = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
const AT_ONCE = 5

/**
 * Asks again and again until the buffers of the connection are full, and reads nothing.
 *
 * @returns whether they are
 */
async function askWithoutReading(t: Test, { url, app }: Service): Promise<() => boolean> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).pause()
  await once(socket, 'connect')
  const { localPort } = socket
  let answered = 0
  let connection: Socket | undefined
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.socket.remotePort === localPort) {
      connection = request.socket
      response.on('finish', () => {
        answered += 1
        if (answered % AT_ONCE === 0) {
          socket.write(METRICS.repeat(AT_ONCE))
        }
      })
    }
  })
  socket.write(METRICS.repeat(AT_ONCE))
  return () => Number(connection?.writableLength) > 0
}

t.test('a connection whose answers nobody reads is closed', async (t) => {
  const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '4000' })
  t.equal(service.app.server.timeout, 44_000)
  // Before there is a connection: one that there is takes it over when it was idle, which it may never be
  service.app.server.timeout = 3_000
  // Several, as a machine that stands still for so long has one closed that waits for no answer
  await Promise.all(Array.from({ length: 3 }, () => askWithoutReading(t, service)))
  await until('it is closed', () =>
    readLog(service.log()).some(
      ({ msg, route }) => msg === 'client left before it was answered' && route === '/metrics',
    ),
  )
})

t.test('who reads no answers keeps nobody out', async (t) => {
  const service = await startReadyService(t, { ...environment, SIGNING_SERVICE_MAX_CONNECTIONS: '16' })
  service.app.server.setMaxListeners(32)
  const attackers = await Promise.all(Array.from({ length: 16 }, () => askWithoutReading(t, service)))
  await until('all buffers are full', () => attackers.every((isFull) => isFull()))
  const now = performance.now.bind(performance)
  mock.method(performance, 'now', () => now() + 11_000)
  t.teardown(() => mock.restoreAll())
  const answer = await sendRaw(service.url, [METRICS.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')])
  t.match(answer, 'signing_service_http_connections_shed_total{reason="slow"} 1\n')
})
