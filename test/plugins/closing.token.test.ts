import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import t from 'tap'
import { createGate } from '../support/gate.ts'
import { send } from '../support/http.ts'
import { startService } from '../support/service.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())

t.test('a service that closes finishes its requests and asks for no more on the connection', async (t) => {
  const released = createGate()
  const arrived = createGate()
  const service = await startService(t, environment, (app) => {
    app.get('/slow', async () => {
      arrived.open()
      await released.opened
      return 'done'
    })
  })
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const open = await send(`${service.url}/health/live`, { agent })
  t.equal(open.headers.connection, 'keep-alive')

  // Connections without a request: never used, and with half of one's headers
  const { hostname, port } = new URL(service.url)
  const unused: Promise<unknown>[] = []
  for (const part of ['', 'GET / HTTP/1.1\r\n']) {
    const socket = connect({ host: hostname, port: Number(port) }).resume()
    await once(socket, 'connect')
    socket.write(part)
    unused.push(once(socket, 'close'))
  }

  const slow = send(`${service.url}/slow`, { agent })
  await arrived.opened
  const closed = service.app.close()
  // The hooks that announce the end have run by then, while the request is still in progress
  await Promise.all(unused)
  released.open()
  const answer = await slow
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers.connection, 'close')
  await closed
})

t.test('a service that is about to close answers as ever, and lets its connections go', async (t) => {
  const service = await startService(t, environment)
  await service.ready()
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  t.equal((await send(`${service.url}/health/live`, { agent })).headers.connection, 'keep-alive')
  service.app.announceClosing()
  const live = await send(`${service.url}/health/live`, { agent })
  t.equal(live.statusCode, 200)
  t.equal(live.headers.connection, 'close')
  const ready = await send(`${service.url}/health/ready`, { agent })
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { status: 'not ready', closing: true, hsm: { state: 'ready' } })
})
