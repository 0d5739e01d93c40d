/** TLS handshakes that take too long, begin oddly or in costly groups, and clients who send nothing but TLS. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { HEADERS_TIMEOUT_MS } from '../../src/common/arrival.ts'
import { readTls } from '../../src/configuration/tls.ts'
import { connections } from '../../src/plugins/connections.ts'
import { MalformedRequests } from '../../src/plugins/malformed-request.ts'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { createServerOptions } from '../../src/plugins/tls.ts'
import { issue } from '../support/certificates.ts'
import { until } from '../support/signing.ts'
import { callWith, captureHello, issueServer } from '../support/tls.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const server = issueServer(directory, root)

/** Starts a server with one route, which ends with the test. */
async function start(t: Test, limit = 16) {
  const lines: string[] = []
  const log = pino({}, { write: (line: string) => lines.push(line) })
  const malformed = new MalformedRequests(log, new LineLimit(log))
  const tls = readTls({ TLS_CERT_FILE: server.certificateFile, TLS_KEY_FILE: server.keyFile }, [], [])
  const app = Fastify({
    ...(tls && { https: createServerOptions(tls) }),
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => malformed.refuseConnection(error, socket),
  })
  const registry = new Registry()
  await app.register(connections, { limit, closeMs: 1_000, registry, log })
  app.get('/ping', async () => 'pong')
  app.post('/length', async ({ body }) => (body as string).length)
  const sockets: Socket[] = []
  app.server.on('secureConnection', (socket) => sockets.push(socket))
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => app.close())
  return { lines, registry, sockets, address: { host: url.hostname, port: Number(url.port) } }
}

t.test('keys are exchanged in groups that take little time', async (t) => {
  const { address } = await start(t)
  const exchange = async (ecdhCurve: string) => {
    const socket = connectTls({ ...address, ...callWith(root), ecdhCurve })
    const agreed = await new Promise<boolean>((resolve) => {
      socket.once('secureConnect', () => resolve(true)).on('error', () => resolve(false))
    })
    socket.destroy()
    return agreed
  }
  for (const [group, taken] of [
    ['X25519', true],
    ['P-256', true],
    ['P-384', true],
    ['P-521', false],
    ['X448', false],
  ] as const) {
    t.equal(await exchange(group), taken, group)
  }
})

t.test('a handshake ends in time, even if a byte comes now and then', async (t) => {
  const { lines, registry, address } = await start(t)
  const open = async () => {
    const metric = await registry.getSingleMetric('signing_service_http_connections')?.get()
    return metric?.values[0]?.value
  }
  const closed = (socket: Socket) =>
    new Promise((resolve) => {
      socket.on('error', () => {}).resume()
      socket.on('close', resolve)
    })
  const settled = async (count: number) => until(`${count} are open`, async () => (await open()) === count)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const established = connectTls({ ...address, ...callWith(root) })
  await once(established, 'secureConnect')
  const silent = connect(address)
  const slow = connect(address)
  const ends = Promise.all([closed(silent), closed(slow)])
  await settled(3)
  for (const byte of ['\x16', '\x03', '\x01']) {
    slow.write(byte)
    mock.timers.tick(HEADERS_TIMEOUT_MS / 3 - 1)
  }
  t.equal(await open(), 3, 'not before its time')
  mock.timers.tick(3)
  await ends
  await settled(1)
  t.equal(lines.filter((line) => line.includes('"reason":"ERR_TLS_HANDSHAKE_TIMEOUT"')).length, 2)
  established.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
  const [answer] = await once(established, 'data')
  t.match(`${answer}`, /^HTTP\/1.1 200 OK/)
})

t.test(
  'of more than 384 handshakes at once the oldest end, and no connection beyond its handshake',
  async (t) => {
    const { lines, registry, address } = await start(t, 2_048)
    const value = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values
    const established = connectTls({ ...address, ...callWith(root) })
    await once(established, 'secureConnect')
    const stalled: Socket[] = []
    t.teardown(() => stalled.map((socket) => socket.destroy()))
    const closed: number[] = []
    for (let number = 0; number < 392; number++) {
      const socket = connect(address)
      stalled.push(socket)
      socket.on('error', () => {}).resume()
      socket.on('close', () => closed.push(number))
      await once(socket, 'connect')
      socket.write('\x16\x03\x01')
    }
    await until('the oldest are closed', async () => closed.length === 8)
    t.strictSame(closed.toSorted(), [0, 1, 2, 3, 4, 5, 6, 7])
    t.match(await value('signing_service_http_connections'), [{ value: 385 }])
    const shed = (await value('signing_service_http_connections_shed_total'))?.filter(
      ({ value }) => value > 0,
    )
    t.match(shed, [{ labels: { reason: 'idle' }, value: 8 }])
    t.match(lines, [/too many TLS handshakes at once/])
    established.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
    t.match(`${await once(established, 'data')}`, /^HTTP\/1.1 200 OK/)
    const another = connectTls({ ...address, ...callWith(root) })
    await once(another, 'secureConnect')
    another.destroy()
    established.destroy()
  },
)

/** Sends a body over TLS, in records of so many bytes, but for its last byte. */
async function post(address: { host: string; port: number }, contents: Buffer, recordBytes: number) {
  const socket = connectTls({ ...address, ...callWith(root) })
  socket.on('error', () => {}).setNoDelay()
  socket.write(
    `POST /length HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${contents.length}\r\n\r\n`,
  )
  // Each write whose end is awaited is a record of its own
  for (let at = 0; at < contents.length - 1; at += recordBytes) {
    const end = Math.min(at + recordBytes, contents.length - 1)
    await new Promise((resolve) => socket.write(contents.subarray(at, end), resolve))
  }
  return socket
}

t.test(
  'a client that has OpenSSL work and sends nothing loses its connection, and no other one does',
  async (t) => {
    mock.timers.enable({ apis: ['setInterval'] })
    t.teardown(() => mock.timers.reset())
    const { lines, registry, address, sockets } = await start(t)
    const other = await post(address, Buffer.alloc(1_000_000, 'a'), 1024)
    mock.timers.tick(2_000)
    const noisy = await post(address, Buffer.alloc(16_000, 'a'), 1)
    const closed = once(noisy, 'close')
    await until('all of it has arrived', () => Number(sockets.at(-1)?.bytesRead) > 15_999)
    mock.timers.tick(2_000)
    await closed
    t.match(lines, [/next to nothing but TLS/])
    other.write('a')
    const [answer] = await once(other, 'data')
    t.match(`${answer}`, /^HTTP\/1.1 200 OK[\s\S]*\r\n1000000$/)
    const metric = await registry.getSingleMetric('signing_service_http_connections_shed_total')?.get()
    t.match(
      metric?.values.filter(({ value }) => value > 0),
      [{ labels: { reason: 'noise' }, value: 1 }],
    )
  },
)

/** Bytes of a record of 16 kB that arrive at first. */
const ARRIVING = 16_050

/** Connects through a way that keeps what is sent beyond those until it is told to go on. */
async function connectSlowly(address: { host: string; port: number }) {
  const socket = connect(address)
  let room = Number.POSITIVE_INFINITY
  let kept = Buffer.alloc(0)
  const line = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const sent = chunk.subarray(0, room)
      room -= sent.length
      kept = Buffer.concat([kept, chunk.subarray(sent.length)])
      socket.write(sent, () => done())
    },
  })
  socket.on('data', (chunk) => line.push(chunk)).on('close', () => line.destroy())
  const encrypted = connectTls({ socket: line, ...callWith(root) })
  await once(encrypted, 'secureConnect')
  room = ARRIVING
  return { encrypted, goOn: () => socket.write(kept) }
}

t.test('callers on a slow line, whose records arrive in pieces, keep their connections', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { lines, address, sockets } = await start(t, 32)
  const body = Buffer.alloc(16_000, 'a')
  const head = `POST /length HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n`
  const callers = await Promise.all(Array.from({ length: 20 }, () => connectSlowly(address)))
  for (const { encrypted } of callers) {
    encrypted.write(Buffer.concat([Buffer.from(head), body]))
  }
  const encryptedBytes = (socket: Socket) => (socket as Socket & { _parent: Socket })._parent.bytesRead
  await until('all but the ends has arrived', () => sockets.every((one) => encryptedBytes(one) > ARRIVING))
  t.ok(
    sockets.every(({ bytesRead }) => bytesRead === 0),
    'and OpenSSL has handed nothing out',
  )
  mock.timers.tick(3_000)
  for (const { encrypted, goOn } of callers) {
    goOn()
    t.match(`${await once(encrypted, 'data')}`, /^HTTP\/1.1 200 OK/)
    encrypted.destroy()
  }
  t.same(lines, [])
})

t.test('of clients who have it work together, those lose their connections who bring most', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { registry, address, sockets } = await start(t)
  const clients: Awaited<ReturnType<typeof post>>[] = []
  t.teardown(() => clients.map((socket) => socket.destroy()))
  for (const bytes of [1_000, 8_000, 9_000, 10_000]) {
    clients.push(await post(address, Buffer.alloc(bytes, 'a'), 1))
    await until('all of it has arrived', () => Number(sockets.at(-1)?.bytesRead) > bytes - 1)
  }
  const [least, less, more, most] = clients
  const closed = Promise.all([more, most].map((socket) => once(socket as Socket, 'close')))
  mock.timers.tick(1_000)
  await closed
  for (const kept of [least, less]) {
    kept?.write('a')
    t.match(`${await once(kept as Socket, 'data')}`, /^HTTP\/1.1 200 OK/)
  }
  const metric = await registry.getSingleMetric('signing_service_http_connections_shed_total')?.get()
  t.match(
    metric?.values.filter(({ value }) => value > 0),
    [{ labels: { reason: 'noise' }, value: 2 }],
  )
})

const hello = await captureHello()

interface Address {
  readonly host: string
  readonly port: number
}

/** Sends parts one after another. Returns the type of the record that is answered; undefined if the connection is closed. */
async function ask(address: Address, ...parts: Buffer[]): Promise<number | undefined> {
  const socket = connect(address)
  socket.on('error', () => {})
  const answer = new Promise<number | undefined>((resolve) => {
    socket.once('data', ([type]) => resolve(type)).once('close', () => resolve(undefined))
  })
  for (const part of parts) {
    socket.write(part)
    await delay(20)
  }
  const type = await answer
  socket.destroy()
  return type
}

/** Puts a message into records, of so many octets each, the last of all that is left. */
function inRecords(message: Buffer, ...lengths: number[]): Buffer {
  const [length, ...others] = lengths
  const part = message.subarray(0, length)
  const header = Buffer.of(22, 3, 1, part.length >> 8, part.length & 0xff)
  return Buffer.concat([
    header,
    part,
    ...(length === undefined ? [] : [inRecords(message.subarray(length), ...others)]),
  ])
}

/** A ClientHello of so many octets, most of which are of an extension that nobody knows. */
function helloOf(length: number): Buffer {
  const message = hello.subarray(5)
  const more = length - message.length
  const extension = Buffer.concat([
    Buffer.of(0xfe, 0xdc, (more - 4) >> 8, (more - 4) & 0xff),
    Buffer.alloc(more - 4),
  ])
  const long = Buffer.concat([message, extension])
  long.writeUIntBE(long.length - 4, 1, 3)
  // The length of all extensions stands behind version, random, session, ciphers and compression (RFC 8446 4.1.2)
  let at = 4 + 2 + 32
  at += 1 + long.readUInt8(at)
  at += 2 + long.readUInt16BE(at)
  at += 1 + long.readUInt8(at)
  long.writeUInt16BE(long.readUInt16BE(at) + more, at)
  return long
}

const HANDSHAKE = 22
const reasonsOf = (lines: readonly string[]) => lines.map((line) => JSON.parse(line).reason)

t.test('a ClientHello of up to 8,192 octets is read, in one piece or in several', async (t) => {
  const { lines, address } = await start(t)
  t.equal(await ask(address, hello), HANDSHAKE)
  t.equal(await ask(address, hello.subarray(0, 4), hello.subarray(4, 9), hello.subarray(9)), HANDSHAKE)
  t.equal(await ask(address, inRecords(hello.subarray(5), 4, 100)), HANDSHAKE, 'in three records')
  t.equal(await ask(address, inRecords(helloOf(8_196))), HANDSHAKE)
  t.strictSame(reasonsOf(lines), [])
})

t.test('a longer one is not, nor one that is cut so that its length cannot be told', async (t) => {
  const { lines, address } = await start(t)
  t.equal(await ask(address, inRecords(helloOf(8_197))), undefined)
  t.equal(await ask(address, inRecords(helloOf(60_000), 2, 16_000, 16_000, 16_000)), undefined)
  t.equal(await ask(address, inRecords(hello.subarray(5), 1)), undefined)
  t.strictSame(reasonsOf(lines), Array(3).fill('ERR_TLS_HELLO_TOO_LONG'))
})

t.test('clients that are no clients of TLS, or leave, are answered as before', async (t) => {
  const { lines, address } = await start(t)
  t.equal(await ask(address, Buffer.from('GET / HTTP/1.1\r\n\r\n')), undefined)
  t.equal(reasonsOf(lines).at(-1), 'ERR_SSL_HTTP_REQUEST')
  for (const begun of ['', '\x16\x03\x01']) {
    const socket = connect(address)
    socket.end(begun)
    await once(socket.resume(), 'close')
  }
  t.equal(reasonsOf(lines).length, 1, 'who only looks is not logged')
  const client = connectTls({ ...address, ...callWith(root) })
  client.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(`${await once(client, 'data')}`, /^HTTP\/1.1 200 OK/)
  client.destroy()
})
