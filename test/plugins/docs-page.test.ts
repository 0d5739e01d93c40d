/** The page of the description is asked for while something fails, and by hundreds at once. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import t from 'tap'
import { docs } from '../../src/plugins/docs.ts'

t.test('a description that could not be made is made anew for the next one who asks', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let isBroken = true
  const port = {
    ...{ scheme: 'http' as const, port: 6000 },
    get routes() {
      if (isBroken) throw new Error('no memory for the moment')
      return []
    },
  }
  await app.register(docs, { ports: [port] })
  t.equal((await app.inject('/docs/json')).statusCode, 500)
  isBroken = false
  const { statusCode, body } = await app.inject('/docs/json')
  t.equal(statusCode, 200)
  t.equal(JSON.parse(body).openapi, '3.1.0')
})

t.test('however many read the files, one piece is handed over in a turn of the event loop', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let pieces = 0
  app.addHook('onSend', async (_request, _reply, payload) =>
    payload instanceof Readable
      ? payload.on('data', () => {
          pieces += 1
        })
      : payload,
  )
  await app.register(docs, { ports: [{ scheme: 'http', port: 6000, routes: [] }] })
  await app.ready()
  let before = 0
  let most = 0
  let turn = setImmediate(function count() {
    most = Math.max(most, pieces - before)
    before = pieces
    turn = setImmediate(count)
  })
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => app.inject('/docs/swagger-ui-bundle.js')),
  )
  clearImmediate(turn)
  for (const { rawPayload } of answers) {
    t.ok(rawPayload.equals(answers[0]?.rawPayload as Buffer) && rawPayload.length > 1_000_000)
  }
  t.equal(most, 1)
})

t.test('of a file 16 kB wait for a reader who has stopped', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let file = Readable.from([])
  app.addHook('onSend', async (_request, _reply, payload) => {
    file = payload as Readable
    return ''
  })
  await app.register(docs, { ports: [{ scheme: 'http', port: 6000, routes: [] }] })
  await app.inject('/docs/swagger-ui-bundle.js')
  file.read(0)
  await once(file, 'readable')
  t.equal(file.readableLength, 16_384)
  file.destroy()
})
