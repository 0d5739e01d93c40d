import { Registry } from 'prom-client'
import t from 'tap'
import { createAuditMetrics, registerAuditGauges } from '../../src/metrics/audit-metrics.ts'
import { readSamples } from '../support/scrape.ts'

t.test('records are counted by kind, from 0 on, and their waits measured', async (t) => {
  const registry = new Registry()
  const observer = createAuditMetrics(registry)
  observer.recorded('decision', 0.02)
  observer.recorded('checkpoint', 0.3)
  const samples = readSamples(await registry.metrics())
  const records = (kind: string) => samples.get(`signing_service_audit_records_total{kind="${kind}"}`)
  t.same(['decision', 'refusals', 'checkpoint'].map(records), [1, 0, 1])
  t.equal(samples.get('signing_service_audit_wait_seconds_count'), 2)
  t.equal(samples.get('signing_service_audit_wait_seconds_bucket{le="0.025"}'), 1)
})

t.test('gauges are of the moment, and absent where there is nothing to tell', async (t) => {
  const registry = new Registry()
  const log: Parameters<typeof registerAuditGauges>[1] = {
    ...{ problem: undefined, checkpointAge: undefined, checkpointInterval: undefined, freeBytes: undefined },
  }
  registerAuditGauges(registry, log)
  t.same(Object.fromEntries(readSamples(await registry.metrics())), { signing_service_audit_ready: 1 })
  Object.assign(log, { problem: 'full', checkpointAge: 1.5, checkpointInterval: 300, freeBytes: 4096 })
  t.same(Object.fromEntries(readSamples(await registry.metrics())), {
    signing_service_audit_ready: 0,
    signing_service_audit_checkpoint_age_seconds: 1.5,
    signing_service_audit_checkpoint_interval_seconds: 300,
    signing_service_audit_free_bytes: 4096,
  })
})
