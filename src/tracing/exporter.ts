import { ExportResultCode } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import { RepeatedWarning } from '../common/repeated-warning.ts'

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

/** Returns a code of Node.js or an HTTP status; errors that have neither are about time. */
function describe(error: (Error & { readonly code?: unknown }) | undefined): string {
  return `${error?.code ?? 'no answer'}`
}
