import { execFile } from 'node:child_process'
import { createPublicKey, verify } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { parseQuery } from '../src/plugins/http-defaults.ts'
import { type Answer, send } from './support/http.ts'
import { readLog } from './support/log-lines.ts'
import { checkRefusal } from './support/refusal.ts'
import { startReadyService } from './support/service.ts'
import { rawRequest } from './support/signing.ts'
import { parseAnswer, sendRaw } from './support/socket.ts'
import { createSigningToken } from './support/token.ts'

const run = promisify(execFile)
const BODY_LIMIT = 100_000
const ORIGIN = 'https://app.example.com'

const directory = t.testdir()
const { environment, publicKey } = await createSigningToken(directory)
const service = await startReadyService(t, {
  ...environment,
  SIGNING_SERVICE_BODY_LIMIT: String(BODY_LIMIT),
  SIGNING_SERVICE_PATH: '/hsm/sign/',
  HSM_TIMEOUT_MS: '30000',
})
const withCors = await startReadyService(t, {
  ...environment,
  CORS_ORIGINS: `https://other.example.com,${ORIGIN}`,
})

const data = Buffer.from('data')
const body = JSON.stringify({ action: 'sign', data_to_be_signed: data.toString('base64') })
const key = createPublicKey(readFileSync(publicKey))
const isSignature = (signature: Buffer) => verify('sha256', data, key, signature)
const post = (path: string, headers: Record<string, string> = {}, sent: string | Buffer = body) =>
  send(`${service.url}${path}`, { method: 'POST', headers, body: sent })

/** curl, as a client whose manners are not ours. */
async function curl(...args: string[]): Promise<Answer> {
  const { stdout } = await run('curl', ['-s', '-S', '-i', '--max-time', '30', ...args], {
    encoding: 'latin1',
  })
  return parseAnswer(stdout.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, ''))
}

t.test('signing requests are answered at', async (t) => {
  for (const path of ['/sign', '/sign/', '/', '/hsm/sign', '/hsm/sign/', '/sign?a=b', '/?x', '/%73ign']) {
    t.test(path, async (t) => {
      const answer = await post(path)
      t.equal(answer.statusCode, 200)
      t.ok(isSignature(answer.body))
    })
  }
})

t.test('probes are answered at / and /health/live', async (t) => {
  for (const path of ['/', '/health/live', '/health/live/', '/health/ready']) {
    const answer = await send(`${service.url}${path}`)
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], 'application/json')
    const head = await send(`${service.url}${path}`, { method: 'HEAD' })
    t.equal(head.statusCode, 200)
    t.equal(head.body.length, 0)
  }
  t.same((await send(`${service.url}/`)).json(), { status: 'ok', service: 'signing-service' })
  t.same((await send(`${service.url}/health/live`)).json(), { status: 'live' })
})

t.test('there is nothing at other addresses', async (t) => {
  const refusal = { statusCode: 404, code: 'NOT_FOUND', message: /POST \/sign of SIGNING_SERVICE_PORT$/ }
  const paths = [
    '/sig',
    '/sign/x',
    '/SIGN',
    '/%2fsign',
    '/hsm%2fsign',
    '/sign%00',
    '/health',
    '//sign',
    '/%25',
  ]
  const patterns = ['/:a(', '/*', '/*x', '/:a((a+)+)', '/:path', '/%3Aa(', '/constructor']
  for (const path of [...paths, ...patterns]) {
    checkRefusal(t, await post(path), refusal)
    checkRefusal(t, await send(`${service.url}${path}`), refusal)
    checkRefusal(t, await send(`${service.url}${path}`, { method: 'OPTIONS' }), refusal)
  }
})

t.test('an address answers the methods that Allow names', async (t) => {
  const addresses = {
    '/sign': 'POST, OPTIONS',
    '/sign/': 'POST, OPTIONS',
    '/sign?a=b': 'POST, OPTIONS',
    '/%73ign/': 'POST, OPTIONS',
    '/hsm/sign': 'POST, OPTIONS',
    '/': 'GET, HEAD, POST, OPTIONS',
    '/health/ready': 'GET, HEAD, OPTIONS',
  }
  for (const [path, allow] of Object.entries(addresses)) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE']) {
      if (!allow.includes(method)) {
        const answer = await send(`${service.url}${path}`, { method })
        t.equal(answer.statusCode, 405, `${method} ${path}`)
        t.equal(answer.headers.allow, allow)
        if (method !== 'HEAD') {
          const message = `This address answers ${allow}`
          checkRefusal(t, answer, { statusCode: 405, code: 'METHOD_NOT_ALLOWED', message })
        }
      }
    }
    const options = await send(`${service.url}${path}`, { method: 'OPTIONS' })
    t.equal(options.statusCode, 204)
    t.equal(options.headers.allow, allow)
    t.equal(options.headers['access-control-allow-origin'], undefined)
  }
})

t.test('an address may be sent in full', async (t) => {
  for (const [path, statusCode] of [
    ['sign', 405],
    ['sig', 404],
  ] as const) {
    const request = `GET http://x/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    t.equal(parseAnswer(await sendRaw(service.url, [request])).statusCode, statusCode)
  }
})

t.test('the body must be JSON', async (t) => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'Application/JSON; charset="utf-8"',
  ]) {
    t.equal((await post('/sign', { 'content-type': type })).statusCode, 200, type)
  }
  const refusal = {
    statusCode: 415,
    code: 'UNSUPPORTED_MEDIA_TYPE',
    message: 'The body must be sent as Content-Type: application/json',
  }
  for (const type of ['', 'text/plain', 'application/x-www-form-urlencoded', 'text/json', 'json', '*/*']) {
    checkRefusal(t, await post('/sign', { 'content-type': type }), refusal)
  }
  const { hostname, port } = new URL(service.url)
  const untyped = await new Promise<number | undefined>((resolve) => {
    const outgoing = request({ hostname, port, path: '/sign', method: 'POST' }, (incoming) => {
      incoming.resume()
      resolve(incoming.statusCode)
    })
    outgoing.end(body)
  })
  t.equal(untyped, 415, 'no type at all')
  checkRefusal(t, await send(`${service.url}/sign`, { method: 'POST' }), {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: 'body: must be a JSON object',
  })
})

t.test('the body must not be compressed', async (t) => {
  for (const encoding of ['gzip', 'deflate', 'br', 'GZIP', 'gzip, identity']) {
    const answer = await post('/sign', { 'content-encoding': encoding }, gzipSync(body))
    const message = 'The body must be sent without Content-Encoding'
    checkRefusal(t, answer, { statusCode: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message })
    t.equal(answer.headers['accept-encoding'], 'identity')
  }
  t.equal((await post('/sign', { 'content-encoding': 'Identity' })).statusCode, 200)
})

t.test('a body of another character set is refused', async (t) => {
  const sent = Buffer.from(body, 'utf16le')
  checkRefusal(t, await post('/sign', { 'content-type': 'application/json; charset=utf-16' }, sent), {
    statusCode: 400,
    code: 'INVALID_REQUEST',
    message: 'body: is not valid JSON',
  })
})

t.test('a body that is too large is refused, and the client can read that', async (t) => {
  const file = join(directory, 'large')
  writeFileSync(file, `"${'a'.repeat(20_000_000)}"`)
  const refusal = {
    statusCode: 413,
    code: 'PAYLOAD_TOO_LARGE',
    message: `The body is larger than the ${BODY_LIMIT} bytes that SIGNING_SERVICE_BODY_LIMIT allows`,
  }
  const headers = {
    'with Content-Length': 'Expect:',
    'in chunks': 'Transfer-Encoding: chunked',
    'after 100 Continue': 'Expect: 100-continue',
  }
  for (const [name, header] of Object.entries(headers)) {
    t.test(`${name}, to curl`, async (t) => {
      const type = 'Content-Type: application/json'
      const args = ['-H', type, '-H', header, '--data-binary', `@${file}`, `${service.url}/sign`]
      checkRefusal(t, await curl(...args), refusal)
    })
  }
  t.test('to a client that sends all of it before it reads', async (t) => {
    for (const chunked of [false, true]) {
      const size = 20_000_000
      const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${size}`
      const head = `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${length}\r\n`
      const chunks = Array.from({ length: 200 }, () => Buffer.alloc(size / 200, 'a'))
      const parts = chunked
        ? [...chunks.flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n']), '0\r\n\r\n']
        : chunks
      // A second request on the same connection is none any more
      const next = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
      const text = await sendRaw(service.url, [
        `${head}\r\n`,
        Buffer.concat(parts.map((part) => Buffer.from(part))),
        next,
      ])
      const answers = text.split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
      t.same(
        answers.map(({ statusCode, headers }) => [statusCode, headers.connection]),
        [[413, 'close']],
      )
    }
  })
  t.test('by one byte', async (t) => {
    const fill = (size: number) => `${body.slice(0, -1)},"x":"${'x'.repeat(size - body.length - 7)}"}`
    t.equal((await post('/sign', {}, fill(BODY_LIMIT))).statusCode, 200)
    checkRefusal(t, await post('/sign', {}, fill(BODY_LIMIT + 1)), refusal)
  })
})

t.test(
  'each request has an id of its own, and the caller’s beside it in the log where it is a plain word',
  async (t) => {
    const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
    const ids = new Set<unknown>()
    const postAs = async (id: string) => {
      const answer = await post('/sign', { 'x-request-id': id }, '{}')
      const { requestId } = answer.json()
      t.match(requestId, uuid)
      t.equal(answer.headers['x-request-id'], requestId)
      ids.add(requestId)
      return readLog(service.log()).filter((line) => line.requestId === requestId)
    }
    for (const id of ['abc-123', 'abc-123', 'a.b:c_d-e', 'x'.repeat(64)]) {
      const lines = await postAs(id)
      t.match(lines, [{ callerRequestId: id, msg: 'request refused' }])
    }
    for (const id of ['', 'two words', 'x'.repeat(65), '"quoted"', '<b>', 'a, b']) {
      const lines = await postAs(id)
      t.equal(lines.length, 1)
      t.notOk('callerRequestId' in (lines[0] ?? {}))
    }
    t.equal(ids.size, 10)
  },
)

t.test('an address that cannot be decoded is refused and logged', async (t) => {
  for (const path of ['/%zz', '/%', '/sign%ff']) {
    const answer = await post(path, { 'x-request-id': `address-${path.length}` })
    checkRefusal(t, answer, {
      statusCode: 400,
      code: 'INVALID_REQUEST',
      message: 'the address is not a valid path',
    })
    t.match(service.log(), new RegExp(`"callerRequestId":"address-${path.length}".*"request refused"`))
  }
})

t.test('a browser page of a configured origin may call', async (t) => {
  const preflight = await send(`${withCors.url}/sign`, {
    method: 'OPTIONS',
    headers: {
      origin: ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,x-request-id',
    },
  })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers, {
    'access-control-allow-origin': ORIGIN,
    'access-control-allow-methods': 'GET, HEAD, POST',
    'access-control-allow-headers': 'content-type,x-request-id',
    'access-control-max-age': '600',
    vary: /Origin/,
  })
  t.equal(preflight.headers['access-control-allow-credentials'], undefined)

  const requests = [
    { body },
    { body: '{' },
    { body, headers: { 'content-encoding': 'gzip' } },
    { body, headers: { 'content-type': 'text/plain' } },
    { method: 'PUT', body },
  ]
  for (const { headers, ...rest } of requests) {
    const options = { method: 'POST', ...rest, headers: { origin: ORIGIN, ...headers } }
    const answer = await send(`${withCors.url}/sign`, options)
    t.equal(answer.headers['access-control-allow-origin'], ORIGIN, `status ${answer.statusCode}`)
    t.match(answer.headers.vary, 'Origin')
  }
})

const HEAD = `Host: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`

/** A request to sign a text. */
function pipelined(text: string): string {
  const sent = JSON.stringify(rawRequest(text))
  return `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`
}

t.test('a query of more than 1024 characters is refused, and none of it is read', async (t) => {
  t.same(parseQuery(`signer=a&${'b'.repeat(1_015)}`).signer, 'a')
  t.same(parseQuery(`signer=a&${'b'.repeat(1_016)}`), {})
  t.equal(parseQuery(`${'&'.repeat(1_015)}signer=a`).signer, 'a', 'behind a thousand without a name')
  const names = Array.from({ length: 1_000 }, (_, index) => index.toString(36)).join('&')
  for (const [method, path] of [
    ['GET', '/health/ready'],
    ['POST', '/sign'],
    ['GET', '/nothing'],
  ] as const) {
    const refused = await send(`${service.url}${path}?${names.slice(0, 1_025)}`, { method })
    checkRefusal(t, refused, {
      statusCode: 431,
      code: 'HEADERS_TOO_LARGE',
      message: /the query has more than 1024/,
    })
    const { statusCode } = await send(`${service.url}${path}?${names.slice(0, 1_024)}`, { method })
    t.not(statusCode, 431, path)
  }
  const behind = await send(`${service.url}/sign?${names}&signer=another`, { method: 'POST' })
  t.equal(behind.statusCode, 431, 'nor is a name behind all that')
})

t.test('pipelined requests are answered in their order', async (t) => {
  const texts = Array.from({ length: 8 }, (_, index) => `pipelined ${index}`)
  const requests = texts.map((text, index) => {
    const last = index === 7 ? 'Connection: close\r\n' : ''
    return index % 2 === 0 ? pipelined(text) : `GET /health/live HTTP/1.1\r\nHost: x\r\n${last}\r\n`
  })
  const text = await sendRaw(service.url, [requests.join('')])
  const answers = text.split(/(?=HTTP\/1\.1 200)/).map(parseAnswer)
  t.equal(answers.length, 8)
  for (const [index, answer] of answers.entries()) {
    const isRight =
      index % 2 === 0
        ? verify('sha256', Buffer.from(`${texts[index]}`), key, answer.body)
        : answer.json().status === 'live'
    t.ok(isRight, `${texts[index]}`)
  }
})

t.test('a request that comes in pieces is answered', async (t) => {
  const text = `POST /sign HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n${body}`
  const parts = text.match(/[\s\S]{1,40}/g) ?? []
  const answer = parseAnswer(await sendRaw(service.url, parts, 5))
  t.equal(answer.statusCode, 200)
  t.ok(isSignature(answer.body))
})

t.test('what is not HTTP is refused', async (t) => {
  const cases: Record<string, [string[], number, string]> = {
    words: [['please sign this\r\n\r\n'], 400, 'the request is not valid HTTP'],
    'a TLS client': [['\x16\x03\x01\x02\x00\x01\x00\x01\xfc'], 400, 'the request is not valid HTTP'],
    'a chunk without a length': [
      [
        'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      ],
      400,
      'the request is not valid HTTP',
    ],
    'two lengths': [
      ['POST /sign HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef'],
      400,
      'the request is not valid HTTP',
    ],
    'a length and chunks': [
      ['POST /sign HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
      400,
      'the request is not valid HTTP',
    ],
    'headers without end': [
      [
        'GET / HTTP/1.1\r\nHost: x\r\n',
        `X-Large: ${'w'.repeat(20_000)}`,
        'w'.repeat(20_000),
        'w'.repeat(20_000),
      ],
      431,
      'The headers are too large, or more than 200, or Accept or the query has more than 1024 characters',
    ],
  }
  for (const [name, [parts, statusCode, message]] of Object.entries(cases)) {
    t.test(name, async (t) => {
      const answer = parseAnswer(await sendRaw(service.url, parts))
      const code = statusCode === 431 ? 'HEADERS_TOO_LARGE' : 'INVALID_REQUEST'
      checkRefusal(t, answer, { statusCode, code, message })
      t.equal(answer.headers.connection, 'close')
      t.equal(Number(answer.headers['content-length']), answer.body.length)
      const line = service
        .log()
        .split('\n')
        .find((one) => one.includes(String(answer.json().requestId)))
      t.match(line, new RegExp(`"code":"${code}".*"request refused"`))
      t.notMatch(line, /please|wwww/)
    })
  }
})

t.test('an expectation that cannot be met is refused', async (t) => {
  for (const id of ['expectation', 'not a plain word']) {
    const answer = await post('/sign', { expect: 'a-signature', 'x-request-id': id })
    checkRefusal(t, answer, { statusCode: 417, code: 'EXPECTATION_FAILED', message: /100-continue/ })
  }
  t.match(service.log(), /"callerRequestId":"expectation".*"statusCode":417.*"request refused"/)
})

t.test(
  'a large body that nobody reads is discarded, and its connection closed once it is answered',
  async (t) => {
    const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    const next = 'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
    for (const [path, type, expected] of [
      ['/sign', 'text/plain', 415],
      ['/nowhere', 'text/plain', 404],
      ['/health/live', 'application/json', 405],
    ] as const) {
      const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n`
      for (const parts of [
        [`${head}Transfer-Encoding: chunked\r\n\r\n`, chunk, `${chunk}0\r\n\r\n${next}`],
        [`${head}Content-Length: 200000000\r\n\r\n`, 'a'.repeat(5_000_000), 'a'.repeat(5_000_000)],
      ]) {
        const answers = (await sendRaw(service.url, parts)).split(/(?=HTTP\/1\.1 )/).map(parseAnswer)
        t.same(
          answers.map(({ statusCode, headers }) => [statusCode, headers.connection]),
          [[expected, 'close']],
        )
      }
    }
  },
)

t.test('a small body that nobody reads costs no connection', async (t) => {
  const head =
    'POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 60000\r\n\r\n'
  const next = 'GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
  const text = await sendRaw(service.url, [head, 'a'.repeat(60_000), next])
  const statuses = text.split(/(?=HTTP\/1\.1 )/).map((one) => parseAnswer(one).statusCode)
  t.same(statuses, [404, 200])
})

t.test('a client that leaves is noticed and logged, not as an error', async (t) => {
  const start = `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`
  for (const [id, length, part] of [
    ['left-early', 'Content-Length: 1000', ''],
    ['left-midway', 'Content-Length: 1000', '{"action"'],
    ['left-in-chunks', 'Transfer-Encoding: chunked', '9\r\n{"action"\r\n'],
  ]) {
    const { hostname, port } = new URL(service.url)
    const socket = connect({ host: hostname, port: Number(port) })
    socket.write(`${start}${length}\r\nX-Request-Id: ${id}\r\n\r\n${part}`)
    await delay(100)
    socket.resetAndDestroy()
    const end = Date.now() + 10_000
    while (!service.log().includes(`"callerRequestId":"${id}"`) && Date.now() < end) {
      await delay(20)
    }
    const lines = service
      .log()
      .split('\n')
      .filter((line) => line.includes(`"callerRequestId":"${id}"`))
    t.equal(lines.length, 1)
    t.match(lines[0], /"level":40.*client left before it was answered/)
  }
})

t.test('after all of this the service signs, and met nothing unexpected', async (t) => {
  t.ok(isSignature((await post('/sign')).body))
  t.notMatch(service.log(), /unexpected error/)
})
