import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import {
  type AddressInfo,
  createServer as createTcpServer,
  getDefaultAutoSelectFamilyAttemptTimeout,
  type LookupFunction,
  setDefaultAutoSelectFamilyAttemptTimeout,
  type Server as TcpServer,
} from 'node:net'
import { mock } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../src/common/http-client.ts'
import { issue } from '../support/certificates.ts'
import { startRevocationServer } from '../support/revocation-server.ts'
import { until } from '../support/signing.ts'

const server = await startRevocationServer()
t.teardown(() => server.close())
const directory = t.testdir()
const tlsRoot = issue(directory, { subject: '/CN=TLS root', ca: true })
const tlsServer = issue(directory, {
  ...{ subject: '/CN=Server', issuer: tlsRoot, extension: 'subjectAltName = IP:127.0.0.1' },
})
const tlsClient = issue(directory, { subject: '/CN=Client', issuer: tlsRoot })

async function get(path: string, request: Partial<HttpRequest> = {}, client = new HttpClient()) {
  const url = new URL(path, server.url)
  const { signal } = new AbortController()
  return `${(await client.send({ url, limit: 1_000, signal, ...request })).body}`
}

function redirect(path: string, location: string | undefined, status = 302): void {
  server.on(path, (_, response) => {
    response.writeHead(status, location === undefined ? {} : { location }).end()
    return undefined
  })
}

/** Starts a server that keeps what it is sent, at an address of this machine. */
async function startServer(
  t: Test,
  { host = '127.0.0.1', tls = false, location = '' as string | (() => string) } = {},
) {
  const requests: IncomingMessage[] = []
  const listener: Parameters<typeof createServer>[1] = (request, response) => {
    requests.push(request)
    const to = typeof location === 'string' ? location : location()
    response.writeHead(to === '' ? 200 : 307, to === '' ? {} : { location: to }).end('answer')
  }
  const files = { key: readFileSync(tlsServer.keyFile), cert: readFileSync(tlsServer.certificateFile) }
  const one = tls
    ? createTlsServer(
        { ...files, ca: tlsRoot.certificate.toString(), requestCert: true, rejectUnauthorized: false },
        listener,
      )
    : createServer(listener)
  await new Promise<void>((resolve) => one.listen(0, host, resolve))
  t.teardown(() => {
    one.closeAllConnections()
    one.close()
  })
  const { port } = one.address() as AddressInfo
  return { url: new URL(`${tls ? 'https' : 'http'}://${host}:${port}/`), port, requests }
}

t.test('what is asked for, and what is posted, with its type', async (t) => {
  server.on('/plain', () => Buffer.from('answer'))
  server.on('/echo', (body, response) => {
    response.setHeader('connection', 'close')
    return body
  })
  t.equal(await get('/plain'), 'answer')
  t.equal(
    await get('/echo', { body: { type: 'application/ocsp-request', content: Buffer.from('asked') } }),
    'asked',
  )
  const one = await startServer(t)
  await get('/', {
    ...{ url: one.url, accept: 'text/plain', authorization: 'Basic eDp5' },
    body: { type: 'application/ocsp-request', content: Buffer.from('asked') },
  })
  t.match(one.requests[0], {
    method: 'POST',
    headers: {
      'content-type': 'application/ocsp-request',
      'content-length': '5',
      'accept-encoding': 'identity',
      accept: 'text/plain',
      authorization: 'Basic eDp5',
      'user-agent': 'signing-service',
      'cache-control': undefined,
    },
  })
  await get('/', { url: one.url })
  t.equal(one.requests.at(-1)?.headers['cache-control'], 'no-cache', 'what a cache has may be old')
})

t.test('over HTTPS only where the server is trusted', async (t) => {
  const { url } = await startServer(t, { tls: true })
  const untrusted = { message: /^cannot be reached, or broke off \((UNABLE_TO|SELF_SIGNED)/ }
  await t.rejects(get('/', { url }), untrusted)
  t.equal(await get('/', { url, tls: { ca: readFileSync(tlsRoot.certificateFile) } }), 'answer')
  redirect('/to-https', url.href)
  await t.rejects(get('/to-https'), untrusted, 'it is followed there')
  await t.rejects(get('/', { url, tls: { cert: Buffer.from('none') } }), {
    failure: 'tls_files',
    message: /^has TLS files that OpenSSL refuses \(ERR_OSSL_/,
  })
})

t.test('redirects are followed three times, to HTTP', async (t) => {
  server.on('/end', (body) => Buffer.concat([Buffer.from('end '), body]))
  redirect('/1', '/end', 301)
  redirect('/2', `${server.url}/1`, 308)
  redirect('/3', '/2', 307)
  redirect('/4', '/3')
  t.equal(await get('/3', { body: { type: 'text/plain', content: Buffer.from('body') } }), 'end body')
  await t.rejects(get('/4'), { failure: 'redirect', message: 'redirects more than 3 times' })
  for (const location of ['ftp://127.0.0.1/', 'file:///etc/passwd', 'http://[']) {
    redirect('/elsewhere', location)
    await t.rejects(get('/elsewhere'), {
      failure: 'redirect',
      message: /^redirects to where it is not followed/,
    })
  }
  redirect('/nowhere', undefined)
  await t.rejects(get('/nowhere'), { message: 'answered with the HTTP status 302' })
  redirect('/other', '/end', 303)
  t.equal(await get('/other'), 'end ', 'where nothing was posted')
  await t.rejects(get('/other', { body: { type: 'text/plain', content: Buffer.from('body') } }), {
    failure: 'status',
    status: 303,
    message: 'answered with the HTTP status 303',
  })
  t.equal(
    (await new HttpClient().send({ ...anyStatus('/other') })).status,
    303,
    'unless every status is an answer',
  )
})

function anyStatus(path: string): HttpRequest {
  const { signal } = new AbortController()
  return { url: new URL(path, server.url), limit: 1_000, anyStatus: true, signal }
}

t.test('a redirect from https to http is not followed', async (t) => {
  const plain = await startServer(t)
  const { url } = await startServer(t, { tls: true, location: plain.url.href })
  await t.rejects(get('/', { url, tls: { ca: readFileSync(tlsRoot.certificateFile) } }), {
    failure: 'redirect',
    message: 'redirects to where it is not followed, from https to http or to no address',
  })
  t.strictSame(plain.requests, [])
})

t.test('credentials go to the origin that they are for alone', async (t) => {
  const stranger = await startServer(t, { tls: true, location: () => new URL('/back', own.url).href })
  const own = await startServer(t, {
    ...{ tls: true, location: () => locations.shift() ?? '' },
  })
  const locations = ['/again', `https://user:word@127.0.0.1:${stranger.port}/`]
  const tls = {
    ca: readFileSync(tlsRoot.certificateFile),
    cert: readFileSync(tlsClient.certificateFile),
    key: readFileSync(tlsClient.keyFile),
  }
  const subjects: (string | undefined)[] = []
  for (const one of [own, stranger]) {
    const { push } = one.requests
    one.requests.push = (request) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      subjects.push(subject?.CN?.toString())
      return push.call(one.requests, request)
    }
  }
  t.equal(await get('/', { url: own.url, tls, authorization: 'Basic eDp5' }), 'answer')
  t.strictSame(
    own.requests.map(({ url, headers }) => [url, headers.authorization]),
    [
      ['/', 'Basic eDp5'],
      ['/again', 'Basic eDp5'],
      ['/back', undefined],
    ],
  )
  t.equal(stranger.requests[0]?.headers.authorization, undefined)
  t.strictSame(subjects, ['Client', 'Client', undefined, undefined])
})

/** 127.0.0.2 stands for a public address. */
const seeming = {
  isPrivate: (address: string) => address !== '127.0.0.2',
}
const names: Readonly<Record<string, readonly string[]>> = {
  'public.test': ['127.0.0.2'],
  'private.test': ['127.0.0.1'],
  'both.test': ['127.0.0.1', '127.0.0.2'],
}
const lookup: LookupFunction = (hostname, options, callback) => {
  const found = (names[hostname] ?? []).map((address) => ({ address, family: 4 }))
  const [first] = found
  if (first === undefined) {
    callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), [])
  } else if (options.all) {
    callback(null, found)
  } else {
    callback(null, first.address, first.family)
  }
}

t.test('the first of two addresses takes its time, and no way leads to the second', async (t) => {
  const { port } = await startServer(t)
  const before = getDefaultAutoSelectFamilyAttemptTimeout()
  t.teardown(() => setDefaultAutoSelectFamilyAttemptTimeout(before))
  setDefaultAutoSelectFamilyAttemptTimeout(10)
  const client = new HttpClient({
    lookup: (hostname, options, callback) => {
      lookup(hostname, options, callback)
      // When Node looks at the connection again, the time that it gives an address by itself is over
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    },
  })
  t.equal(await get('/', { url: new URL(`http://both.test:${port}/`) }, client), 'answer')
})

t.test('a redirect from a public to a private address is not followed', async (t) => {
  const inside = await startServer(t)
  const refused = {
    failure: 'redirect',
    message: 'redirects from a public to a private address, which is not followed',
  }
  for (const options of [seeming, { ...seeming, connections: 2 }] satisfies HttpClientOptions[]) {
    const client = new HttpClient({ ...options, lookup })
    t.teardown(() => client.close())
    for (const host of [
      '127.0.0.1',
      'private.test',
      'localhost',
      'sub.localhost',
      '127.1',
      '[::ffff:127.0.0.1]',
    ]) {
      const outside = await startServer(t, {
        ...{ host: '127.0.0.2', location: `http://${host}:${inside.port}/` },
      })
      await t.rejects(get('/', { url: outside.url }, client), refused, host)
    }
    t.strictSame(inside.requests, [])

    // The addresses that the name is allowed to have are connected to, and no others
    const other = await startServer(t, { host: '127.0.0.2' })
    const outside = await startServer(t, { host: '127.0.0.2', location: `http://both.test:${other.port}/` })
    t.equal(await get('/', { url: new URL(`http://public.test:${outside.port}/`) }, client), 'answer')
    const nowhere = await startServer(t, { host: '127.0.0.2', location: 'http://unknown.test/' })
    await t.rejects(get('/', { url: nowhere.url }, client), {
      message: 'cannot be reached, or broke off (ENOTFOUND)',
    })
  }
})

t.test('a connection that is kept to a private address is no way for a redirect', async (t) => {
  const inside = await startServer(t)
  const client = new HttpClient({ ...seeming, lookup, connections: 1 })
  t.teardown(() => client.close())
  const url = new URL(`http://private.test:${inside.port}/`)
  await get('/', { url }, client)
  const outside = await startServer(t, { host: '127.0.0.2', location: url.href })
  await t.rejects(get('/', { url: outside.url }, client), { message: /^redirects from a public/ })
  t.equal(inside.requests.length, 1)
})

t.test('who was private from the beginning may redirect to a private address', async (t) => {
  const inside = await startServer(t)
  const outside = await startServer(t, { host: '127.0.0.2', location: inside.url.href })
  const first = await startServer(t, { location: outside.url.href })
  const client = new HttpClient({ ...seeming, lookup, connections: 1 })
  t.teardown(() => client.close())
  for (let count = 0; count < 2; count++) {
    t.equal(await get('/', { url: first.url }, client), 'answer')
  }
  t.equal(inside.requests.length, 2)
})

t.test('what does not answer with 200', async (t) => {
  server.on('/500', (_, response) => {
    response.statusCode = 500
    return Buffer.from('error')
  })
  await t.rejects(get('/500'), { message: 'answered with the HTTP status 500' })
  await t.rejects(get('/404'), { message: 'answered with the HTTP status 404' })
  server.on('/101', (_, response) => {
    response.writeHead(101, { connection: 'upgrade', upgrade: 'other' }).end()
    return undefined
  })
  await t.rejects(get('/101'), { message: 'answered with the HTTP status 101' })
})

t.test('what does not end, or breaks off', async (t) => {
  let ended = false
  server.on('/endless', async (_, response) => {
    response.on('close', () => {
      ended = true
    })
    while (!ended) {
      response.write(Buffer.alloc(10_000))
      await new Promise(setImmediate)
    }
    return undefined
  })
  await t.rejects(get('/endless'), { failure: 'too_large', message: 'sent more than 1000 bytes' })
  server.on('/broken', (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('begun', () => response.destroy())
    return undefined
  })
  await t.rejects(get('/broken'), { message: 'cannot be reached, or broke off (ECONNRESET)' })
})

/** Has a server listen until the end of the test; returns its address. */
async function listen(t: Test, server: TcpServer): Promise<URL> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

t.test('what takes the process longer to read than any answer should', async (t) => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
  const early = 'HTTP/1.1 103 Early Hints\r\n\r\n'
  const ask = async (...parts: readonly string[]) => {
    const one = createTcpServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.write(parts.join('')))
      t.teardown(() => socket.destroy())
    })
    const url = await listen(t, one)
    const { signal } = new AbortController()
    return (await new HttpClient().send({ url, limit: 10_000_000, signal })).body
  }
  await t.rejects(ask(chunked, '1\r\nx\r\n'.repeat(10_000)), {
    ...{ failure: 'too_large', message: 'sent its answer in chunks of less than 128 bytes' },
  })
  const { mock: joined } = mock.method(Buffer, 'concat')
  const short = await ask(chunked, '1\r\nx\r\n'.repeat(5_000), '0\r\n\r\n')
  t.equal(`${short}`, 'x'.repeat(5_000), 'some short chunks are no attack')
  const pieces = joined.calls.map(({ arguments: [list] }) => list?.length ?? 0)
  t.ok(Math.max(...pieces) < 10, 'nor is each of them kept as a buffer of its own')
  mock.restoreAll()
  const many = await ask(chunked, `100\r\n${'x'.repeat(256)}\r\n`.repeat(10_000), '0\r\n\r\n')
  t.equal(many.length, 2_560_000)
  await t.rejects(ask(early.repeat(17)), {
    ...{ failure: 'too_large', message: 'sent more than 16 answers with a status of 1xx' },
  })
  t.equal(`${await ask(early.repeat(16), chunked, '1\r\nx\r\n0\r\n\r\n')}`, 'x')
})

t.test('an answer that is read in parts', async (t) => {
  const whole = randomBytes(1_000_000)
  server.on('/whole', () => whole)
  const { signal } = new AbortController()
  const ask = (path: string, parts: HttpRequest['parts'] & object) =>
    new HttpClient().send({ url: new URL(path, server.url), limit: 2_000_000, signal, parts })
  let waiting = 0
  let asked = 0
  const parts = {
    bytes: 256_000,
    paceMs: 60_000,
    doOthersWait: () => true,
    next: async () => {
      asked += 1
      waiting += 1
      await sleep(20)
      waiting -= 1
    },
  }
  const { body } = await ask('/whole', parts)
  t.ok(body.equals(whole))
  t.strictSame([asked, waiting], [3, 0], 'it waits after each part')
  t.equal((await ask('/whole', { ...parts, bytes: 1_000_000 })).body.length, whole.length)
  t.equal(asked, 3, 'but for the last one')

  const send = (path: string, octets: number) =>
    server.on(path, async (_, response) => {
      response.write(Buffer.alloc(300_000))
      for (let part = 0; part < 25 && !response.destroyed; part += 1) {
        await sleep(100)
        response.write(Buffer.alloc(octets))
      }
      response.end()
    })
  send('/trickles', 1)
  send('/steady', 20_000)
  const paced = { ...parts, paceMs: 1_000 }
  const next = () => sleep(2_500)
  const [alone, steady, late] = await Promise.all([
    ask('/trickles', { ...paced, doOthersWait: () => false }),
    ask('/steady', paced),
    ask('/steady', { ...paced, next }),
    t.rejects(ask('/trickles', paced), {
      ...{ failure: 'late', message: 'sent less than 20000 bytes in 1000 ms while others waited' },
    }),
  ])
  t.equal(alone.body.length, 300_025, 'nobody waits for it')
  t.equal(steady.body.length, 800_000)
  t.equal(late.body.length, 800_000, 'the time does not pass in which it waits')
})

t.test('what this client has ended is not sent once more, though the connection had been kept', async (t) => {
  let requests = 0
  const server = createTcpServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', () => {
        requests += 1
        socket.write(
          requests === 1
            ? 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'
            : 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(17),
        )
      })
    t.teardown(() => socket.destroy())
  })
  const url = await listen(t, server)
  const client = new HttpClient({ connections: 1 })
  t.teardown(() => client.close())
  t.equal(await get('/', { url }, client), 'x')
  await t.rejects(get('/', { url }, client), { ...{ failure: 'too_large' }, message: /1xx/ })
  t.equal(requests, 2)
})

t.test('what cannot be reached', async (t) => {
  const closed = createTcpServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  await t.rejects(get('/', { url: new URL(`http://127.0.0.1:${port}/`) }), {
    failure: 'unreachable',
    message: 'cannot be reached, or broke off (ECONNREFUSED)',
  })
})

t.test('who does not want it any more is not kept waiting', async (t) => {
  for (const path of ['/silent', '/slow']) {
    server.on(path, (_, response) => {
      if (path === '/slow') {
        response.write('begun')
      }
      return undefined
    })
    const before = server.asked.length
    const controller = new AbortController()
    const asked = get(path, { signal: controller.signal })
    await until('it was asked', () => server.asked.length > before)
    controller.abort(new Error('left'))
    await t.rejects(asked, { message: 'left' })
    await t.rejects(get('/plain', { signal: controller.signal }), { message: 'left' })
    t.equal(server.asked.length, before + 1)
  }
})
