/** Whatever is sent: an answer in the one shape, a line in the log, and never the service's fault. */
import http from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService } from '../support/service.ts'
import { rawRequest, until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const service = await startReadyService(t, { ...environment, SIGNING_SERVICE_PATH: '/hsm' })

type RawAnswer = ReturnType<typeof parseAnswer>

/** Checks that an answer is no fault of the service, and where it is a refusal its shape. */
function checkShape(t: Test, answer: RawAnswer, what: string, method = 'GET'): void {
  const { statusCode, headers, body } = answer
  t.ok(statusCode >= 200 && statusCode < 500, `${what}: ${statusCode}`)
  t.match(headers['x-request-id'], /^[0-9a-f-]{36}$/)
  if (statusCode >= 400 && method !== 'HEAD') {
    t.equal(Number(headers['content-length']), body.length)
    checkRefusal(t, answer, { statusCode, code: `${answer.json().code}`, message: /./ })
  }
}

/** Refusals in the log, those included that are counted in place of a line. */
function countRefusals(): number {
  return readLog(service.log())
    .filter(({ code }) => code !== undefined)
    .reduce((sum, { suppressed = 1 }) => sum + Number(suppressed), 0)
}

const paths = [
  '/',
  '/sign',
  '/hsm',
  '/health/live',
  '/health/ready',
  '/metrics',
  '/docs',
  '/docs/json',
  '/docs/swagger-ui.css',
  '/nowhere',
  '/%zz',
  '*',
]
const BODIES: Record<string, string> = {
  nothing: '\r\n',
  'an empty body': 'Content-Length: 0\r\n\r\n',
  'a body without a type': 'Content-Length: 2\r\n\r\n{}',
  'a body of JSON': 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  'a type and no body': 'Content-Type: application/json\r\n\r\n',
  'a body of text': 'Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}',
  'no type that can be read': 'Content-Type: ;;\r\nContent-Length: 2\r\n\r\n{}',
  'a body in chunks':
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'chunks without a type': 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
}

t.test('every method is answered with any body at each address, and is in the log', async (t) => {
  let refused = 0
  for (const method of http.METHODS) {
    for (const path of method === 'CONNECT' ? ['x:443', '/sign'] : paths) {
      for (const [name, body] of Object.entries(BODIES)) {
        const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
        const answer = parseAnswer(await sendRaw(service.url, [head + body], 0))
        checkShape(t, answer, `${method} ${path} with ${name}`, method)
        refused += answer.statusCode >= 400 ? 1 : 0
      }
    }
  }
  await until('all are in the log', () => countRefusals() >= refused)
  t.equal(countRefusals(), refused)
  // The log has 100 lines of one kind in a second: these requests must not take the places of the next ones
  await delay(1_100)
})

const GET = 'GET /nowhere HTTP/1.1\r\n'
const POST = 'POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
const HEAD = 'Host: x\r\nConnection: close\r\n'

/** Requests, each with the status that answers it. */
const REQUESTS: Record<string, readonly [string | Buffer, number]> = {
  'no request at all': ['please sign\r\n\r\n', 400],
  'a TLS client': [Buffer.from('16030100c8010000c40303', 'hex'), 400],
  'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  'HTTP/3': [`GET / HTTP/3.0\r\n${HEAD}\r\n`, 400],
  'HTTP/1.0': ['GET /nowhere HTTP/1.0\r\n\r\n', 404],
  'HTTP/0.9': ['GET /nowhere\r\n\r\n', 400],
  'no Host': [`${GET}Connection: close\r\n\r\n`, 400],
  'two Hosts': [`${GET}${HEAD}Host: x\r\n\r\n`, 400],
  'an upgrade to WebSocket': [
    `GET /sign HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
    405,
  ],
  'an upgrade to HTTP/2': [
    `${POST}Connection: Upgrade, close\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}`,
    400,
  ],
  'a tunnel': [`CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
  'the service as a whole': [`PUT * HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address in full': [`GET http://x/sign HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address in full without a path': [`PUT http://x HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address in full with a query for a path': [`PUT http://x?/nowhere HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address in full in upper case': [`GET HTTP://x/sign HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address with a user that is no UTF-8': [`PUT http://%80@x HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'such a user in front of a path': [`GET HTTP://%80@x/nowhere HTTP/1.1\r\n${HEAD}\r\n`, 404],
  'such a user in front of a query': [`PUT http://%80@x?/nowhere HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'an address of another scheme': [`GET ftp://x/sign HTTP/1.1\r\n${HEAD}\r\n`, 404],
  'an address of a host': [`GET x:443 HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a length that is no number': [`${POST}Content-Length: abc\r\n\r\n{}`, 400],
  'a negative length': [`${POST}Content-Length: -2\r\n\r\n{}`, 400],
  'a length beyond any number': [`${POST}Content-Length: 99999999999999999999999\r\n\r\n{}`, 400],
  'a length beyond the limit': [`${POST}Connection: close\r\nContent-Length: 9999999999\r\n\r\n{}`, 413],
  'two lengths': [`${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 400],
  'a length and chunks': [`${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  'chunks that are no last encoding': [`${POST}Transfer-Encoding: chunked, gzip\r\n\r\n{}`, 400],
  'a chunk without a length': [`${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
  'a chunk without an end': [`${POST}Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n`, 400],
  'a chunk beyond any number': [`${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}`, 400],
  'an expectation': [`${POST}Connection: close\r\nExpect: a-signature\r\nContent-Length: 2\r\n\r\n{}`, 417],
  'an expectation of nothing': [`${POST}Connection: close\r\nExpect:\r\nContent-Length: 2\r\n\r\n{}`, 417],
  'a header that is too large': [`${GET}Host: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  'many headers': [`${GET}${HEAD}${'a:\r\n'.repeat(198)}\r\n`, 404],
  'too many headers': [`${GET}${HEAD}${'a:\r\n'.repeat(199)}\r\n`, 431],
  'far too many headers': [`${GET}${HEAD}${'a:\r\n'.repeat(3000)}\r\n`, 431],
  'NUL in the path': [`GET /\0 HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'NUL in a header': [`${GET}${HEAD}X: a\0b\r\n\r\n`, 400],
  'a folded header': [`${GET}${HEAD}X: a\r\n b\r\n\r\n`, 400],
  'bare line feeds': [`${GET}${HEAD}\r\n`.replaceAll('\r', ''), 400],
  'bare carriage returns': [`${GET}${HEAD}\r\n`.replaceAll('\n', ''), 400],
  'a space before the colon': [`${GET}Host : x\r\n\r\n`, 400],
  'a header without a colon': [`${GET}Host\r\n\r\n`, 400],
  'a header without a name': [`${GET}${HEAD}: x\r\n\r\n`, 400],
  'headers named like what objects have': [`${GET}${HEAD}__proto__: x\r\nconstructor: y\r\n\r\n`, 404],
  'a method in lower case': [`get /nowhere HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a method that there is not': [`SIGN /sign HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a long path': [`GET /${'a'.repeat(15_000)} HTTP/1.1\r\n${HEAD}\r\n`, 404],
  'a path that is too long': [`GET /${'a'.repeat(70_000)} HTTP/1.1\r\n${HEAD}\r\n`, 431],
  'a path that ends in a percent sign': [`GET /% HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a path that is no UTF-8': [`GET /%ff%fe HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a query that is no UTF-8': [`GET /sign?%ff HTTP/1.1\r\n${HEAD}\r\n`, 405],
  'octets in the path': [`GET /zo\u00eb HTTP/1.1\r\n${HEAD}\r\n`, 400],
  'a version of the route': [`${GET}${HEAD}Accept-Version: 1.x\r\n\r\n`, 404],
  'a type with thousands of parameters': [
    `POST /sign HTTP/1.1\r\n${HEAD}Content-Type: application/json;${'a=b;'.repeat(3000)}\r\nContent-Length: 2\r\n\r\n{}`,
    415,
  ],
  'two encodings': [
    `${POST}Connection: close\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`,
    415,
  ],
}

for (const [name, [request, statusCode]] of Object.entries(REQUESTS)) {
  t.test(`${name} is answered`, async (t) => {
    const answer = parseAnswer(await sendRaw(service.url, [request], 0))
    t.equal(answer.statusCode, statusCode)
    checkShape(t, answer, name)
    const id = answer.headers['x-request-id']
    const linesOf = () => readLog(service.log()).filter(({ requestId }) => requestId === id)
    await until('it is logged', () => linesOf().length > 0)
    const { code, message } = answer.json()
    t.match(linesOf(), [{ level: 40, statusCode, code, refusal: message }])
  })
}

t.test('after all of this the service signs, and met nothing unexpected', async (t) => {
  t.equal((await service.sign(rawRequest('after'))).statusCode, 200)
  t.equal((await send(`${service.url}/health/ready`)).statusCode, 200)
  t.notMatch(service.log(), /"level":[56]0/)
})
