/** Many ask at once for what is no signature. */
import Fastify from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { MalformedRequests } from '../../src/plugins/malformed-request.ts'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { turns } from '../../src/plugins/turns.ts'
import { waitForTurn } from '../../src/requests/intake.ts'

t.test('however many ask, sixteen are answered in a turn of the event loop', async (t) => {
  let answered = 0
  const log = pino({ enabled: false })
  const malformed = new MalformedRequests(log, new LineLimit(log))
  const app = Fastify({
    frameworkErrors(_error, request, reply) {
      // No hooks are called
      reply.raw.once('finish', () => {
        answered += 1
      })
      malformed.refuseAddress(request, reply)
    },
  })
  t.teardown(() => app.close())
  await app.register(turns)
  app.addHook('onSend', async () => {
    answered += 1
  })
  app.get('/signed', { onRequest: waitForTurn }, async () => 'signed')
  await app.ready()
  for (const [url, status] of [
    ['/nix', 404],
    ['/%zz', 400],
    ['/signed', 200],
  ] as const) {
    answered = 0
    const answers = Array.from({ length: 100 }, () => app.inject(url))
    const perTurn: number[] = []
    while (answered < 100) {
      const before = answered
      await new Promise(setImmediate)
      perTurn.push(answered - before)
    }
    t.ok(Math.max(...perTurn) <= 16, `${url}: ${perTurn}`)
    t.ok((await Promise.all(answers)).every(({ statusCode }) => statusCode === status))
  }
})
