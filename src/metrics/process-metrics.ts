/** The process itself: what Node and the operating system tell of it, and which build it is. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { VERSION } from '../common/version.ts'

let registry: Registry | undefined

/** One for all applications in the process: the observers that prom-client starts for it cannot be ended. */
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
  collectDefaultMetrics({ register: created })
  return created
}
