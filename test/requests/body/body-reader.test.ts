import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { HASH_ALGORITHMS, type HashAlgorithm } from '../../../src/algorithms/hash-algorithms.ts'
import { BODY_PERIOD_MS, MIN_BODY_BYTES } from '../../../src/common/arrival.ts'
import { Client } from '../../../src/common/client.ts'
import { BodyReader, type BodyReaderOptions } from '../../../src/requests/body/body-reader.ts'
import { createSignOptions } from '../../../src/requests/intake.ts'

const sha256 = HASH_ALGORITHMS.find(({ name }) => name === 'sha256') as HashAlgorithm

/** Returns a reader, what its body is written to, and how much memory it said to take each time. */
function begin(options: Partial<BodyReaderOptions> = {}) {
  const body = new PassThrough()
  const socket = new PassThrough()
  const held: number[] = []
  const reader = new BodyReader(Object.assign(body, { socket, headers: {} }) as unknown as IncomingMessage, {
    limit: 10_000_000,
    announced: undefined,
    chooseAlgorithms: () => [sha256],
    documents: [],
    hold: (bytes) => held.push(bytes),
    ...options,
  })
  return { reader, body, socket, held }
}

/** Has the periods pass in which a body must bring so much. */
async function passPeriod(): Promise<void> {
  mock.timers.tick(BODY_PERIOD_MS)
  await setImmediate()
  await setImmediate()
}

function useTimers(t: Test): void {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
}

t.test('a body in pieces of any length is read, and takes no more memory than it has bytes', async (t) => {
  const content = Buffer.alloc(400_000, 'contents')
  const bytes = Buffer.from(`{"x":"${'Ł'.repeat(6_000)}","encoded_contents":"${content.toString('base64')}"}`)
  for (const length of [64, 1024, 1025, 5_000, 100_000]) {
    const { reader, body, held } = begin()
    for (let at = 0; at < bytes.length; at += length) {
      body.write(bytes.subarray(at, at + length))
    }
    body.end()
    await reader.whole
    const { text, contents } = reader.take()
    t.equal(JSON.parse(text).x, 'Ł'.repeat(6_000))
    const [digests] = contents.values()
    t.same(digests?.digest(sha256), createHash('sha256').update(content).digest())
    const most = Math.max(...held)
    // Contents are kept until they are known to be long, the chunk among them that tells so
    t.ok(most < 110_000 + Math.max(length, 4096) + 4096, `${most} bytes in pieces of ${length}`)
  }
})

t.test('an error that comes when nobody waits for the body any more is no defect', async (t) => {
  const { reader, body } = begin()
  body.write('{')
  const closed = new Promise((resolve) => body.on('close', resolve))
  // Node looks whether there is a listener before, and emits it although the listener may have gone since
  body.destroy(new Error('aborted'))
  reader.stop(new Error('nobody waits'))
  await t.rejects(reader.whole, { message: 'nobody waits' })
  await closed
  const whole = begin()
  whole.body.end('{}')
  await whole.reader.whole
  t.equal(whole.reader.take().text, '{}')
  whole.body.emit('error', new Error('aborted'))
})

t.test('a body that comes in hundreds of short chunks is refused, and one in fewer is not', async (t) => {
  const few = begin()
  for (let count = 0; count < 120; count++) {
    few.body.write(' ')
  }
  few.body.end('{}')
  await few.reader.whole
  const many = begin()
  many.body.write('{'.padEnd(12_000))
  for (let count = 0; count < 400; count++) {
    many.body.write(' ')
  }
  await t.rejects(many.reader.whole, {
    code: 'INVALID_REQUEST',
    message: 'body: comes in pieces of less than 64 bytes: have the client buffer what it writes',
  })
  t.equal(many.held.at(-1), 0)
})

t.test('the socket is paused while others have their turn, and read on afterwards', async (t) => {
  const { reader, body, socket } = begin()
  const paused = once(socket, 'pause')
  body.write('{"encoded_contents":"')
  for (let count = 0; count < 10; count++) {
    body.write('A'.repeat(100_000))
  }
  await paused
  body.end('"}')
  await reader.whole
  while (socket.isPaused()) {
    await setImmediate()
  }
  t.pass('it is read on')
})

/** JSON of about so many bytes, none of which is cut away: of several strings that are kept whole. */
function listOf(bytes: number): string {
  return JSON.stringify(Array(bytes / 50_000).fill('A'.repeat(49_990)))
}

t.test('large bodies that end together are handed over in turns, and small ones at once', async (t) => {
  const order: string[] = []
  for (const [name, text] of [
    ['large', listOf(200_000)],
    ['less large', listOf(150_000)],
    ['small', ' '.repeat(1_000)],
    ['a string', `"${'A'.repeat(50_000)}"`],
  ] as const) {
    const { reader, body } = begin()
    void reader.whole.then(() => order.push(name))
    body.end(text)
  }
  const seen: string[] = []
  while (order.length < 4) {
    await setImmediate()
    seen.push(order.join())
  }
  t.same(order, ['small', 'a string', 'less large', 'large'], 'the shorter one first')
  t.ok(seen.includes('small,a string,less large'), seen.join('; '))
})

t.test('a body whose client leaves before its turn is given up', async (t) => {
  const { reader, body, held } = begin()
  body.end(listOf(200_000))
  body.on('end', reader.abandon)
  await t.rejects(reader.whole, { code: 'INVALID_REQUEST' })
  t.equal(held.at(-1), 0)
})

t.test('a body whose client leaves before it is handed over is given up', async (t) => {
  const { reader, body } = begin()
  body.end('{}')
  await reader.whole
  reader.abandon()
  t.throws(() => reader.take(), { code: 'INVALID_REQUEST', message: 'body: ended before it was complete' })
})

t.test('a body that has come whole is not too slow, however little its last period brought', async (t) => {
  useTimers(t)
  const { reader, body } = begin()
  body.write(listOf(100_000).slice(0, -1))
  await passPeriod()
  mock.timers.tick(BODY_PERIOD_MS)
  body.end(']')
  await reader.whole
  t.equal(JSON.parse(reader.take().text).length, 2)
})

t.test('the deadline of a signature counts from the arrival of the whole body', async (t) => {
  let now = 1_000
  t.intercept(performance, 'now', { value: () => now })
  const { reader, body } = begin()
  const deadline = () =>
    createSignOptions(
      { bodyReader: reader, trace: null },
      { client: new Client(), timeoutMs: 4_000, grant: {}, signer: { name: 'default' } },
    ).deadline
  body.write('{')
  await setImmediate()
  now = 60_000
  body.end('}')
  await reader.whole
  now = 61_000
  t.equal(deadline(), 64_000)
})

t.test('a body that waits for its turn is not too slow, as nothing of it is read', async (t) => {
  useTimers(t)
  const [first, second] = [begin(), begin()]
  first.body.write(listOf(300_000).slice(0, -1))
  second.body.write(listOf(400_000).slice(0, -1))
  await once(second.socket, 'pause')
  mock.timers.tick(BODY_PERIOD_MS)
  mock.timers.tick(BODY_PERIOD_MS)
  await t.rejects(first.reader.whole, { code: 'REQUEST_TIMEOUT' }, 'it was its turn')
  second.body.end(']')
  await second.reader.whole
  t.equal(JSON.parse(second.reader.take().text).length, 8)
})

t.test('the socket of a body that came whole in the same read is not paused', async (t) => {
  const { reader, body, socket } = begin()
  let pauses = 0
  socket.on('pause', () => {
    pauses += 1
  })
  body.once('data', () => Object.assign(body, { complete: true }))
  body.end(listOf(300_000))
  await reader.whole
  t.equal(pauses, 0)
})

t.test('a body that brings nothing is refused', async (t) => {
  useTimers(t)
  const { reader, body, held } = begin({ announced: 100 })
  body.write('{')
  await passPeriod()
  await t.rejects(reader.whole, {
    code: 'REQUEST_TIMEOUT',
    statusCode: 408,
    message: /10000 bytes of its body every 10 s/,
  })
  t.equal(held.at(-1), 0, 'its memory is given back')
  body.end('}')
  await setImmediate()
  t.equal(held.at(-1), 0, 'what comes later is discarded')
})

t.test('a body that brings just enough is read, and refused as soon as it brings less', async (t) => {
  useTimers(t)
  const { reader, body } = begin()
  let refusal: Error | undefined
  reader.whole.catch((error) => {
    refusal = error
  })
  for (let period = 0; period < 20; period++) {
    body.write((period === 0 ? '{"x":"' : '').padEnd(MIN_BODY_BYTES, 'A'))
    await setImmediate()
    await passPeriod()
  }
  t.equal(refusal, undefined)
  body.write(''.padEnd(MIN_BODY_BYTES - 1, 'A'))
  await setImmediate()
  await passPeriod()
  t.match(refusal, { code: 'REQUEST_TIMEOUT' })
})

t.test('a body that is announced as too large is refused before it comes', async (t) => {
  const { reader } = begin({ limit: 100, announced: 101 })
  await t.rejects(reader.whole, { code: 'PAYLOAD_TOO_LARGE', statusCode: 413 })
})

t.test('a body is refused for what is found in its last bytes', async (t) => {
  const { reader, body } = begin()
  body.write('{"x":[')
  // Short pieces, which are looked at when they are some kilobytes, or at the end
  for (let count = 0; count < 30; count++) {
    body.write('1,'.repeat(64))
  }
  await setImmediate()
  for (let count = 0; count < 2; count++) {
    body.write('['.repeat(100))
  }
  body.end(']')
  await t.rejects(reader.whole, { code: 'PAYLOAD_TOO_LARGE', message: /2048 names, values and punctuators/ })
})

t.test('a body is refused that has more outside of its strings than any request has', async (t) => {
  const { reader, body } = begin()
  body.end(`{"action":${' '.repeat(32_000)}"get_certificates","x":"${' '.repeat(32_000)}"}`)
  await reader.whole
  t.match(reader.take().text, /get_certificates/)
  for (const [beginning, filling] of [
    ['{', ' '],
    ['{"x":', '1'],
    ['', '\n'],
  ] as const) {
    const { reader, body } = begin()
    body.write(`${beginning}${filling.repeat(32_769)}`)
    await t.rejects(reader.whole, { code: 'PAYLOAD_TOO_LARGE', message: /32768 bytes outside of strings/ })
  }
})

t.test('a body that there is no room for is refused', async (t) => {
  const busy = new Error('busy')
  const { reader, body } = begin({
    hold(bytes) {
      if (bytes > 0) {
        throw busy
      }
    },
  })
  body.end('{}')
  await t.rejects(reader.whole, busy)
})
