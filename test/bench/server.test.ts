/** What watches the HTTP process is in no other one. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createMaterial } from './material.ts'
import { Server } from './processes/server.ts'

const material = await createMaterial(t.testdir())
const server = await Server.start('service', material.softhsm)
t.teardown(() => server.end())

t.test('the signer process is started as it is without a measurement', async (t) => {
  const started = (pid: number) =>
    ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join()
  t.match(started(server.pid), 'event-loop-watch')
  t.equal(server.signers.length, 1)
  t.notMatch(started(Number(server.signers[0])), 'event-loop-watch')
})

t.test('the HTTP process tells how late it is while it is watched', async (t) => {
  await server.watchLoop()
  await server.collectGarbage()
  const { p99, max } = await server.tellLoop()
  t.ok(p99 >= 0 && max >= p99, `${p99} ms, ${max} ms`)
})

t.test('a service that does not become ready is an error that says why', async (t) => {
  const { HSM_MODULE: _, ...environment } = material.softhsm
  await t.rejects(Server.start('service', environment), { message: /^a server did not become ready/ })
})
