import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { send } from '../../../src/cli/check/http.ts'

t.test('a server that never answers is given up', async (t) => {
  const server = createServer(() => {})
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  await t.rejects(send(new URL(`http://127.0.0.1:${port}`), 100), { message: 'no answer for 0.1 seconds' })
})
