import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { destroyLater } from '../../src/plugins/discard-rest.ts'
import { collectGarbage } from '../support/collect-garbage.ts'
import { until } from '../support/signing.ts'

const LONG_MS = 3_600_000

/** Connects a client, and returns both ends of the connection. */
async function openConnection(t: Test): Promise<{ readonly client: Socket; readonly accepted: Socket }> {
  const server = createServer()
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection')
  return { client, accepted }
}

/** Has a client close a connection before its time is up. No variable of the test refers to that, which would keep it in memory. */
async function closeEarly(t: Test): Promise<WeakRef<Socket>> {
  const { client, accepted } = await openConnection(t)
  destroyLater(accepted, LONG_MS)
  client.destroy()
  await once(accepted.resume(), 'close')
  return new WeakRef(accepted)
}

t.test('a connection is closed when its time is up', async (t) => {
  const { client, accepted } = await openConnection(t)
  destroyLater(accepted, 1)
  await once(client.resume(), 'close')
  t.ok(accepted.destroyed)
})

t.test('a connection that was closed before is not kept in memory until then', async (t) => {
  const closed = await closeEarly(t)
  await until('nothing refers to it', () => {
    collectGarbage()
    return closed.deref() === undefined
  })
})
