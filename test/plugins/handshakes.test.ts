/** What clients send first over TLS, which is looked at before OpenSSL reads it. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import Fastify from 'fastify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import t from 'tap'
import { readTls } from '../../src/configuration/tls.ts'
import { connections } from '../../src/plugins/connections.ts'
import { MalformedRequests } from '../../src/plugins/malformed-request.ts'
import { LineLimit } from '../../src/plugins/request-log.ts'
import { createServerOptions } from '../../src/plugins/tls.ts'
import { issue } from '../support/certificates.ts'
import { callWith, issueServer } from '../support/tls.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const server = issueServer(directory, root)
const tls = readTls({ TLS_CERT_FILE: server.certificateFile, TLS_KEY_FILE: server.keyFile }, [], [])
const lines: string[] = []
const log = pino({}, { write: (line: string) => lines.push(line) })
const malformed = new MalformedRequests(log, new LineLimit(log))
const app = Fastify({
  ...(tls && { https: createServerOptions(tls) }),
  forceCloseConnections: true,
  clientErrorHandler: (error, socket) => malformed.refuseConnection(error, socket),
})
await app.register(connections, { limit: 64, registry: new Registry(), log })
app.get('/ping', async () => 'pong')
const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
t.teardown(() => app.close())
const address = { host: url.hostname, port: Number(url.port) }

/** A ClientHello, in one record. */
const hello = await new Promise<Buffer>((resolve) => {
  const transport = new Duplex({ read() {}, write: (chunk) => resolve(chunk) })
  connectTls({ socket: transport, ...callWith(root) }).on('error', () => {})
})

/** Sends parts one after another. Returns the type of the record that is answered; undefined if the connection is closed. */
async function ask(...parts: Buffer[]): Promise<number | undefined> {
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
const reasons = () => lines.map((line) => JSON.parse(line).reason)

t.test('a ClientHello of up to 8,192 octets is read, in one piece or in several', async (t) => {
  t.equal(await ask(hello), HANDSHAKE)
  t.equal(await ask(hello.subarray(0, 4), hello.subarray(4, 9), hello.subarray(9)), HANDSHAKE)
  t.equal(await ask(inRecords(hello.subarray(5), 4, 100)), HANDSHAKE, 'in three records')
  t.equal(await ask(inRecords(helloOf(8_196))), HANDSHAKE)
  t.strictSame(reasons(), [])
})

t.test('a longer one is not, nor one that is cut so that its length cannot be told', async (t) => {
  t.equal(await ask(inRecords(helloOf(8_197))), undefined)
  t.equal(await ask(inRecords(helloOf(60_000), 2, 16_000, 16_000, 16_000)), undefined)
  t.equal(await ask(inRecords(hello.subarray(5), 1)), undefined)
  t.strictSame(reasons(), Array(3).fill('ERR_TLS_HELLO_TOO_LONG'))
})

t.test('clients that are no clients of TLS, or leave, are answered as before', async (t) => {
  t.equal(await ask(Buffer.from('GET / HTTP/1.1\r\n\r\n')), undefined)
  t.equal(reasons().at(-1), 'ERR_SSL_HTTP_REQUEST')
  for (const begun of ['', '\x16\x03\x01']) {
    const socket = connect(address)
    socket.end(begun)
    await once(socket.resume(), 'close')
  }
  t.equal(reasons().length, 4, 'who only looks is not logged')
  const client = connectTls({ ...address, ...callWith(root) })
  client.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
  t.match(`${await once(client, 'data')}`, /^HTTP\/1.1 200 OK/)
  client.destroy()
})
