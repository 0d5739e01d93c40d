/** Spans as an exporter gets them, and what becomes of it when it fails. */
import { SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { createExporter } from '../../src/tracing/exporter.ts'
import { Traces } from '../../src/tracing/traces.ts'
import { startHttpServer } from '../support/http-server.ts'
import { until } from '../support/signing.ts'

/** Keeps its spans when it is shut down. */
class KeptSpans extends InMemorySpanExporter {
  override async shutdown(): Promise<void> {}
}

const NOTHING = { statusCode: undefined, code: undefined, details: {} }

t.test('a fault of the service is an error, and a refusal is none', async (t) => {
  const kept = new KeptSpans()
  const traces = new Traces(kept)
  const end = (statusCode: number, code: string) =>
    traces.begin('POST', '/sign', undefined).end({ statusCode, code, details: { signer: undefined } })
  end(503, 'HSM_BUSY')
  end(400, 'INVALID_REQUEST')
  traces.begin('GET', undefined, undefined).end(NOTHING)
  await traces.close()
  const [fault, refusal, left] = kept.getFinishedSpans()
  t.equal(fault?.status.code, SpanStatusCode.ERROR)
  t.match(fault?.attributes, { 'error.type': 'HSM_BUSY', 'signing_service.code': 'HSM_BUSY' })
  t.equal(refusal?.status.code, SpanStatusCode.UNSET)
  t.notOk('error.type' in (refusal?.attributes ?? {}))
  t.match(left, { name: 'GET', attributes: { 'signing_service.client_left': true } })
  t.notOk('http.response.status_code' in (left?.attributes ?? {}))
})

t.test('a call that fails is an error, and one for nobody is no span', async (t) => {
  const kept = new KeptSpans()
  const traces = new Traces(kept)
  const told: unknown[] = []
  const tell = (...values: unknown[]) => told.push(values)
  const pool = traces.observePool({
    ...{ waited: tell, called: tell, retried: tell, evicted: tell },
    ...{ loggedIn: tell, restarted: tell, selfCheckFailed: tell },
  })
  const trace = traces.begin('POST', '/sign', undefined)
  pool.called('sign', 0.5, 'CKR_DEVICE_ERROR', trace)
  pool.called('open', 0.1, 'CKR_OK')
  pool.waited(0.1, { id: 'a trace that nothing is exported of' })
  trace.end(NOTHING)
  await traces.close()
  t.equal(told.length, 3, 'the metrics are told of all')
  const [call, ...others] = kept.getFinishedSpans()
  t.match(call, { name: 'C_Sign', status: { code: SpanStatusCode.ERROR }, duration: [0, 500_000_000] })
  t.same(
    others.map(({ name }) => name),
    ['POST /sign'],
  )
})

t.test('an exporter that never ends does not keep the service from ending', async (t) => {
  const never: SpanExporter = { export() {}, shutdown: () => new Promise(() => {}) }
  // Longer than closing waits, and not the half minute for which it would keep this process
  process.env.OTEL_BSP_EXPORT_TIMEOUT = '3000'
  t.teardown(() => delete process.env.OTEL_BSP_EXPORT_TIMEOUT)
  const traces = new Traces(never)
  traces.begin('POST', '/sign', undefined).end(NOTHING)
  await traces.close()
  t.pass('it is closed')
})

t.test(
  'the log says that spans are lost, and that they arrive again, and nothing that the collector says',
  async (t) => {
    let status = 400
    const url = await startHttpServer(t, (request, response) => {
      request.resume()
      response
        .writeHead(status, { 'content-type': 'application/x-protobuf' })
        .end(status === 200 ? '' : 'its words')
    })
    const lines: unknown[] = []
    const log = (details: object, message: string) => lines.push({ ...details, message })
    process.env.OTEL_BSP_SCHEDULE_DELAY = '10'
    t.teardown(() => delete process.env.OTEL_BSP_SCHEDULE_DELAY)
    const traces = new Traces(createExporter(`${url}/v1/traces`, { info: log, warn: log }))
    traces.begin('POST', '/sign', undefined).end(NOTHING)
    await until('it is said', async () => lines.length === 1)
    t.same(lines, [{ reason: '400', message: 'spans are lost: the collector does not take them' }])
    status = 200
    traces.begin('POST', '/sign', undefined).end(NOTHING)
    await until('the end is said', async () => lines.length === 2)
    t.match(lines[1], { message: 'the collector takes spans again' })
    await traces.close()
  },
)

t.test("batches have one span at least, whatever OpenTelemetry's variable says", async (t) => {
  const batch = 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE'
  const queue = 'OTEL_BSP_MAX_QUEUE_SIZE'
  for (const [name, size, batches, count] of [
    [batch, '0', 3, 3],
    [batch, '-5', 3, 3],
    [batch, '0.5', 3, 3],
    [batch, '2', 2, 3],
    [batch, 'many', 1, 3],
    [queue, '0', 2, 2],
    [queue, '0.5', 2, 2],
    [queue, '2', 2, 3],
  ] as const) {
    process.env[name] = size
    const kept = new KeptSpans()
    const exported = t.capture(kept, 'export', kept.export)
    const traces = new Traces(kept)
    for (const method of ['GET', 'POST', 'PUT']) {
      traces.begin(method, undefined, undefined).end(NOTHING)
    }
    delete process.env[name]
    await traces.close()
    t.equal(exported().length, batches, `${name} ${size}`)
    t.equal(kept.getFinishedSpans().length, count, `${name} ${size}`)
  }
})
