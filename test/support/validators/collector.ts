/** A collector of traces, which reads them by the messages that OpenTelemetry publishes for Python. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { findPythonEnvironment } from '../python.ts'
import { repositoryPath } from '../repository.ts'
import { lookThrough } from '../secret-watch.ts'

const { directory, missing } = findPythonEnvironment('opentelemetry-proto')

/** Why tests that need it are skipped; false where it is there. */
export const WITHOUT_COLLECTOR = missing

export interface CollectedSpan {
  /** Hex, as are the next two. */
  readonly traceId: string
  readonly spanId: string
  /** Empty if it has no parent. */
  readonly parentSpanId: string
  readonly name: string
  readonly kind: string
  readonly status: string
  readonly ms: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

export interface Collector {
  readonly url: string
  /** All that came so far. */
  readonly spans: readonly CollectedSpan[]
  readonly resources: readonly Readonly<Record<string, string>>[]
  /** What is wrong with what came. */
  readonly complaints: readonly string[]
  /** Values of the header of each request, empty where it had none. */
  readonly authorizations: readonly string[]
}

/** Starts it; it ends with the test. No secret may be in what it gets. */
export async function startCollector(t: { teardown(act: () => unknown): void }): Promise<Collector> {
  const program = repositoryPath('test/support/validators/python/collector.py')
  const child = spawn(join(directory, 'bin/python'), [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const spans: CollectedSpan[] = []
  const resources: Record<string, string>[] = []
  const complaints: string[] = []
  const authorizations: string[] = []
  t.teardown(() => {
    child.kill()
    lookThrough('the traces', JSON.stringify(spans))
  })
  const lines = createInterface({ input: child.stdout })
  const [first] = await once(lines, 'line')
  lines.on('line', (line) => {
    const { resource, authorization, ...rest } = JSON.parse(line)
    spans.push(...rest.spans)
    complaints.push(...rest.complaints)
    resources.push(resource)
    authorizations.push(authorization)
  })
  const url = `http://127.0.0.1:${JSON.parse(first).port}`
  return { url, spans, resources, complaints, authorizations }
}
