/** Traces as a collector gets them that reads OpenTelemetry's protocol without code of ours. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import type { SignerEntry } from '../../schemas/signers-file.ts'
import { createCertifiedToken } from '../support/certified-token.ts'
import { send } from '../support/http.ts'
import { startHttpServer } from '../support/http-server.ts'
import { readLog } from '../support/log-lines.ts'
import { keepSecret } from '../support/secret-watch.ts'
import { startReadyServerProcess } from '../support/server-process.ts'
import { tokenFor } from '../support/signers.ts'
import { rawRequest, until } from '../support/signing.ts'
import { type CollectedSpan, startCollector, WITHOUT_COLLECTOR } from '../support/validators/collector.ts'

const directory = t.testdir()
const path = (name: string) => join(directory, name)
const { authorities, entry, timestamps, token } = await createCertifiedToken(t, directory)
const signers: Record<string, SignerEntry> = {
  default: entry,
  'b-lt': { ...entry, level: 'b-lt', timestamps },
}
writeFileSync(path('signers.json'), JSON.stringify({ default: 'default', signers }))
const environment = { ...token.environment, SIGNERS_FILE: path('signers.json'), HSM_TIMEOUT_MS: '30000' }
const HEX = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' }

t.test('of requests and of what is done for them', { skip: WITHOUT_COLLECTOR }, async (t) => {
  const collector = await startCollector(t)
  const key = randomBytes(12).toString('hex')
  keepSecret('key of the collector', key)
  const server = await startReadyServerProcess(t, {
    ...environment,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${key}`,
    ...{ OTEL_SERVICE_NAME: 'signing', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test' },
    OTEL_BSP_SCHEDULE_DELAY: '100',
    AUDIT_FILE: path('audit.jsonl'),
  })
  const { address } = server
  const post = (body: object, traceparent?: string) =>
    send(`${address}/sign`, {
      method: 'POST',
      headers: traceparent === undefined ? {} : { traceparent },
      body: JSON.stringify(body),
    })
  const requests = () => collector.spans.filter(({ kind }) => kind === 'SPAN_KIND_SERVER')
  const below = ({ spanId }: CollectedSpan) => collector.spans.filter((span) => span.parentSpanId === spanId)

  await t.test('a signature', async (t) => {
    const { statusCode } = await post(rawRequest('data'), `00-${HEX.trace}-${HEX.span}-01`)
    t.equal(statusCode, 200)
    await until('it is exported', async () => requests().length === 1)
    const [span] = requests() as [CollectedSpan]
    t.match(span, {
      ...{ traceId: HEX.trace, parentSpanId: HEX.span, name: 'POST /sign', status: 'STATUS_CODE_UNSET' },
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/sign',
        'http.response.status_code': 200,
        'signing_service.kind': 'raw',
        'signing_service.signer': 'default',
        'signing_service.hash_algorithm': 'sha256',
      },
    })
    await until('all below it is there', async () => below(span).length === 2)
    t.same(
      below(span).map(({ name }) => name),
      ['wait for a session', 'C_Sign'],
    )
    t.match(below(span)[1], {
      attributes: { 'signing_service.return_value': 'CKR_OK' },
      kind: 'SPAN_KIND_INTERNAL',
    })
    t.ok(below(span).every(({ ms, traceId }) => ms <= span.ms + 1 && traceId === HEX.trace))
  })

  await t.test('a container with a timestamp, of a caller without a trace', async (t) => {
    const body = { action: 'sign_pkcs7', digest: '00'.repeat(32), signing_token: tokenFor('b-lt') }
    await until('all is known that it needs', async () => (await post(body)).statusCode === 200)
    await until('it is exported', async () =>
      requests().some(({ attributes }) => attributes['signing_service.level'] === 'b-lt'),
    )
    const span = requests().at(-1) as CollectedSpan
    await until('all below it is there', async () => below(span).length === 3)
    t.equal(span.parentSpanId, '')
    const { host } = new URL(authorities.timestampUrl)
    t.match(below(span).at(-1), {
      ...{ name: 'timestamp', kind: 'SPAN_KIND_CLIENT' },
      attributes: { 'server.address': host, 'signing_service.outcome': 'granted' },
    })
    const lines = readLog(server.output()).filter(({ traceId }) => traceId === span.traceId)
    t.match(lines, [{ msg: 'request answered', route: '/sign' }], 'the log has the trace that was made')
  })

  await t.test('the sources of revocation information, which no request waits for', async (t) => {
    const fetched = collector.spans.filter(({ name }) => name === 'ocsp' || name === 'crl')
    t.same([...new Set(fetched.map(({ name }) => name))].sort(), ['crl', 'ocsp'])
    const expected = {
      parentSpanId: '',
      kind: 'SPAN_KIND_CLIENT',
      attributes: { 'signing_service.outcome': 'accepted' },
    }
    t.match(fetched.at(-1), expected)
  })

  await t.test('a refusal, and a header that is not valid', async (t) => {
    const before = requests().length
    await post({ action: 'sing' }, `00-${HEX.trace}-${HEX.span}-01, 00-${HEX.trace}-${HEX.span}-01`)
    await until('it is exported', async () => requests().length > before)
    const span = requests().at(-1) as CollectedSpan
    t.match(span, {
      attributes: { 'http.response.status_code': 400, 'signing_service.code': 'UNKNOWN_ACTION' },
      ...{ status: 'STATUS_CODE_UNSET', parentSpanId: '' },
    })
    t.not(span.traceId, HEX.trace)
  })

  await t.test('a client that leaves gets no status', async (t) => {
    const before = requests().length
    const client = connect(Number(new URL(address).port), '127.0.0.1')
    const headers = [
      'Host: test',
      'Content-Type: application/json',
      'Content-Length: 9',
      'Expect: 100-continue',
    ]
    client.write(['POST /sign HTTP/1.1', ...headers, '\r\n'].join('\r\n'))
    await once(client, 'data')
    client.destroy()
    await until('it is exported', async () => requests().length > before)
    const { attributes } = requests().at(-1) as CollectedSpan
    t.match(attributes, { 'http.route': '/sign', 'http.response.status_code': undefined })
  })

  await t.test('what the caller does not record, and probes, are not exported', async (t) => {
    const before = requests().length
    t.equal((await post(rawRequest('data'), `00-${'ab'.repeat(16)}-${HEX.span}-00`)).statusCode, 200)
    t.equal((await send(`${address}/health/live`)).statusCode, 200)
    await post({}, `00-${'cd'.repeat(16)}-${HEX.span}-01`)
    await until('a later one is exported', async () =>
      requests().some(({ traceId }) => traceId === 'cd'.repeat(16)),
    )
    t.equal(requests().length, before + 1)
  })

  t.same(collector.complaints, [])
  t.ok(collector.authorizations.every((one) => one === `Bearer ${key}`))
  t.match(collector.resources[0], {
    ...{
      'service.name': 'signing',
      'deployment.environment.name': 'test',
      'telemetry.sdk.language': 'nodejs',
    },
    'service.version': /^\d/,
  })
  const begun = performance.now()
  await post({}, `00-${'ef'.repeat(16)}-${HEX.span}-01`)
  server.child.kill('SIGTERM')
  t.match(await server.exited, { code: 0 })
  await until('the last ones are exported at the end', async () =>
    requests().some(({ traceId }) => traceId === 'ef'.repeat(16)),
  )
  t.ok(performance.now() - begun < 20_000)
})

for (const [kind, reason] of [
  ['away', 'ECONNREFUSED'],
  ['silent', 'no answer'],
]) {
  t.test(`a collector that is ${kind} does no harm`, async (t) => {
    const url = kind === 'away' ? 'http://127.0.0.1:9' : await startHttpServer(t)
    const server = await startReadyServerProcess(t, {
      ...environment,
      OTEL_EXPORTER_OTLP_ENDPOINT: url,
      ...{
        OTEL_BSP_SCHEDULE_DELAY: '100',
        OTEL_BSP_MAX_QUEUE_SIZE: '16',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
      },
      OTEL_EXPORTER_OTLP_TIMEOUT: '1000',
    })
    for (let count = 0; count < 50; count++) {
      const answer = await send(`${server.address}/sign`, {
        method: 'POST',
        body: JSON.stringify(rawRequest(`${count}`)),
      })
      t.equal(answer.statusCode, 200)
    }
    const lost = () => readLog(server.output()).find(({ msg }) => `${msg}`.startsWith('spans are lost'))
    await until('the log says so', async () => lost() !== undefined)
    t.equal(lost()?.reason, reason)
    server.child.kill('SIGTERM')
    t.match(await server.exited, { code: 0 })
  })
}
