/** Counts the records of the audit log, and tells how it is with it. */
import type { Registry } from 'prom-client'
import type { AuditLog, AuditObserver } from '../audit/audit-log.ts'
import { registerCounter, registerDurations, registerGauge } from './registration.ts'

/** Counts records, and how long answers waited for them. */
export function createAuditMetrics(registry: Registry): AuditObserver {
  const records = registerCounter(
    registry,
    'signing_service_audit_records_total',
    'Records of the audit log that were asked for, by their kind.',
    { kind: ['decision', 'refusals', 'checkpoint'] },
  )
  const waits = registerDurations(
    registry,
    'signing_service_audit_wait_seconds',
    'Time from a decision until its record was on the disk.',
  )
  return {
    recorded(kind, seconds) {
      records.inc({ kind })
      waits.observe(seconds)
    },
  }
}

/** Registers the gauges of an audit log. */
export function registerAuditGauges(
  registry: Registry,
  auditLog: Pick<AuditLog, 'problem' | 'checkpointAge' | 'checkpointInterval' | 'freeBytes'>,
): void {
  registerGauge(
    registry,
    'signing_service_audit_ready',
    '1 while decisions can be recorded, else 0, and nothing is signed.',
    [],
    () => [[{}, auditLog.problem === undefined ? 1 : 0]],
  )
  registerGauge(
    registry,
    'signing_service_audit_checkpoint_age_seconds',
    'Time since the last signed checkpoint, or since the start; 0 where no records came after it.',
    [],
    () => sample(auditLog.checkpointAge),
  )
  registerGauge(
    registry,
    'signing_service_audit_checkpoint_interval_seconds',
    'AUDIT_CHECKPOINT_SECONDS, if checkpoints are signed.',
    [],
    () => sample(auditLog.checkpointInterval),
  )
  registerGauge(
    registry,
    'signing_service_audit_free_bytes',
    'Bytes that are free on the disk of the audit log.',
    [],
    () => sample(auditLog.freeBytes),
  )
}

/** Returns the one sample of a gauge; none where there is no value. */
function sample(value: number | undefined): readonly (readonly [Record<never, string>, number])[] {
  return value === undefined ? [] : [[{}, value]]
}
