/** Makes spans of requests, and of what is done for them. No span holds anything of a document, a signature or a secret. */
import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace as traceApi,
} from '@opentelemetry/api'
import { getNumberFromEnv } from '@opentelemetry/core'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base'
import { defined } from '../common/defined.ts'
import type { CallerTrace, Trace } from '../common/trace.ts'
import { VERSION } from '../common/version.ts'
import type { PoolObserver } from '../pkcs11/pool/pool-options.ts'
import type { RevocationObserver } from '../revocation/revocation-checker.ts'
import type { TimestampObserver } from '../timestamp/timestamper.ts'

/** Time in ms that the end of the service waits for the last spans to be exported. */
const CLOSE_MS = 2_000

/** A request at its end. */
export interface RequestEnd {
  /** Undefined if the client left. */
  readonly statusCode: number | undefined
  /** Code of the error, if it was refused. */
  readonly code: string | undefined
  /** Values of attributes of ours, keyed by their names without `signing_service.`. */
  readonly details: Readonly<Record<string, string | undefined>>
}

/** The trace of a request, with the span that all work for it is below. */
export class RequestTrace implements Trace {
  readonly id: string
  readonly context: Context
  readonly #span: Span

  constructor(span: Span) {
    this.id = span.spanContext().traceId
    this.context = traceApi.setSpan(ROOT_CONTEXT, span)
    this.#span = span
  }

  end({ statusCode, code, details }: RequestEnd): void {
    const isFault = statusCode !== undefined && statusCode >= 500
    this.#span.setAttributes({
      ...(statusCode === undefined
        ? ours({ client_left: true })
        : { 'http.response.status_code': statusCode }),
      ...(isFault && code !== undefined && { 'error.type': code }),
      ...ours({ ...details, code }),
    })
    if (isFault) {
      this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}

/** Exports traces in the background. What cannot be exported in time is dropped. */
export class Traces {
  readonly #provider: BasicTracerProvider
  readonly #tracer: Tracer

  constructor(exporter: SpanExporter) {
    const own = resourceFromAttributes({ 'service.name': 'signing-service', 'service.version': VERSION })
    const resource = defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] }))
    // With batches of less than one span the processor would never get done, and would keep everything else from being done.
    // No batch is larger than the queue
    const limits = defined({
      maxQueueSize: readLimit('OTEL_BSP_MAX_QUEUE_SIZE'),
      maxExportBatchSize: readLimit('OTEL_BSP_MAX_EXPORT_BATCH_SIZE'),
    })
    const processor = new BatchSpanProcessor(exporter, limits)
    this.#provider = new BasicTracerProvider({ resource, spanProcessors: [processor] })
    this.#tracer = this.#provider.getTracer('signing-service', VERSION)
  }

  /** Begins the span of a request, below that of its caller if there is one. */
  begin(method: string, route: string | undefined, caller: CallerTrace | undefined): RequestTrace {
    const attributes = { 'http.request.method': method, ...(route !== undefined && { 'http.route': route }) }
    const name = route === undefined ? method : `${method} ${route}`
    const context = caller === undefined ? ROOT_CONTEXT : contextOf(caller)
    return new RequestTrace(this.#tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, context))
  }

  /** Returns an observer that makes spans of what belongs to a trace, and tells another one of everything. */
  observePool(observer: PoolObserver): PoolObserver {
    return {
      ...observer,
      waited: (seconds, trace) => {
        observer.waited(seconds, trace)
        this.#add('wait for a session', trace, { seconds })
      },
      called: (operation, seconds, returnValue, trace) => {
        observer.called(operation, seconds, returnValue, trace)
        const isFailure = returnValue !== 'CKR_OK'
        this.#add('C_Sign', trace, { seconds, isFailure, attributes: ours({ return_value: returnValue }) })
      },
    }
  }

  observeTimestamps(observer: TimestampObserver): TimestampObserver {
    return {
      ...observer,
      asked: (authority, seconds, outcome, problem, trace) => {
        observer.asked(authority, seconds, outcome, problem, trace)
        const attributes = { 'server.address': authority, ...ours({ outcome }) }
        const isFailure = outcome !== 'granted'
        this.#add('timestamp', trace, { seconds, isFailure, attributes, kind: SpanKind.CLIENT })
      },
    }
  }

  /** Does the same for revocation information, which no request waits for: each fetch is a trace of its own. */
  observeRevocations(observer: RevocationObserver): RevocationObserver {
    return {
      asked: (source, seconds, outcome, host) => {
        observer.asked(source, seconds, outcome, host)
        const attributes = { 'server.address': host, ...ours({ outcome }) }
        const isFailure = outcome !== 'accepted'
        this.#addTo(ROOT_CONTEXT, source, { seconds, isFailure, attributes, kind: SpanKind.CLIENT })
      },
    }
  }

  /** Exports the last spans. Gives up after two seconds: traces must not keep the service from ending. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS)
    })
    await Promise.race([late, this.#provider.shutdown().catch(() => {})])
    clearTimeout(timer)
  }

  /** Adds a span that has just ended to the trace of a request. */
  #add(name: string, trace: Trace | undefined, span: EndedSpan): void {
    if (trace instanceof RequestTrace) {
      this.#addTo(trace.context, name, span)
    }
  }

  #addTo(
    context: Context,
    name: string,
    { seconds, isFailure, attributes = {}, kind = SpanKind.INTERNAL }: EndedSpan,
  ) {
    const end = Date.now()
    const span = this.#tracer.startSpan(name, { kind, attributes, startTime: end - seconds * 1000 }, context)
    if (isFailure) {
      span.setStatus({ code: SpanStatusCode.ERROR })
    }
    span.end(end)
  }
}

interface EndedSpan {
  readonly seconds: number
  readonly isFailure?: boolean
  readonly attributes?: Attributes
  readonly kind?: SpanKind
}

function contextOf({ id: traceId, spanId, isSampled }: CallerTrace): Context {
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE
  return traceApi.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}

/** Returns attributes that OpenTelemetry has no names for. */
function ours(values: Readonly<Record<string, string | boolean | undefined>>): Attributes {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`signing_service.${name}`, value]))
}

/** Returns a number of spans, at least one, from a variable; undefined if it has none. */
function readLimit(name: string): number | undefined {
  const value = getNumberFromEnv(name)
  return value === undefined ? undefined : Math.max(1, value)
}
