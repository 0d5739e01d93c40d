/** Reads from the variables of OpenTelemetry whether traces are exported, and where to. */
import type { Environment } from '../../schemas/configuration.ts'
import { splitList } from './lists.ts'

/** Address at which a collector listens by default. */
const DEFAULT_ENDPOINT = 'http://localhost:4318'
const PROTOCOL = 'http/protobuf'

/**
 * Returns the address to which traces are exported. The variables may be those of all programs of a host, so that wrong
 * values are warned about and keep nothing from starting.
 *
 * @returns undefined if no traces are exported
 */
export function readTracesUrl(values: Partial<Environment>, warnings: string[]): string | undefined {
  const {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: whole,
    OTEL_TRACES_EXPORTER: exporters,
    OTEL_SDK_DISABLED: disabled,
  } = values
  const isAsked = exporters === undefined ? (whole ?? endpoint) !== undefined : exporters !== 'none'
  if (!isAsked || disabled?.toLowerCase() === 'true') {
    return undefined
  }
  const url = whole ?? `${(endpoint ?? DEFAULT_ENDPOINT).replace(/\/$/, '')}/v1/traces`
  const problem = findProblem(values, url)
  if (problem !== undefined) {
    warnings.push(`${problem}; no traces are exported`)
    return undefined
  }
  return url
}

function findProblem(values: Partial<Environment>, url: string): string | undefined {
  if (splitList(values.OTEL_TRACES_EXPORTER ?? '').some((exporter) => exporter !== 'otlp')) {
    return 'OTEL_TRACES_EXPORTER: must be otlp or none'
  }
  const protocol = firstSet(values, 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL')
  if ((values[protocol] ?? PROTOCOL) !== PROTOCOL) {
    return `${protocol}: must be ${PROTOCOL}`
  }
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    const endpoint = firstSet(values, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT')
    return `${endpoint}: must be an http or https address`
  }
  return undefined
}

function firstSet<Name extends keyof Environment>(
  values: Partial<Environment>,
  first: Name,
  second: Name,
): Name {
  return values[first] === undefined ? second : first
}
