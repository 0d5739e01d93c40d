/** Turns of TLS handshakes with client certificates, of clients at several addresses of the loopback interface, by an injected clock. */
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
import { readTls } from '../../src/configuration/tls.ts'
import { connections } from '../../src/plugins/connections.ts'
import { createServerOptions } from '../../src/plugins/tls.ts'
import { type Issued, issue } from '../support/certificates.ts'
import { callWith, issueClient, issueServer } from '../support/tls.ts'

const directory = t.testdir()
const root = issue(directory, { subject: '/CN=Root', ca: true })
const server = issueServer(directory, root)
const client = issueClient(directory, root, ['engine.example.com'])
const otherRoot = issue(directory, { subject: '/CN=Other root', ca: true })
const stranger = issueClient(directory, otherRoot, ['stranger'])

/** Returns what a client sends first. */
async function clientHello(): Promise<Buffer> {
  const sent = new Promise<Buffer>((resolve) => {
    const transport = new Duplex({ read() {}, write: (chunk) => resolve(chunk) })
    connectTls({ socket: transport, ...callWith(root) }).on('error', () => {})
  })
  return await sent
}

/** Starts a server that asks for certificates, which ends with the test. `order` has what happened. */
async function start(t: Test) {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const files = {
    TLS_CERT_FILE: server.certificateFile,
    TLS_KEY_FILE: server.keyFile,
    TLS_CLIENT_CA_FILE: root.certificateFile,
  }
  const tls = readTls(files, [], [])
  const app = Fastify({ ...(tls && { https: createServerOptions(tls) }), forceCloseConnections: true })
  await app.register(connections, {
    limit: 64,
    asksForCertificates: true,
    registry: new Registry(),
    log: pino({ enabled: false }),
  })
  app.get('/ping', async () => 'pong')
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  t.teardown(() => app.close())
  const address = { host: url.hostname, port: Number(url.port) }
  const order: string[] = []
  /** Notes whether a connection is answered or closed, and closes it. */
  const noted = (name: string, socket: Socket) => {
    t.teardown(() => socket.destroy())
    return new Promise<void>((resolve) => {
      const note = (event: string) => () => {
        order.push(`${name} ${event}`)
        socket.removeAllListeners('data').removeAllListeners('close').destroy()
        resolve()
      }
      socket.on('error', () => {}).resume()
      socket.once('data', note('answered')).once('close', note('closed'))
    })
  }
  return {
    order,
    /** Opens a connection that sends something, and nothing more. */
    async open(name: string, localAddress: string, bytes: Buffer) {
      const socket = connect({ ...address, localAddress })
      const ended = noted(name, socket)
      socket.write(bytes)
      // A handshake that goes on is answered by the server, which is no end
      socket.removeAllListeners('data').resume()
      await once(socket, 'connect')
      return { socket, ended }
    },
    /** Calls with a certificate, until the answer or the end. */
    call(name: string, localAddress: string, shown: Issued): Promise<void> {
      const options = { ...address, ...callWith(root, shown), checkServerIdentity: () => undefined }
      const socket = connectTls({ ...options, socket: connect({ ...address, localAddress }) })
      socket.write('GET /ping HTTP/1.1\r\nHost: a\r\n\r\n')
      return noted(name, socket)
    },
    /** Has turns pass until all of these have ended. */
    async passTurns(...ended: (Promise<unknown> | undefined)[]): Promise<void> {
      let isOver = false
      void Promise.all(ended).then(() => {
        isOver = true
      })
      while (!isOver) {
        mock.timers.tick(1_000)
        await delay(5)
      }
    },
  }
}

const hello = await clientHello()

t.test('addresses that are not known take turns, and known ones need not wait', async (t) => {
  const { order, open, call, passTurns } = await start(t)
  await call('known', '127.0.0.2', client)
  const { ended } = await open('stalled', '127.0.0.3', hello)
  await call('known', '127.0.0.2', client)
  await passTurns(ended, call('unknown', '127.0.0.4', client))
  t.strictSame(order, ['known answered', 'known answered', 'stalled closed', 'unknown answered'])
  await open('stalled', '127.0.0.3', hello)
  await call('unknown', '127.0.0.4', client)
  t.equal(order.at(-1), 'unknown answered', 'it is known now')
})

t.test('one that stalls is left alone while nobody waits', async (t) => {
  const { order, open, call, passTurns } = await start(t)
  const { ended } = await open('stalled', '127.0.0.3', hello)
  await passTurns(delay(50))
  t.strictSame(order, [])
  await passTurns(ended, call('unknown', '127.0.0.4', client))
  t.strictSame(order, ['stalled closed', 'unknown answered'])
})

t.test('addresses take turns, however many connections one of them opens', async (t) => {
  const { order, open, passTurns } = await start(t)
  const ended: Promise<void>[] = []
  for (const [name, address] of [
    ['first', '127.0.0.3'],
    ['second', '127.0.0.3'],
    ['third', '127.0.0.3'],
    ['of another', '127.0.0.4'],
  ] as const) {
    ended.push((await open(name, address, hello)).ended)
    await delay(20)
  }
  await passTurns(ended[0], ended[1], ended[3])
  t.strictSame(
    order,
    ['first closed', 'second closed', 'of another closed'],
    'nobody waits behind the last one',
  )
})

t.test('an address is not known any more once it has shown a certificate that nobody trusts', async (t) => {
  const { order, open, call, passTurns } = await start(t)
  await call('known', '127.0.0.2', client)
  await call('stranger', '127.0.0.2', stranger)
  const { ended } = await open('stalled', '127.0.0.3', hello)
  await passTurns(ended, call('known before', '127.0.0.2', client))
  t.strictSame(order, ['known answered', 'stranger closed', 'stalled closed', 'known before answered'])
})

t.test('a ClientHello that is too long is not read, and one that comes in pieces is', async (t) => {
  const { order, open, call } = await start(t)
  const ofLength = (length: number) => {
    const long = Buffer.alloc(9)
    long.set([22, 3, 1, 0x40, 0, 1])
    long.writeUIntBE(length, 6, 3)
    return long
  }
  const { ended } = await open('long', '127.0.0.2', ofLength(8_193))
  await ended
  t.strictSame(order, ['long closed'])
  const { socket } = await open('pieces', '127.0.0.2', hello.subarray(0, 5))
  const answered = once(socket, 'data')
  await delay(20)
  socket.write(hello.subarray(5))
  t.equal((await answered)[0][0], 22, 'the server says hello, too')
  socket.destroy()
  const other = await open('no TLS', '127.0.0.2', Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await other.ended
  await call('another', '127.0.0.2', client)
  t.strictSame(order.slice(-2), ['no TLS closed', 'another answered'])
})
