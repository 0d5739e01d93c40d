/** A service that may have few files open. */
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { send } from './support/http.ts'
import { startLimitedServer } from './support/limited-server.ts'
import { scrape } from './support/scrape.ts'
import { createSigningToken } from './support/token.ts'

t.test('idle connections keep nobody out, however few files may be open', async (t) => {
  const { environment } = await createSigningToken(t.testdir())
  const { url, log } = await startLimitedServer(t, '--nofile=300', environment)
  t.match(
    log(),
    /may have 300 files open, .*: a port takes 164 connections in place of the 384 of SIGNING_SERVICE_/,
  )
  const { samples } = await scrape(url)
  t.equal(samples.get('signing_service_http_connections_limit'), 164)
  const { hostname, port } = new URL(url)
  const sockets = Array.from({ length: 320 }, () => connect(Number(port), hostname).on('error', () => {}))
  t.teardown(() => {
    for (const socket of sockets) {
      socket.destroy()
    }
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  for (let round = 0; round < 5; round++) {
    // A kept connection may be closed just as it is used again
    const { statusCode } = await send(`${url}/health/live`, { agent: new Agent() })
    t.equal(statusCode, 200)
  }
})
