/** Counts reloads of the configuration by their outcomes. */
import { Counter, Gauge, type Registry } from 'prom-client'
import type { ReloadOutcome } from '../signers/reloading.ts'

const LABELS: Readonly<Record<ReloadOutcome, string>> = {
  'taken over': 'taken_over',
  pending: 'pending',
  refused: 'refused',
}

export class ReloadMetrics {
  readonly #reloads: Counter<'outcome'>
  readonly #refused: Gauge
  readonly #pending: Gauge
  readonly #since: Gauge

  constructor(registry: Registry) {
    const registers = [registry]
    this.#reloads = new Counter({
      name: 'signing_service_reloads_total',
      help: 'Changed configurations of signers that were read, by what became of them.',
      labelNames: ['outcome'],
      registers,
    })
    for (const outcome of Object.values(LABELS)) {
      this.#reloads.inc({ outcome }, 0)
    }
    this.#refused = new Gauge({
      name: 'signing_service_reload_refused',
      help: '1 while the last changed configuration was refused and the one before is in use, else 0.',
      registers,
    })
    this.#pending = new Gauge({
      name: 'signing_service_reload_pending',
      help: '1 while the last changed configuration waits for what may pass and the one before is in use, else 0.',
      registers,
    })
    this.#since = new Gauge({
      name: 'signing_service_signers_timestamp_seconds',
      help: 'When the configuration of the signers in use was taken over, in seconds since 1970.',
      registers,
    })
    this.#since.setToCurrentTime()
  }

  countReload(outcome: ReloadOutcome): void {
    this.#reloads.inc({ outcome: LABELS[outcome] })
    this.#refused.set(outcome === 'refused' ? 1 : 0)
    this.#pending.set(outcome === 'pending' ? 1 : 0)
    if (outcome === 'taken over') {
      this.#since.setToCurrentTime()
    }
  }
}
