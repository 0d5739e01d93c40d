import { request } from 'node:http'
import t from 'tap'
import { ERROR_TYPES } from '../../src/common/error-types.ts'
import { send } from '../support/http.ts'
import { scrape } from '../support/scrape.ts'
import { startReadyService, startService } from '../support/service.ts'
import { allIdle, hsmStatus, rawRequest, until } from '../support/signing.ts'
import { createSigningToken } from '../support/token.ts'
import { hasPrometheusClient, readExposition } from '../support/validators/prometheus-client.ts'

const { environment } = await createSigningToken(t.testdir())

const known = ERROR_TYPES.map((type) => new type())
  .map(({ code, statusCode }) => [code, statusCode])
  .sort()

/** Counts by container, hash and outcome, such as `raw sha256 signed`. */
async function signatures(url: string): Promise<Record<string, number>> {
  const { samples } = await scrape(url)
  const pattern =
    /^signing_service_signatures_total\{signer="default",container="(.*)",hash="(.*)",outcome="(.*)"\}$/
  return Object.fromEntries(
    [...samples].flatMap(([key, value]) => {
      const match = pattern.exec(key)
      return match === null ? [] : [[match.slice(1).join(' '), value]]
    }),
  )
}

/** How many requests of a kind were answered. */
async function requests(url: string, method: string, route: string, status: string): Promise<number> {
  const { samples } = await scrape(url)
  const labels = `method="${method}",route="${route}",status_code="${status}"`
  return samples.get(`signing_service_http_request_duration_seconds_count{${labels}}`) ?? 0
}

t.test('signatures are counted by container, hash and outcome', async (t) => {
  const service = await startReadyService(t, environment)
  t.same(await signatures(service.url), {})
  const contents = Buffer.from('contents').toString('base64')
  const bodies = [
    rawRequest('one'),
    rawRequest('two'),
    { ...rawRequest('three'), hash_algorithm: 'SHA-512' },
    { action: 'sign_pkcs7', encoded_contents: contents, hash_algorithm: 'sha384' },
    { encodedContents: contents },
    { action: 'get_certificates' },
  ]
  for (const body of bodies) {
    t.equal((await service.sign(body)).statusCode, 200)
  }
  const refused = [
    { ...rawRequest('four'), hash_algorithm: 'md5' },
    { action: 'sign_pkcs7', encoded_contents: contents, digest: 'ab'.repeat(32) },
    { action: 'something' },
  ]
  for (const body of refused) {
    t.equal((await service.sign(body)).statusCode, 400)
  }
  await until('all are counted', async () => (await requests(service.url, 'POST', '/sign', '400')) === 3)
  t.equal(await requests(service.url, 'POST', '/sign', '200'), bodies.length)
  t.same(await signatures(service.url), {
    'raw sha256 signed': 2,
    'raw sha512 signed': 1,
    'pkcs7 sha384 signed': 1,
    'pkcs7 sha256 signed': 1,
  })
})

t.test(
  'refusals are counted by code, those too of which it was not known yet what they ask for',
  async (t) => {
    const service = await startReadyService(t, { ...environment, HASH_ALGORITHMS: 'sha256' })
    const refusals = async () => {
      const { samples } = await scrape(service.url)
      const pattern = /^signing_service_refusals_total\{code="(\w+)",status_code="(\d+)"\}$/
      return [...samples].flatMap(([key, value]) => {
        const [, code, status] = pattern.exec(key) ?? []
        return code === undefined ? [] : [{ code, status, value }]
      })
    }
    t.same((await refusals()).map(({ code, status }) => [code, Number(status)]).sort(), known)
    t.notOk((await refusals()).some(({ value }) => value !== 0))
    await service.sign({ action: 'something' })
    await service.sign({ ...rawRequest('one'), hash_algorithm: 'sha512' })
    await service.sign(rawRequest('two'))
    await send(`${service.url}/nowhere`)
    await send(`${service.url}/nowhere`)
    const counted = async () => (await refusals()).filter(({ value }) => value > 0)
    await until('they are counted', async () => (await counted()).length === 3)
    t.same((await counted()).map(({ code, status, value }) => `${value} ${status} ${code}`).sort(), [
      '1 400 UNKNOWN_ACTION',
      '1 400 UNSUPPORTED_HASH_ALGORITHM',
      '2 404 NOT_FOUND',
    ])
  },
)

t.test('requests are timed by route, and never by what callers make up', async (t) => {
  const service = await startService(t, { ...environment, CORS_ORIGINS: 'https://app.example.com' })
  const { url } = service
  await send(`${url}/health/live?secret=query`)
  await send(`${url}/made-up-by-the-caller`)
  await send(`${url}/sign`, { method: 'PURGE' })
  await send(`${url}/metrics`, { method: 'POST', body: '{}' })
  const preflight = { origin: 'https://app.example.com', 'access-control-request-method': 'POST' }
  await send(`${url}/sign`, { method: 'OPTIONS', headers: preflight })
  await until('they are counted', async () => (await requests(url, 'OPTIONS', '*', '204')) === 1)
  t.equal(await requests(url, 'GET', '/health/live', '200'), 1)
  t.equal(await requests(url, 'GET', 'none', '404'), 1)
  t.equal(await requests(url, 'other', 'none', '405'), 1)
  t.equal(await requests(url, 'POST', 'none', '405'), 1)
  const { text } = await scrape(url)
  t.notMatch(text, /secret|made-up|PURGE|app\.example/)
})

t.test('the answer is that of a probe', async (t) => {
  const service = await startReadyService(t, environment)
  await allIdle(service.url)
  const { answer, samples } = await scrape(service.url)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  t.equal(answer.headers['cache-control'], 'no-store')
  const head = await send(`${service.url}/metrics`, { method: 'HEAD' })
  t.equal(head.statusCode, 200)
  t.equal(head.body.length, 0)
  t.equal(samples.get('signing_service_hsm_ready{token="test"}'), 1)
  t.equal(samples.get('signing_service_hsm_sessions{token="test",state="idle"}'), 2)
  t.equal(samples.get('signing_service_signer_ready{signer="default"}'), 1)
  t.equal(samples.get('signing_service_hsm_queue_limit'), 256)
  t.ok((samples.get('signing_service_certificate_days_left{signer="default"}') ?? 0) > 300)
  t.match(service.log(), /"level":20,.*"route":"\/metrics"/)
  t.notMatch(service.log(), /"level":[345]0,.*"route":"\/metrics"/)
})

t.test('while the token is away: not ready, certificate unknown, and those who do not wait', async (t) => {
  const { SIGNER_CERTIFICATE_FILE, ...rest } = environment
  const onToken = await startService(t, { ...rest, HSM_TOKEN_LABEL: 'away' })
  const { samples, text } = await scrape(onToken.url)
  t.equal(samples.get('signing_service_hsm_ready{token="away"}'), 0)
  t.equal(samples.get('signing_service_signer_ready{signer="default"}'), 0)
  t.notMatch(text, /^signing_service_certificate/m)

  const service = await startService(t, { ...environment, HSM_TOKEN_LABEL: 'away', HSM_TIMEOUT_MS: '8000' })
  const outgoing = request(`${service.url}/sign`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  })
  outgoing.on('error', () => {})
  outgoing.end(JSON.stringify(rawRequest('one')))
  await until('it waits', async () => (await hsmStatus(service.url)).queued === 1)
  const queued = (await scrape(service.url)).samples.get('signing_service_hsm_queue_length{token="away"}')
  t.equal(queued, 1)
  outgoing.destroy()
  const left = { 'raw sha256 client_left': 1 }
  await until('it is counted', async () => 'raw sha256 client_left' in (await signatures(service.url)))
  t.same(await signatures(service.url), left)
  t.equal(await requests(service.url, 'POST', '/sign', 'none'), 1)

  const refused = await service.sign({ action: 'sign_pkcs7', encoded_contents: 'AAAA' })
  t.equal(refused.statusCode, 503)
  await until('it is counted', async () => Object.keys(await signatures(service.url)).length === 2)
  t.same(await signatures(service.url), { ...left, 'pkcs7 sha256 HSM_UNAVAILABLE': 1 })
})

t.test(
  "Prometheus' own client for Python reads the same from it",
  { skip: !(await hasPrometheusClient()) && 'docker/install-tools.sh prometheus-client installs it' },
  async (t) => {
    const service = await startReadyService(t, environment)
    await service.sign(rawRequest('one'))
    const { text, samples } = await scrape(service.url)
    const families = await readExposition(text)
    t.ok(families.every(({ help }) => help !== ''))
    t.notOk(families.some(({ type }) => type === 'unknown'))
    const read = families.flatMap((family) => family.samples)
    t.equal(read.length, samples.size)
    for (const [name, labels, value] of read) {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
      const key = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
      t.ok(samples.has(key), key)
      t.same(Number(value), samples.get(key), value)
    }
    await t.rejects(readExposition('signing_service_hsm_ready one\n'), /prometheus_client refuses it/)
  },
)
