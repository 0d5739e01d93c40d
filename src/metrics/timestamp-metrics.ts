/** Counts requests to timestamp authorities by their outcomes. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { TimestampOutcome } from '../timestamp/timestamp-error.ts'
import type { TimestampObserver } from '../timestamp/timestamper.ts'
import { DURATION_BUCKETS } from './duration-buckets.ts'

export class TimestampMetrics implements TimestampObserver {
  readonly #requests: Counter<'authority' | 'outcome'>
  readonly #durations: Histogram<'authority'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.#requests = new Counter({
      name: 'signing_service_timestamp_requests_total',
      help: 'Requests to timestamp authorities, by what became of them.',
      labelNames: ['authority', 'outcome'],
      registers,
    })
    this.#durations = new Histogram({
      name: 'signing_service_timestamp_duration_seconds',
      help: 'Time until a timestamp authority has answered and its answer was checked, or given up.',
      labelNames: ['authority'],
      buckets: DURATION_BUCKETS,
      registers,
    })
  }

  asked(authority: string, seconds: number, outcome: TimestampOutcome): void {
    this.#requests.inc({ authority, outcome })
    this.#durations.observe({ authority }, seconds)
  }
}
