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

/** Callbacks that wait while the turns of the event loop are held. */
const waiting = new Set<() => void>()

/**
 * Holds the turns that methods give, so that whatever asks for one waits until they are restored.
 *
 * @param isFull whether each turn is full at once, so that bodies pause, or none is: one that pauses would never be complete
 */
function hold(isFull: boolean, ...methods: readonly ('begin' | 'wait')[]) {
  const { forget } = EventLoopTurns.prototype
  const held = [
    ...methods.map((method) =>
      mock.method(EventLoopTurns.prototype, method, (callback: () => void) => waiting.add(callback)),
    ),
    mock.method(EventLoopTurns.prototype, 'count', () => isFull),
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
const padding = Array(2).fill('x'.repeat(80_000))

for (const [name, { request, method }] of Object.entries({
  'requests that have not begun': { request: post(rawRequest('one')), method: 'begin' },
  'bodies that are complete': { request: post({ ...rawRequest('one'), padding }), method: 'wait' },
  'a file of the page': {
    request: 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n',
    method: 'wait',
  },
} as const)) {
  t.test(`${name}, each on its connection and all on one`, async (t) => {
    for (const texts of [Array<string>(COUNT).fill(request), [request.repeat(COUNT)]]) {
      const restore = hold(false, method)
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

t.test(
  'a client who stays is read from again, though the answer came before the turn of the body',
  async (t) => {
    const restore = hold(true, 'begin', 'wait')
    t.teardown(restore)
    const socket = await open()
    t.teardown(() => socket.destroy())
    let received = ''
    socket.setEncoding('latin1').on('data', (text) => {
      received += text
    })
    const request = post({}).replace('Host: x', 'Host: x\r\nContent-Encoding: gzip')
    socket.write(request.slice(0, -1))
    await until('the request and its body wait', () => waiting.size === 2)
    const [beginRequest, readOn] = [...waiting] as [() => void, () => void]
    beginRequest()
    await until('it is refused', () => received.startsWith('HTTP/1.1 415 '))
    restore()
    if (waiting.has(readOn)) {
      readOn()
    }
    waiting.clear()
    socket.write(`${request.slice(-1)}GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n`)
    await until('the next request is answered', () => received.includes('HTTP/1.1 200 OK'))
  },
)
