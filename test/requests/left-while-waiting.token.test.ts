/** Whoever leaves while a request waits for its turn leaves nothing behind that others would have to wait for. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import { EventLoopTurns } from '../../src/requests/event-loop-turns.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const service = await startReadyService(t, environment)
const { hostname, port } = new URL(service.url)

/** What waits, while the turns of the event loop are held. */
const waiting = new Set<unknown>()

/** Holds the turns that one method gives, so that whatever asks for one waits until the client has left. */
function hold(method: 'begin' | 'wait') {
  const { forget } = EventLoopTurns.prototype
  const held = [
    mock.method(EventLoopTurns.prototype, method, (callback: () => void) => waiting.add(callback)),
    mock.method(EventLoopTurns.prototype, 'forget', function (this: EventLoopTurns, callback: () => void) {
      waiting.delete(callback)
      forget.call(this, callback)
    }),
  ]
  return () => held.map(({ mock }) => mock.restore())
}

async function open(): Promise<Socket> {
  const socket = connect({ host: hostname, port: Number(port) })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

function post(body: object): string {
  const text = JSON.stringify(body)
  return `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`
}

const COUNT = 5
/** Longer ones than are parsed at once. */
const numbers = Array.from({ length: 5_000 }, (_, number) => number)

for (const [name, { request, method }] of Object.entries({
  'requests that have not begun': { request: post(rawRequest('one')), method: 'begin' },
  'bodies that are complete': { request: post({ ...rawRequest('one'), numbers }), method: 'wait' },
  'a file of the page': {
    request: 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n',
    method: 'wait',
  },
} as const)) {
  t.test(`${name}, each on its connection and all on one`, async (t) => {
    for (const texts of [Array<string>(COUNT).fill(request), [request.repeat(COUNT)]]) {
      const restore = hold(method)
      t.teardown(restore)
      const sockets = await Promise.all(texts.map(open))
      for (const [index, socket] of sockets.entries()) {
        socket.write(`${texts[index]}`)
      }
      await until('all wait', async () => waiting.size === COUNT)
      for (const socket of sockets) {
        socket.resetAndDestroy()
      }
      await until('none of them waits any more', async () => waiting.size === 0)
      restore()
      t.equal((await service.sign(rawRequest('as ever'))).statusCode, 200)
    }
  })
}
