/** What callers keep open and in memory before there is anything to sign, and how much of it there may be. */
import type { Registry } from 'prom-client'
import { registerGauge } from './gauge.ts'
import { ReasonCounter } from './reason-counter.ts'

export interface Budget {
  readonly limit: number
  /** Returns how much of it is used at the moment. */
  used(): number
}

/** @returns counts connections that are closed since one too many came: `idle`, `slow` or `new` */
export function registerConnectionMetrics(registry: Registry, { limit, used }: Budget): ReasonCounter {
  registerGauge(registry, {
    name: 'signing_service_http_connections',
    help: 'Connections that are open.',
    collect() {
      this.set(used())
    },
  })
  registerGauge(registry, {
    name: 'signing_service_http_connections_limit',
    help: 'Connections that may be open before others are closed.',
    collect() {
      this.set(limit)
    },
  })
  return new ReasonCounter({
    registry,
    name: 'signing_service_http_connections_shed_total',
    help: 'Connections that were closed since one too many came, by what they were.',
    label: 'reason',
    words: ['idle', 'slow', 'new'],
  })
}

export function registerBodyMetrics(registry: Registry, { limit, used }: Budget): void {
  registerGauge(registry, {
    name: 'signing_service_http_body_bytes',
    help: 'Bytes of memory that bodies take while they arrive.',
    collect() {
      this.set(used())
    },
  })
  registerGauge(registry, {
    name: 'signing_service_http_body_bytes_limit',
    help: 'Bytes of memory that they may take before large ones are refused.',
    collect() {
      this.set(limit)
    },
  })
}
