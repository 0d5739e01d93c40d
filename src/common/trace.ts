/** The trace that a request belongs to, by which it is found in the logs of all services on its way. */
export interface Trace {
  /** 32 lower-case hex digits. */
  readonly id: string
}

/** The trace that a caller names in the header `traceparent` (W3C Trace Context, 3.2). */
export interface CallerTrace extends Trace {
  /** The caller's span, in 16 lower-case hex digits. */
  readonly spanId: string
  /** Whether the caller records the trace. */
  readonly isSampled: boolean
}

/** Versions after 00 may add fields. */
const TRACE_PARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/

/** Reads the header. Returns undefined where there is none that is valid: a new trace begins then. */
export function readTraceParent(header: unknown): CallerTrace | undefined {
  const [, version, id = '', spanId = '', flags = '', more] =
    (typeof header === 'string' && TRACE_PARENT.exec(header)) || []
  if (version === undefined || (version === '00' && more !== undefined)) {
    return undefined
  }
  return { id, spanId, isSampled: (Number.parseInt(flags, 16) & 1) === 1 }
}
