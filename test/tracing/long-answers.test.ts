import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type ExportResult, ExportResultCode } from '@opentelemetry/core'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import t from 'tap'
import { createExporter } from '../../src/tracing/exporter.ts'

/** More than the service reads of an answer, and less than the exporter would; the end is missing. */
const LONG = ['1\r\nx\r\n'.repeat(100_000), `186a0\r\n${'x'.repeat(100_000)}\r\n`]

const kept = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(kept)] })
provider.getTracer('test').startSpan('one').end()

for (const [index, body] of LONG.entries()) {
  t.test(`a collector whose answer does not end, ${index}`, async (t) => {
    let status = 200
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
      socket.once('data', () =>
        socket.write(`HTTP/1.1 ${status} any\r\nTransfer-Encoding: chunked\r\n\r\n${body}`),
      )
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => {
      for (const socket of sockets) {
        socket.destroy()
      }
      server.close()
    })
    const warnings: unknown[] = []
    const log = { info: () => {}, warn: (details: object) => warnings.push(details) }
    const { port } = server.address() as AddressInfo
    const exporter = createExporter(`http://127.0.0.1:${port}/v1/traces`, log)
    const send = () =>
      new Promise<ExportResult>((resolve) => exporter.export(kept.getFinishedSpans(), resolve))
    t.equal((await send()).code, ExportResultCode.SUCCESS, 'it took the spans')
    status = 400
    t.equal((await send()).code, ExportResultCode.FAILED)
    t.equal(warnings.length, 1)
    await exporter.shutdown()
  })
}
