import { Gauge, type Registry } from 'prom-client'
import type { ReloadOutcome } from '../signers/reloading.ts'
import { registerCounter } from './registration.ts'

const LABELS: Readonly<Record<ReloadOutcome, string>> = {
  'taken over': 'taken_over',
  pending: 'pending',
  refused: 'refused',
}

/** Registers metrics of reloads. Returns a function that counts the outcome of one. */
export function createReloadMetrics(registry: Registry): (outcome: ReloadOutcome) => void {
  const registers = [registry]
  const reloads = registerCounter(
    registry,
    'signing_service_reloads_total',
    'Changed configurations of signers that were read, by what became of them.',
    { outcome: Object.values(LABELS) },
  )
  const refused = new Gauge({
    name: 'signing_service_reload_refused',
    help: '1 while the last changed configuration was refused and the one before is in use, else 0.',
    registers,
  })
  const pending = new Gauge({
    name: 'signing_service_reload_pending',
    help: '1 while the last changed configuration waits for what may pass and the one before is in use, else 0.',
    registers,
  })
  const since = new Gauge({
    name: 'signing_service_signers_timestamp_seconds',
    help: 'When the configuration of the signers in use was taken over, in seconds since 1970.',
    registers,
  })
  since.setToCurrentTime()
  return (outcome) => {
    reloads.inc({ outcome: LABELS[outcome] })
    refused.set(outcome === 'refused' ? 1 : 0)
    pending.set(outcome === 'pending' ? 1 : 0)
    if (outcome === 'taken over') {
      since.setToCurrentTime()
    }
  }
}
