/** Registers metrics of the process: those of Node and the operating system, its build, and its log. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { logCounters } from '../common/log-output.ts'
import { VERSION } from '../common/version.ts'

let registry: Registry | undefined

/** Returns the registry that all applications in the process share, since prom-client's observers cannot be ended. */
export function processMetrics(): Registry {
  registry ??= createRegistry()
  return registry
}

function createRegistry(): Registry {
  const created = new Registry()
  new Gauge({
    name: 'signing_service_build_info',
    help: 'Always 1; the labels tell the version of the service and of Node.js.',
    labelNames: ['version', 'node_version'],
    registers: [created],
  }).set({ version: VERSION, node_version: process.version }, 1)
  registerLogCounter(
    created,
    'signing_service_log_dropped_lines_total',
    'Lines of the log that are missing in it, as it was not written in time.',
    () => logCounters.dropped,
  )
  registerLogCounter(
    created,
    'signing_service_log_write_failures_total',
    'Writes of the log that failed, other than for a reader that is slow; they are tried again.',
    () => logCounters.failures,
  )
  collectDefaultMetrics({ register: created })
  return created
}

function registerLogCounter(registry: Registry, name: string, help: string, read: () => number): void {
  new Counter({
    ...{ name, help, registers: [registry] },
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}
