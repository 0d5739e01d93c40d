/** Bodies that nobody sends who wants a signature: what they take of the process, and what others notice of them. */
import { connect, type Socket } from 'node:net'
import t from 'tap'
import { send } from '../support/http.ts'
import { peakMemory, processFigures, resetPeakMemory } from '../support/process-figures.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { parseAnswer } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const server = await startReadyServerProcess(t, { ...environment, HSM_TIMEOUT_MS: '60000' })
const { hostname, port } = new URL(server.address)
const pid = server.child.pid as number

const HEAD = 'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n'
const MAX_MEMORY_KIB = 100_000

/** A body of so many bytes, if it is ever sent whole: a beginning, something again and again, and an end. */
interface Body {
  readonly begin?: string
  readonly again: string
  readonly end?: string
  readonly size: number
  readonly chunked?: boolean
  readonly expected: number
  /** True if so little of it counts that it may be refused for that. */
  readonly isSlow?: true
}

/** Sends a body as far as the service takes it, and returns the status. */
async function attack({ begin = '', again, end = '', size, chunked }: Body): Promise<number> {
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  let received = ''
  socket.on('data', (data) => {
    received += data
  })
  socket.on('error', () => {})
  const block = again.repeat(Math.ceil(65_536 / again.length))
  const blocks = Math.ceil(size / block.length)
  const length = begin.length + blocks * block.length + end.length
  socket.write(
    `${HEAD}${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`}\r\n\r\n${begin}`,
  )
  for (let count = 0; count < blocks && received === '' && !socket.destroyed; count++) {
    if (!socket.write(block)) {
      await nextOf(socket)
    }
  }
  socket.write(end)
  while (!socket.readableEnded && !socket.destroyed) {
    await nextOf(socket)
  }
  socket.destroy()
  return parseAnswer(received).statusCode
}

function nextOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => {
    for (const event of ['drain', 'data', 'end', 'close']) {
      socket.once(event, resolve)
    }
  })
}

const bodies: Record<string, Body> = {
  'objects in place of a document': { begin: '{"x":[', again: '{},', size: 200e6, expected: 413 },
  'lists in one another': { begin: '{"x":', again: '[', size: 100e6, expected: 413 },
  'objects in one another': { again: '{"x":', size: 100e6, expected: 413 },
  numbers: { begin: '{"x":[', again: '1e9,', size: 50e6, expected: 413 },
  'one number': { begin: '{"x":', again: '1', size: 50e6, expected: 413 },
  names: { begin: '{', again: '"x":1,', size: 50e6, expected: 413 },
  'long names': { begin: '{', again: `"${'x'.repeat(200_000)}":1,`, size: 50e6, expected: 413 },
  'long strings': { begin: '{"x":[', again: `"${'x'.repeat(200_000)}",`, size: 50e6, expected: 413 },
  'white space': { begin: '{', again: ' ', size: 50e6, expected: 413 },
  'strings of escapes': {
    begin: '{"x":[',
    again: `"${'\\ud800'.repeat(60_000)}",`,
    size: 50e6,
    expected: 413,
  },
  'a prototype among much else': { begin: '{"__proto__":[', again: '{},', size: 50e6, expected: 413 },
  'a document for certificates': {
    begin: '{"action":"get_certificates","encoded_contents":"',
    again: 'AAAA',
    size: 200e6,
    expected: 413,
  },
  'a document of escapes': {
    begin: '{"encoded_contents":"',
    again: '\\u0041'.repeat(4),
    end: '"}',
    size: 8e6,
    expected: 200,
  },
  'a document of lone surrogates': {
    begin: '{"encoded_contents":"',
    again: '\\ud800',
    end: '"}',
    size: 8e6,
    expected: 400,
  },
  'chunks of one byte': {
    begin: `16\r\n{"encoded_contents":"A\r\n`,
    again: '1\r\nA\r\n',
    end: '1\r\n"\r\n1\r\n}\r\n0\r\n\r\n',
    size: 1.5e6,
    chunked: true,
    expected: 400,
  },
  'chunks with long extensions': {
    begin: '2\r\n{}\r\n',
    again: `1;${'x'.repeat(16_000)}\r\n \r\n`,
    end: '0\r\n\r\n',
    size: 50e6,
    chunked: true,
    expected: 400,
    isSlow: true,
  },
  'a chunk with too long an extension': {
    again: `1;${'x'.repeat(17_000)}\r\n \r\n`,
    size: 1e6,
    chunked: true,
    expected: 400,
  },
  trailers: {
    begin: '2\r\n{}\r\n0\r\n',
    again: `X-Trailer: ${'x'.repeat(1_000)}\r\n`,
    size: 50e6,
    chunked: true,
    expected: 431,
  },
}

for (const [name, body] of Object.entries(bodies)) {
  t.test(`${name}, once and ten times at once`, async (t) => {
    for (const count of [1, 10]) {
      const { rss } = processFigures([pid])
      resetPeakMemory(pid)
      let isOver = false
      const statuses = Promise.all(Array.from({ length: count }, () => attack(body))).finally(() => {
        isOver = true
      })
      // Requests go on as long as the attack lasts: one that is not answered has the test run into its time limit
      do {
        t.equal((await send(`${server.address}/health/live`)).statusCode, 200)
        const answer = await send(`${server.address}/sign`, {
          method: 'POST',
          body: '{"action":"sign","data_to_be_signed":"QUJD"}',
        })
        t.equal(answer.statusCode, 200)
      } while (!isOver)
      // Extensions do not count as body, so that a busy machine may be too slow for the limit
      const seen = (await statuses).filter((status) => !(body.isSlow && status === 408))
      t.same(new Set([body.expected, ...seen]), new Set([body.expected]))
      const more = peakMemory(pid) - rss
      t.ok(more < MAX_MEMORY_KIB, `${Math.round(more / 1000)} MB more with ${count} at once`)
    }
  })
}
