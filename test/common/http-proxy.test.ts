/** Requests go through tinyproxy to servers that nobody reaches otherwise. */

import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer, get } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { HttpClient, type HttpRequest } from '../../src/common/http-client.ts'
import { Password } from '../../src/common/password.ts'
import { Proxies } from '../../src/common/proxies.ts'
import { ProxyAgent } from '../../src/common/proxy-agent.ts'
import { issue } from '../support/certificates.ts'
import { until } from '../support/signing.ts'
import { hasTinyproxy, startTinyproxy, type TinyproxyOptions } from '../support/tinyproxy.ts'

const skip = hasTinyproxy() ? false : 'tinyproxy is missing: docker/install-tools.sh tinyproxy'
const directory = t.testdir()
const root = issue(directory, { subject: '/CN=TLS root', ca: true })
const certified = issue(directory, {
  ...{ subject: '/CN=Server', issuer: root, extension: 'subjectAltName = IP:127.0.0.1, DNS:localhost' },
})
const files = { key: readFileSync(certified.keyFile), cert: readFileSync(certified.certificateFile) }
const tls = { ca: readFileSync(root.certificateFile) }

async function startServer(t: Test, isTls: boolean, location?: string) {
  const requests: IncomingMessage[] = []
  const listener: Parameters<typeof createServer>[1] = (request, response) => {
    requests.push(request)
    if (request.url === '/silent') {
      return
    }
    response.writeHead(location === undefined ? 200 : 302, location === undefined ? {} : { location })
    request.pipe(response)
  }
  const server = isTls ? createTlsServer(files, listener) : createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { requests, port, url: new URL(`${isTls ? 'https' : 'http'}://127.0.0.1:${port}/path?query`) }
}

interface Through {
  readonly url: URL
  readonly user?: string
  readonly password?: string
  readonly except?: string
  readonly connections?: number
}

function createClient(t: Test, { url, user, password, except = '', connections }: Through): HttpClient {
  const basic = Buffer.from(`${user}:${password}`).toString('base64')
  const proxy = { url, ...(user !== undefined && { authorization: new Password(`Basic ${basic}`) }) }
  const proxies = new Proxies({ http: proxy, https: proxy, except })
  const client = new HttpClient({ proxies, ...(connections !== undefined && { connections }) })
  t.teardown(() => client.close())
  return client
}

async function post(client: HttpClient, url: URL, request: Partial<HttpRequest> = {}): Promise<string> {
  const body = { type: 'text/plain', content: Buffer.from('asked') }
  const { signal } = new AbortController()
  return `${(await client.send({ url, body, limit: 1_000, signal, tls, ...request })).body}`
}

t.test('http and https addresses are asked through a proxy', { skip }, async (t) => {
  for (const options of [{}, { user: 'user', password: 'correct-horse' }] satisfies TinyproxyOptions[]) {
    const proxy = await startTinyproxy(t, options)
    const [plain, secure] = [await startServer(t, false), await startServer(t, true)]
    const client = createClient(t, { ...options, url: proxy.url, connections: 2 })
    for (let count = 0; count < 2; count++) {
      t.equal(await post(client, plain.url), 'asked')
      t.equal(await post(client, secure.url), 'asked')
    }
    t.match(plain.requests[0], { method: 'POST', url: '/path?query', headers: { host: plain.url.host } })
    t.match(plain.requests[0]?.headers.via, /tinyproxy/)
    t.equal(plain.requests[0]?.headers['proxy-authorization'], undefined, 'which is for the proxy alone')
    t.match(secure.requests[0], { method: 'POST', url: '/path?query', headers: { host: secure.url.host } })
    t.equal(secure.requests[0]?.headers['proxy-authorization'], undefined)
    t.equal(secure.requests[0]?.socket, secure.requests[1]?.socket, 'the tunnel is kept')
    const asked = proxy.requests()
    t.ok(asked.includes(`POST ${plain.url.href} HTTP/1.1`))
    t.strictSame(
      asked.filter((line) => line.startsWith('CONNECT ')),
      [`CONNECT ${secure.url.host} HTTP/1.1`],
    )
  }
})

t.test('hosts that are excepted are asked directly', { skip }, async (t) => {
  const proxy = await startTinyproxy(t)
  const server = await startServer(t, false)
  const client = createClient(t, { url: proxy.url, except: '127.0.0.0/8' })
  t.equal(await post(client, server.url), 'asked')
  t.equal(server.requests[0]?.headers.via, undefined)
  t.strictSame(proxy.requests(), [])
})

t.test('a proxy that refuses a tunnel for want of a password, as most but tinyproxy do', async (t) => {
  const proxy = createServer()
  proxy.on('connect', (_, socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => proxy.close())
  const { port } = proxy.address() as AddressInfo
  const { url } = await startServer(t, true)
  const client = createClient(t, {
    url: new URL(`http://127.0.0.1:${port}`),
    user: 'user',
    password: 'wrong',
  })
  await t.rejects(post(client, url), {
    message: 'cannot be reached through the proxy, which answered CONNECT with the HTTP status 407',
    status: 407,
  })
})

t.test('a proxy that wants another password, and one that is not there', { skip }, async (t) => {
  const proxy = await startTinyproxy(t, { user: 'user', password: 'correct-horse' })
  const [plain, secure] = [await startServer(t, false), await startServer(t, true)]
  const wrong = createClient(t, { url: proxy.url, user: 'user', password: 'wrong' })
  const unauthorized =
    /^(answered with the HTTP status|cannot be reached through the proxy, which answered CONNECT with the HTTP status) (401|407)$/
  for (const { url } of [plain, secure]) {
    await t.rejects(post(wrong, url), { message: unauthorized })
  }
  const client = createClient(t, { url: proxy.url, user: 'user', password: 'correct-horse' })
  t.equal(await post(client, secure.url), 'asked')
  proxy.kill()
  await until('it is gone', () =>
    post(client, plain.url).then(
      () => false,
      () => true,
    ),
  )
  for (const { url } of [plain, secure]) {
    await t.rejects(post(client, url), {
      message: 'cannot be reached through the proxy, or broke off (ECONNREFUSED)',
    })
  }
  t.equal(plain.requests.length, 0)
})

t.test('a redirect to a private address is not followed through a proxy either', { skip }, async (t) => {
  const proxy = await startTinyproxy(t)
  const inside = await startServer(t, false)
  const seeming = (address: string) => address !== '127.0.0.2'
  const proxies = new Proxies({ http: { url: proxy.url } })
  const client = new HttpClient({ proxies, isPrivate: seeming })
  for (const host of ['127.0.0.1', 'localhost']) {
    const outside = await startServer(t, false, `http://${host}:${inside.port}/`)
    const url = new URL(`http://127.0.0.2:${outside.port}/`)
    await t.rejects(post(client, await answerAt(t, url, outside.port)), {
      message: 'redirects from a public to a private address, which is not followed',
    })
    t.equal(await post(client, outside.url), 'asked', 'unless it was private before')
  }
  t.equal(inside.requests.length, 2)
})

/** Has an address that seems to be public lead to a server of this test. */
async function answerAt(t: Test, url: URL, port: number): Promise<URL> {
  const forwarder = createTcpServer((socket) => pipe(socket, port))
  await new Promise<void>((resolve) => forwarder.listen(port, url.hostname, resolve))
  t.teardown(() => forwarder.close())
  return url
}

function pipe(socket: Socket, port: number): void {
  const other = new (socket.constructor as typeof Socket)().connect(port, '127.0.0.1')
  for (const one of [socket, other]) {
    one.on('error', () => one.destroy())
  }
  socket.pipe(other).pipe(socket)
}

/** Starts a proxy that does with each socket what is asked for, and returns its address and the sockets. */
async function startBadProxy(t: Test, onSocket: (socket: Socket) => void) {
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket)
    socket.resume().on('error', () => socket.destroy())
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) {
      socket.destroy()
    }
    server.close()
  })
  return { sockets, url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`) }
}

t.test('a proxy that says nothing holds nobody up', async (t) => {
  const { sockets, url } = await startBadProxy(t, () => {})
  const client = createClient(t, { url, connections: 1 })
  for (const address of ['http://a.test/', 'https://a.test/']) {
    const controller = new AbortController()
    const asked = post(client, new URL(address), { signal: controller.signal })
    const before = sockets.length
    await until('it was asked', () => sockets.length > before)
    controller.abort(new Error('left'))
    await t.rejects(asked, { message: 'left' })
    await until('nothing is left of it', () => sockets.every((socket) => socket.destroyed))
  }
})

/** Sends an answer that never ends, octet by octet. */
function drip(socket: Socket): void {
  socket.write('HTTP/1.1 200 Connection established\r\nx: ')
  const timer = setInterval(() => socket.write('x'), 20)
  socket.on('close', () => clearInterval(timer))
}

t.test('a proxy that drips its answer keeps no connection that nobody waits for', async (t) => {
  const { sockets, url } = await startBadProxy(t, drip)
  const proxies = new Proxies({ https: { url } })
  const client = createClient(t, { url, connections: 1 })
  const controller = new AbortController()
  const { signal } = controller
  const asked = Array.from({ length: 3 }, () => post(client, new URL('https://a.test/'), { signal }))
  await until('all have asked', () => sockets.length === asked.length)
  controller.abort(new Error('left'))
  for (const one of asked) {
    await t.rejects(one, { message: 'left' })
  }
  await until('nothing is left of them', () => sockets.every((socket) => socket.destroyed))
  const agent = new ProxyAgent(proxies, { timeout: 200 })
  await t.rejects(
    new Promise((_, reject) => get('https://a.test/', { agent }).on('error', reject)),
    'an agent has a limit of its own',
  )
  await until('its connection is closed', () => sockets.every((socket) => socket.destroyed))
})

t.test('a tunnel is kept when somebody leaves who no longer waits for it', { skip }, async (t) => {
  const proxy = await startTinyproxy(t)
  const secure = await startServer(t, true)
  const client = createClient(t, { url: proxy.url, connections: 1 })
  const controller = new AbortController()
  t.equal(await post(client, secure.url, { signal: controller.signal }), 'asked')
  controller.abort(new Error('left'))
  t.equal(await post(client, secure.url), 'asked')
  t.equal(secure.requests[0]?.socket, secure.requests[1]?.socket)
})

t.test('who waits for the tunnel of another one, who leaves, gets one of his own', { skip }, async (t) => {
  const proxy = await startTinyproxy(t)
  const secure = await startServer(t, true)
  const client = createClient(t, { url: proxy.url, connections: 1 })
  const controller = new AbortController()
  const { signal } = controller
  const first = post(client, new URL('/silent', secure.url), { signal })
  await until('the tunnel is used', () => secure.requests.length === 1)
  const second = post(client, secure.url)
  controller.abort(new Error('left'))
  await t.rejects(first, { message: 'left' })
  t.equal(await second, 'asked')
})
