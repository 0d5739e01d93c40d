import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readTraceParent } from '../common/trace.ts'
import type { RequestTrace, Traces } from '../tracing/traces.ts'
import { whenFinished } from './request-log.ts'

/** Has each request but probes be a span of a trace, from its headers until its answer and all work for it have ended. */
export const tracing = fp<{ readonly traces: Pick<Traces, 'begin'> }>(
  async (app, { traces }) => {
    app.addHook('onRequest', (request, reply, done) => {
      const { url, config } = request.routeOptions
      if (config.probe !== true) {
        const caller = readTraceParent(request.headers.traceparent)
        const trace = traces.begin(request.method, url, caller)
        request.trace = trace
        if (caller === undefined) {
          // The lines of others have the id of their trace already
          request.log = request.log.child({ traceId: trace.id })
          reply.log = request.log
        }
        reply.raw.on('close', () => whenFinished(request, () => end(trace, request, reply)))
      }
      done()
    })
  },
  { name: 'tracing', dependencies: ['request-log'] },
)

function end(trace: RequestTrace, { logDetails }: FastifyRequest, { raw, statusCode }: FastifyReply): void {
  const { code, signer, kind, hashAlgorithm, containerLevel: level, shortfall } = logDetails
  trace.end({
    statusCode: raw.writableFinished ? statusCode : undefined,
    code,
    details: { signer, kind, hash_algorithm: hashAlgorithm, level, shortfall },
  })
}
