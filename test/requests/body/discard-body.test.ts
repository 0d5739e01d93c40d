import type { IncomingMessage } from 'node:http'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { connections } from '../../../src/plugins/connections.ts'
import { httpDefaults } from '../../../src/plugins/http-defaults.ts'
import { BodyReader } from '../../../src/requests/body/body-reader.ts'
import { parseAnswer, sendRaw } from '../../support/socket.ts'

/** Starts an application that reads bodies at /read, and counts the chunks that the parser hands over of each request. */
async function start(t: Test) {
  const app = Fastify({ forceCloseConnections: true })
  const counts: number[] = []
  app.server.on('request', (message: IncomingMessage) => {
    const index = counts.push(0) - 1
    const push = message.push.bind(message)
    message.push = (chunk: unknown) => {
      counts[index] = (counts[index] as number) + (chunk === null ? 0 : 1)
      return push(chunk)
    }
  })
  await app.register(connections, {
    limit: 100,
    closeMs: 1_000,
    registry: new Registry(),
    log: pino({ enabled: false }),
  })
  await app.register(httpDefaults)
  await app.register(async (scope) => {
    scope.addContentTypeParser('application/json', async ({ raw }: { readonly raw: IncomingMessage }) => {
      const reader = new BodyReader(raw, {
        limit: 100_000,
        announced: undefined,
        chooseAlgorithms: () => [],
        documents: [],
        hold() {},
      })
      await reader.whole
      return JSON.parse(reader.take().text)
    })
    scope.post('/read', async ({ body }) => body)
  })
  app.get('/page', async () => {
    await new Promise((resolve) => setImmediate(resolve))
    return 'page'
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  async function ask(...requests: string[]) {
    const text = await sendRaw(url, [requests.join('')])
    return text.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
  }
  return { ask, counts }
}

function requestOf(line: string, chunks: string, headers = ''): string {
  return `${line} HTTP/1.1\r\nHost: x\r\n${headers}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`
}

const SHORT = '1\r\n \r\n'.repeat(5_000)
const CLOSE = 'Connection: close\r\n'
const GOOD = requestOf('POST /read', '1\r\n{\r\n6\r\n"a":1}\r\n', CLOSE)

t.test(
  'chunks that come behind a refusal are not handed over, and those of other connections are',
  async (t) => {
    const { ask, counts } = await start(t)
    const answers = await ask(requestOf('POST /read', SHORT, CLOSE))
    t.match(answers, [{ statusCode: 400 }])
    t.match(answers[0]?.json(), {
      message: 'body: comes in pieces of less than 64 bytes: have the client buffer what it writes',
    })
    const [handedOver = 0] = counts
    t.ok(handedOver < 200, `${handedOver}`)
    // Node.js takes the same parser again
    const [good] = await ask(GOOD)
    t.same(good?.json(), { a: 1 })
    t.same(counts, [handedOver, 2])
  },
)

t.test('chunks of a body that no route reads are not handed over', async (t) => {
  const { ask, counts } = await start(t)
  const requests = {
    'POST /nowhere': 404,
    'GET /nowhere': 404,
    'PUT /read': 404,
    'GET /page': 200,
  }
  for (const [line, statusCode] of Object.entries(requests)) {
    t.match(await ask(requestOf(line, SHORT, CLOSE)), [{ statusCode }], line)
    t.same((await ask(GOOD))[0]?.json(), { a: 1 })
  }
  t.same(counts, [0, 2, 0, 2, 0, 2, 0, 2])
})

t.test('the body of the request behind one whose body was discarded is read', async (t) => {
  const { ask, counts } = await start(t)
  const answers = await ask(requestOf('GET /page', SHORT), GOOD)
  t.match(
    answers.map(({ statusCode }) => statusCode),
    [200, 200],
  )
  t.same(answers[1]?.json(), { a: 1 })
  t.same(counts, [0, 2])
})

t.test('a parser that is given back before its connection closes hands bodies over again', async (t) => {
  const { ask, counts } = await start(t)
  await ask(requestOf('GET /page', SHORT), 'CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n')
  t.same((await ask(GOOD))[0]?.json(), { a: 1 })
  t.equal(counts.at(-1), 2)
})
