/** Clients that ask and never read their answers. */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { readLog } from '../support/log-lines.ts'
import { scrape } from '../support/scrape.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const METRICS = 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
const AT_ONCE = 5

/** Asks again and again until the buffers of the connection are full, and reads nothing. */
async function askWithoutReading(t: Test, { url, app }: Service): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port) })
  t.teardown(() => socket.destroy())
  socket.on('error', () => {}).pause()
  await once(socket, 'connect')
  const { localPort } = socket
  let answered = 0
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.socket.remotePort === localPort) {
      response.on('finish', () => {
        answered += 1
        if (answered % AT_ONCE === 0) {
          socket.write(METRICS.repeat(AT_ONCE))
        }
      })
    }
  })
  socket.write(METRICS.repeat(AT_ONCE))
}

t.test('a connection whose answers nobody reads is closed', async (t) => {
  const service = await startReadyService(t, { ...environment, HSM_TIMEOUT_MS: '4000' })
  t.equal(service.app.server.timeout, 44_000)
  service.app.server.timeout = 500
  await askWithoutReading(t, service)
  await until('it is closed', () =>
    readLog(service.log()).some(
      ({ msg, route }) => msg === 'client left before it was answered' && route === '/metrics',
    ),
  )
})

t.test('who reads no answers keeps nobody out', async (t) => {
  const service = await startReadyService(t, { ...environment, SIGNING_SERVICE_MAX_CONNECTIONS: '16' })
  service.app.server.setMaxListeners(32)
  await Promise.all(Array.from({ length: 16 }, () => askWithoutReading(t, service)))
  const shed = 'signing_service_http_connections_shed_total{reason="slow"}'
  const others = async () => {
    const figures = await scrape(service.url).catch(() => undefined)
    return Number(figures?.samples.get(shed)) > 0
  }
  await until('others are served', others, 60_000)
})
