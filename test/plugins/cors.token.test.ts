import t from 'tap'
import { send } from '../support/http.ts'
import { readLog } from '../support/log-lines.ts'
import { checkRefusal } from '../support/refusal.ts'
import { type Service, startReadyService } from '../support/service.ts'
import { rawRequest } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const ORIGIN = 'https://app.example.com'

const { environment } = await createSigningToken(t.testdir())
const withoutOrigins = await startReadyService(t, environment)
const withOrigins = await startReadyService(t, {
  ...environment,
  CORS_ORIGINS: `https://other.example.com:8443,${ORIGIN}`,
})
const REFUSAL = {
  statusCode: 403,
  code: 'ORIGIN_NOT_ALLOWED',
  message: 'Browser pages of this origin may not call; CORS_ORIGINS lists those that may',
}
const body = JSON.stringify(rawRequest('page'))

/** Origins that no browser sends are refused too: they are none of the configured ones. */
function strangersOf({ url }: Service): string[] {
  return [
    // A page whose name resolves to this service: to the browser it is a page of this service
    url,
    url.replace('127.0.0.1', 'localhost'),
    'http://rebound.example.com:6000',
    'https://elsewhere.example.com',
    'null',
    '',
    `${ORIGIN}:443`,
    `${ORIGIN}:8443`,
    `${ORIGIN}/`,
    `${ORIGIN}.example.net`,
    'https://other.example.com',
    'HTTPS://APP.EXAMPLE.COM',
    'http://app.example.com',
    '*',
    `${ORIGIN}, ${ORIGIN}`,
    `https://${'a'.repeat(400)}.example.com`,
  ]
}

for (const [name, service] of Object.entries({
  'no page may call': withoutOrigins,
  'some may': withOrigins,
})) {
  t.test(`where ${name}, a page of another origin gets nothing`, async (t) => {
    const { url } = service
    for (const origin of strangersOf(service)) {
      t.test(origin.slice(0, 60), async (t) => {
        const headers = { origin, 'access-control-request-method': 'POST' }
        const answers = [
          await send(`${url}/sign`, { method: 'POST', headers, body }),
          await send(`${url}/`, { method: 'POST', headers, body }),
          await send(`${url}/sign`, {
            method: 'POST',
            headers: { ...headers, 'content-type': 'text/plain' },
            body,
          }),
          await send(`${url}/sign`, { method: 'OPTIONS', headers }),
          await send(`${url}/metrics`, { headers }),
          await send(`${url}/health/ready`, { headers }),
          await send(url, { headers }),
          await send(`${url}/nowhere`, { headers }),
        ]
        for (const answer of answers) {
          checkRefusal(t, answer, REFUSAL)
          const names = Object.keys(answer.headers).filter((one) => one.startsWith('access-control'))
          t.same(names, [])
        }
      })
    }
    t.notMatch(service.log(), '"kind"', 'nothing was signed')
  })
}

t.test('the log names the origin that was refused, where it is one', async (t) => {
  const origins = new Set(
    readLog(withoutOrigins.log())
      .filter(({ code }) => code === REFUSAL.code)
      .map(({ origin }) => origin),
  )
  t.ok(origins.has('http://rebound.example.com:6000'))
  t.ok(origins.has('null'))
  t.ok(origins.has(undefined))
  t.notOk(origins.has(`${ORIGIN}/`))
  t.notOk([...origins].some((origin) => `${origin}`.length > 300))
})

t.test('a page is refused before its body has come', async (t) => {
  for (const version of ['1.0', '1.1']) {
    const head = `POST /sign HTTP/${version}\r\nHost: x\r\nOrigin: http://x\r\nConnection: close\r\n`
    const rest = 'Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n'
    checkRefusal(t, parseAnswer(await sendRaw(withOrigins.url, [`${head}${rest}{`])), REFUSAL)
  }
})

t.test('a page is refused that hides its origin from the service', async (t) => {
  const head = 'POST /sign HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'
  const rest = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  const hidings = {
    'behind another one that may call': `Origin: ${ORIGIN}\r\nOrigin: http://x\r\n`,
    'before another one that may call': `Origin: http://x\r\nOrigin: ${ORIGIN}\r\n`,
    'in another spelling': 'oRIGIN: http://x\r\n',
  }
  for (const [name, headers] of Object.entries(hidings)) {
    t.test(name, async (t) => {
      const text = await sendRaw(withOrigins.url, [`${head}${rest}${headers}\r\n${body}`])
      checkRefusal(t, parseAnswer(text), REFUSAL)
    })
  }
  t.test('behind more headers than Node collects', async (t) => {
    const headers = `${'a:\r\n'.repeat(2500)}Origin: http://x\r\n`
    const text = await sendRaw(withOrigins.url, [`${head}${rest}${headers}\r\n${body}`])
    checkRefusal(t, parseAnswer(text), { statusCode: 431, code: 'HEADERS_TOO_LARGE', message: /200/ })
  })
})

t.test('who is no page is served as ever', async (t) => {
  for (const { url } of [withoutOrigins, withOrigins]) {
    t.equal((await send(`${url}/sign`, { method: 'POST', body })).statusCode, 200)
    const options = await send(`${url}/sign`, { method: 'OPTIONS' })
    t.equal(options.statusCode, 204)
    t.equal(options.headers.allow, 'POST, OPTIONS', 'OPTIONS without an origin is no preflight')
    const headers = { 'content-type': 'text/plain' }
    for (const text of [body, 'plain text']) {
      const withBody = await send(`${url}/sign`, { method: 'OPTIONS', headers, body: text })
      t.equal(withBody.statusCode, 204, 'whatever body it has')
      t.equal(withBody.headers.allow, 'POST, OPTIONS')
    }
    const nowhere = await send(`${url}/nowhere`, { method: 'OPTIONS', headers, body })
    checkRefusal(t, nowhere, { statusCode: 404, code: 'NOT_FOUND', message: /./ })
  }
})
