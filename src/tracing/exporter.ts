import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { ExportResultCode } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import { RepeatedWarning } from '../common/repeated-warning.ts'

/** Octets and chunks of a collector's answer; real ones have some dozen octets. */
const MAX_ANSWER = { octets: 65_536, chunks: 1_000 }
/** The exporter's requests have this in their User-Agent, and no others do. */
const USER_AGENT = 'OTel-OTLP-Exporter'

interface Log {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/**
 * Returns an exporter to a collector. Headers, certificates, compression and timeout are those of the variables of
 * OpenTelemetry. The log is told when spans are lost, and when they arrive again, and never what the collector says, which
 * may hold what it was sent.
 */
export function createExporter(url: string, log: Log): SpanExporter {
  subscribe('http.client.response.finish', limitAnswer)
  const exporter = new OTLPTraceExporter({ url })
  const warning = new RepeatedWarning(log)
  let isLosing = false
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const isLost = result.code !== ExportResultCode.SUCCESS
        if (isLost) {
          warning.warn('spans are lost: the collector does not take them', { reason: describe(result.error) })
        } else if (isLosing) {
          warning.reset()
          log.info({}, 'the collector takes spans again')
        }
        isLosing = isLost
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
  }
}

/**
 * Ends the answer of a collector that is longer than its status needs. The exporter keeps up to four megabytes of it, chunk by
 * chunk, and a chunk for each octet takes more than a gigabyte. It lets nobody else have the answer.
 */
function limitAnswer(message: unknown): void {
  const { request, response } = message as { request: ClientRequest; response: IncomingMessage }
  if (!`${request.getHeader('user-agent')}`.includes(USER_AGENT)) {
    return
  }
  let octets = 0
  let chunks = 0
  response.on('data', ({ length }: Buffer) => {
    octets += length
    chunks += 1
    if (octets > MAX_ANSWER.octets || chunks > MAX_ANSWER.chunks) {
      // The exporter goes by the status of an answer that breaks off; an error of the request would stand for lost spans
      response.socket.destroy()
    }
  })
}

/** Returns a code of Node.js or an HTTP status; errors that have neither are about time. */
function describe(error: (Error & { readonly code?: unknown }) | undefined): string {
  return `${error?.code ?? 'no answer'}`
}
