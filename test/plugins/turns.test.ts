/** Many ask at once for what is no signature. */
import Fastify from 'fastify'
import t from 'tap'
import { turns } from '../../src/plugins/turns.ts'
import { waitForTurn } from '../../src/requests/intake.ts'

t.test('however many ask, sixteen are answered in a turn of the event loop', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  let answered = 0
  await app.register(turns)
  app.addHook('onSend', async () => {
    answered += 1
  })
  app.get('/signed', { onRequest: waitForTurn }, async () => 'signed')
  await app.ready()
  for (const [url, status] of [
    ['/nix', 404],
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
