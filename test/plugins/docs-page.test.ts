/** The page of the description is asked for while something fails, and by hundreds at once. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import { Counter, Registry } from 'prom-client'
import t from 'tap'
import { docs } from '../../src/plugins/docs.ts'
import { metricsPage } from '../../src/plugins/metrics.ts'

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

/** Returns what is answered to a GET before anything of it is sent. */
async function takeAnswer(app: FastifyInstance, url: string): Promise<Readable> {
  let answer = Readable.from([])
  app.addHook('onSend', async (_request, _reply, payload) => {
    answer = payload as Readable
    return ''
  })
  await app.inject(url)
  return answer
}

t.test('of a file 16 kB wait for a reader who has stopped', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(docs, { ports: [{ scheme: 'http', port: 6000, routes: [] }] })
  const file = await takeAnswer(app, '/docs/swagger-ui-bundle.js')
  file.read(0)
  await once(file, 'readable')
  t.equal(file.readableLength, 16_384)
  file.destroy()
})

t.test('a page is handed over in pieces of 16 kB, and whole', async (t) => {
  const registry = new Registry()
  const help = 'x'.repeat(40_000)
  registry.registerMetric(new Counter({ name: 'long_total', help, registers: [] }))
  const ports = [{ scheme: 'http', port: 6000, routes: [] }] as const
  for (const url of ['/metrics', '/docs/json']) {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(docs, { ports })
    await app.register(metricsPage, { registry })
    const answered = await app.inject(url)
    const { headers } = await app.inject({ method: 'HEAD', url })
    t.equal(answered.headers['content-length'], String(answered.rawPayload.length), url)
    t.ok(Number(headers['content-length']) > 16_384, `HEAD ${url}`)
  }
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(metricsPage, { registry })
  const pieces = (await (await takeAnswer(app, '/metrics')).toArray()) as Buffer[]
  t.strictSame(
    pieces.slice(0, -1).map(({ length }) => length),
    pieces.slice(1).map(() => 16_384),
  )
  t.match(String(Buffer.concat(pieces)), `# HELP long_total ${help}\n# TYPE`)
})
