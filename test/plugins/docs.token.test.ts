/** The page of the description and its files: to whom they are answered, and how whatever else is asked for is refused. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import { mock } from 'node:test'
import { promisify } from 'node:util'
import t from 'tap'
import { send } from '../support/http.ts'
import { listOperations, type OpenApi } from '../support/openapi.ts'
import { checkRefusal } from '../support/refusal.ts'
import { startReadyService, startService } from '../support/service.ts'
import { until } from '../support/signing.ts'
import { parseAnswer, sendRaw } from '../support/socket.ts'
import { createSigningToken } from '../support/token.ts'

const { environment } = await createSigningToken(t.testdir())
const service = await startReadyService(t, environment)
const PAGES = {
  '/docs': 'text/html; charset=utf-8',
  '/docs/': 'text/html; charset=utf-8',
  '/docs/start.js': 'text/javascript; charset=utf-8',
  '/docs/swagger-ui.css': 'text/css; charset=utf-8',
  '/docs/swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  '/docs/favicon-32x32.png': 'image/png',
}

t.test('the page and its files may load nothing from elsewhere', async (t) => {
  for (const [path, type] of Object.entries(PAGES)) {
    const { statusCode, headers, body } = await send(`${service.url}${path}`)
    t.equal(statusCode, 200, path)
    t.equal(headers['content-type'], type)
    t.equal(Number(headers['content-length']), body.length)
    t.equal(headers['x-content-type-options'], 'nosniff')
    const policy = `${headers['content-security-policy']}`
    t.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';/)
    t.notMatch(policy, /unsafe|https?:|\*/)
    const head = await send(`${service.url}${path}`, { method: 'HEAD' })
    t.equal(head.headers['content-length'], headers['content-length'])
    t.equal(head.body.length, 0)
  }
})

t.test('of a file that is only asked about nothing is read', async (t) => {
  // The pieces of all files wait for the same turns
  const push = mock.method(Readable.prototype, 'push')
  t.teardown(() => push.mock.restore())
  const url = `${service.url}/docs/swagger-ui-bundle.js`
  const { headers } = await send(url, { method: 'HEAD' })
  const ofFile = () => push.mock.calls.filter(({ arguments: [piece] }) => piece?.length === 16_384)
  t.ok(Number(headers['content-length']) > 1_000_000)
  t.equal((await send(`${service.url}/docs/favicon-32x32.png`)).statusCode, 200, 'the next one has its turn')
  t.same(ofFile(), [])
})

t.test('the description has the addresses of this service alone', async (t) => {
  const list = async (url: string) =>
    listOperations((await send(`${url}/docs/json`)).json() as unknown as OpenApi)
      .map(({ method, path }) => `${method} ${path}`)
      .sort()
  const pages = [
    'get /',
    'get /health/live',
    'get /health/ready',
    'get /metrics',
    'get /docs',
    'get /docs/json',
  ]
  t.same(await list(service.url), [...pages, 'post /', 'post /sign'].sort())
  const other = await startService(t, {
    ...environment,
    SIGNING_SERVICE_PATH: '/hsm/sign',
    ADMIN_PORT: '9090',
  })
  t.same(await list(other.adminUrl), [...pages, 'post /', 'post /sign', 'post /hsm/sign'].sort())
  const refusal = { statusCode: 404, code: 'NOT_FOUND', message: /./ }
  for (const path of [...Object.keys(PAGES), '/docs/json']) {
    checkRefusal(t, await send(`${other.url}${path}`), refusal)
  }
})

t.test('no other file can be had', async (t) => {
  const up = ['..', '%2e%2e', '%2E.', '..%2f..', '..%5c..', '....//..', '%252e%252e', '.']
  const paths = [
    ...up.flatMap((part) => [`/docs/${part}/package.json`, `/docs/${part}/${part}/etc/passwd`]),
    ...[
      '/docs/static/index.html',
      '/docs/yaml',
      '/docs/json/',
      '/docs//json',
      '/docs/JSON',
      '/docs/json%00.js',
    ],
    ...['/docs/swagger-ui.css/', '/docs/swagger-ui.css%2f', '/docs/constructor', '/docs/*', '/docs/:name'],
    `/docs/${'a'.repeat(10_000)}`,
    `/docs/${'../'.repeat(3_000)}etc/passwd`,
  ]
  const answered = ['/docs/json/', '/docs/swagger-ui.css/']
  for (const path of paths) {
    const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const answer = parseAnswer(await sendRaw(service.url, [head], 0))
    if (answered.includes(path)) {
      t.equal(answer.statusCode, 200, path)
    } else {
      checkRefusal(t, answer, { statusCode: 404, code: 'NOT_FOUND', message: /./ })
    }
  }
  const tooLong = `GET /docs/${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`
  const message = /headers are too large/
  checkRefusal(t, parseAnswer(await sendRaw(service.url, [tooLong], 0)), {
    ...{ statusCode: 431, code: 'HEADERS_TOO_LARGE', message },
  })
})

t.test('other methods and pages of other origins are refused', async (t) => {
  const message = 'This address answers GET, HEAD, OPTIONS'
  for (const path of [...Object.keys(PAGES), '/docs/json']) {
    const url = `${service.url}${path}`
    const refused = await send(url, { method: 'POST', body: '{}' })
    checkRefusal(t, refused, { statusCode: 405, code: 'METHOD_NOT_ALLOWED', message })
    const origin = 'https://elsewhere.example.com'
    const stranger = await send(url, { headers: { origin } })
    checkRefusal(t, stranger, { statusCode: 403, code: 'ORIGIN_NOT_ALLOWED', message: /./ })
  }
})

function countConnections(server: Server): Promise<number> {
  return promisify<number>((callback) => server.getConnections(callback))()
}

/** Returns how many times this process has a file of the page open. */
function countOpenFiles(): number {
  const targets = readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  })
  return targets.filter((target) => target.endsWith('/swagger-ui-bundle.js')).length
}

t.test(
  'readers whose connection is closed, before their answer began too, leave no file open',
  { skip: !existsSync('/proc/self/fd') },
  async (t) => {
    const { server } = service.app
    const before = await countConnections(server)
    // The service closes a connection on which so many wait
    const asked = 'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n'
    for (let times = 0; times < 5; times++) {
      await sendRaw(service.url, [asked.repeat(300)], 0).catch(() => {})
    }
    await until('they are closed', async () => (await countConnections(server)) <= before)
    t.equal(countOpenFiles(), 0)
  },
)
