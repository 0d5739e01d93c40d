/** The variables of OpenTelemetry: what they switch on, and that wrong ones keep nothing from starting. */
import t from 'tap'
import { readTracesUrl } from '../../src/configuration/traces.ts'
import { findUnknown } from '../../src/configuration/variables.ts'

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const AT_ENDPOINT = 'http://collector:4318/v1/traces'

const CASES: readonly (readonly [Parameters<typeof readTracesUrl>[0], string | undefined, RegExp?])[] = [
  [{}, undefined],
  [ENDPOINT, AT_ENDPOINT],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector/path/' }, 'https://collector/path/v1/traces'],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other/here' }, 'http://other/here'],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, 'http://localhost:4318/v1/traces'],
  [{ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, undefined],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'True' }, undefined],
  [{ ...ENDPOINT, OTEL_SDK_DISABLED: 'false' }, AT_ENDPOINT],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }, AT_ENDPOINT],
  [{ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, undefined, /^OTEL_EXPORTER_OTLP_PROTOCOL: must/],
  [
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' },
    AT_ENDPOINT,
  ],
  [
    { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
    undefined,
    /^OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must/,
  ],
  [{ OTEL_TRACES_EXPORTER: 'otlp,console' }, undefined, /^OTEL_TRACES_EXPORTER: must be otlp or none/],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' }, undefined, /^OTEL_EXPORTER_OTLP_ENDPOINT: must/],
  [
    { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'collector' },
    undefined,
    /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: must/,
  ],
]
for (const [values, url, warning] of CASES) {
  t.test(JSON.stringify(values), async (t) => {
    const warnings: string[] = []
    t.equal(readTracesUrl(values, warnings), url)
    t.equal(warnings.length, warning === undefined ? 0 : 1)
    t.match(warnings, warning === undefined ? [] : [warning])
  })
}

t.test('no other variable of OpenTelemetry counts as misspelled', async (t) => {
  const signals = ['', 'TRACES_', 'METRICS_', 'LOGS_']
  const settings = [
    'ENDPOINT',
    'PROTOCOL',
    'HEADERS',
    'TIMEOUT',
    'COMPRESSION',
    'CERTIFICATE',
    'CLIENT_KEY',
    'INSECURE',
  ]
  const names = [
    ...signals.flatMap((signal) => settings.map((setting) => `OTEL_EXPORTER_OTLP_${signal}${setting}`)),
    ...['OTEL_METRICS_EXPORTER', 'OTEL_LOGS_EXPORTER', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'],
    ...['OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES', 'OTEL_PROPAGATORS', 'OTEL_LOG_LEVEL'],
    ...['OTEL_BSP_SCHEDULE_DELAY', 'OTEL_BSP_MAX_QUEUE_SIZE', 'OTEL_NODE_RESOURCE_DETECTORS'],
  ]
  t.same(findUnknown(Object.fromEntries(names.map((name) => [name, 'x']))), [])
})
