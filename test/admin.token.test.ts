/** ADMIN_PORT: what is for operators has a port of its own, on which nothing is signed. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { send } from './support/http.ts'
import { readLog } from './support/log-lines.ts'
import { checkRefusal } from './support/refusal.ts'
import { scrape } from './support/scrape.ts'
import { startReadyService } from './support/service.ts'
import { outcome, rawRequest, until } from './support/signing.ts'
import { parseAnswer, sendRaw } from './support/socket.ts'
import { createSigningToken } from './support/token.ts'

const { environment, publicKey } = await createSigningToken(t.testdir())
const service = await startReadyService(t, {
  ...environment,
  ADMIN_PORT: '0',
  CORS_ORIGINS: 'https://app.example.com',
  // Nobody in the test has an address of this network
  ACCESS_FROM: '192.0.2.0/24',
})
const { url, adminUrl } = service
/** What browsers send. */
const FOR_PEOPLE = { headers: { accept: 'text/html,*/*;q=0.8' } }
const FOR_PROBES = { status: 'ok', service: 'signing-service' }
const NOT_FOUND = { statusCode: 404, code: 'NOT_FOUND', message: /POST \/sign of SIGNING_SERVICE_PORT$/ }

t.test('the port for signatures says whether it is ready, and nothing else of itself', async (t) => {
  const ready = await send(`${url}/health/ready`)
  t.equal(ready.statusCode, 200)
  t.equal(ready.headers['cache-control'], 'no-store')
  t.same(ready.json(), { status: 'ready' })
  checkRefusal(t, await send(`${url}/metrics`), NOT_FOUND)
  t.same((await send(`${url}/health/live`)).json(), { status: 'live' })
  t.same((await send(`${url}/`, FOR_PEOPLE)).json(), FOR_PROBES)
})

t.test('the admin port has health, metrics and the page for people, for whoever reaches it', async (t) => {
  const ready = await send(`${adminUrl}/health/ready`)
  t.equal(ready.statusCode, 200)
  t.match(ready.json(), { status: 'ready', closing: false, signers: { default: { state: 'ready' } } })
  t.same((await send(`${adminUrl}/health/live`)).json(), { status: 'live' })
  t.same((await send(`${adminUrl}/`)).json(), FOR_PROBES)
  const page = await send(`${adminUrl}/`, FOR_PEOPLE)
  t.match(page.headers['content-type'], 'text/html')
  t.match(page.body.toString(), '<h1 id="verdict">All is well</h1>')
  const { answer, samples } = await scrape(adminUrl)
  t.match(answer.headers['content-type'], 'text/plain; version=0.0.4')
  t.equal(samples.get('signing_service_signer_ready{signer="default"}'), 1)
})

t.test('the admin port signs nothing', async (t) => {
  const body = JSON.stringify(rawRequest('a document'))
  checkRefusal(t, await send(`${adminUrl}/sign`, { method: 'POST', body }), NOT_FOUND)
  checkRefusal(t, await send(`${adminUrl}/`, { method: 'POST', body }), {
    ...{ statusCode: 405, code: 'METHOD_NOT_ALLOWED' },
    message: 'This address answers GET, HEAD, OPTIONS',
  })
})

t.test('metrics count the requests of the port for signatures alone', async (t) => {
  const open = await startReadyService(t, { ...environment, ADMIN_PORT: '0' })
  const text = 'a document'
  const body = JSON.stringify(rawRequest(text))
  t.equal(outcome(await send(`${open.url}/sign`, { method: 'POST', body }), text, publicKey), 'signed')
  const counted = async () => {
    const { samples } = await scrape(open.adminUrl)
    const name = 'signing_service_http_request_duration_seconds_count'
    return [...samples.keys()].filter((key) => key.startsWith(`${name}{`))
  }
  await until('it is counted', async () => (await counted()).some((key) => key.includes('/sign')))
  t.strictSame(
    (await counted()).filter((key) => key.includes('/metrics')),
    [],
  )
})

t.test('the admin port protects itself as the other one does', async (t) => {
  const origin = 'https://app.example.com'
  checkRefusal(t, await send(`${adminUrl}/metrics`, { headers: { origin } }), {
    ...{ statusCode: 403, code: 'ORIGIN_NOT_ALLOWED', message: /^Browser pages of this origin may not call/ },
  })
  const refusals: [string, number, string][] = [
    ['not HTTP\r\n\r\n', 400, 'INVALID_REQUEST'],
    ['GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400, 'INVALID_REQUEST'],
    ['GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'INVALID_REQUEST'],
    ['CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'INVALID_REQUEST'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    ['GET / HTTP/1.1\r\nHost: x\r\nExpect: more\r\nConnection: close\r\n\r\n', 417, 'EXPECTATION_FAILED'],
  ]
  for (const [request, statusCode, code] of refusals) {
    const answer = parseAnswer(await sendRaw(adminUrl, [request], 0))
    t.match(answer, { statusCode }, code)
    t.match(answer.json(), { statusCode, code })
  }
})

t.test('the log has lines of both, and of probes at level debug', async (t) => {
  const lines = () => readLog(service.log())
  await until('all is logged', () => lines().some(({ code }) => code === 'EXPECTATION_FAILED'))
  const probes = lines().filter(({ route }) => route === '/metrics' || route === '/health/ready')
  t.ok(probes.some(({ level, code }) => level === 20 && code === undefined))
  t.strictSame(
    probes.filter(({ level, code }) => Number(level) > 20 && code === undefined),
    [],
  )
})

t.test('it does not close as long as a caller is not answered', async (t) => {
  const closing = await startReadyService(t, { ...environment, ADMIN_PORT: '0', HSM_TIMEOUT_MS: '60000' })
  const connectTo = (at: string) => connect(Number(new URL(at).port), '127.0.0.1').on('error', () => {})
  const text = 'a document'
  const body = JSON.stringify(rawRequest(text))
  const caller = connectTo(closing.url)
  const arrived = once(closing.app.server, 'request')
  caller.write(
    `POST /sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  await arrived
  const closed = closing.app.close()
  await until('it is not ready', async () => {
    const { statusCode, json } = await send(`${closing.adminUrl}/health/ready`)
    return statusCode === 503 && json().closing === true
  })
  // A request that never arrives whole does not hold up the end
  const held = connectTo(closing.adminUrl)
  t.teardown(() => held.destroy())
  held.write('GET /metrics HTTP/1.1\r\n')
  caller.write(body)
  const chunks = await caller.toArray()
  const answer = parseAnswer(Buffer.concat(chunks).toString('latin1'))
  t.equal(outcome(answer, text, publicKey), 'signed')
  await closed
  await t.rejects(send(`${closing.adminUrl}/health/live`), { code: 'ECONNREFUSED' })
})
