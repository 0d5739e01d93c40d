/** Counts requests to OCSP responders, for CRLs, and to timestamp authorities, by their outcomes. */
import type { Registry } from 'prom-client'
import type { RevocationObserver } from '../revocation/observer.ts'
import type { TimestampObserver } from '../timestamp/timestamper.ts'
import { registerCounter, registerDurations } from './registration.ts'

const REVOCATION_SOURCES = ['ocsp', 'crl']

export function createRevocationMetrics(registry: Registry): RevocationObserver {
  const requests = registerCounter(
    registry,
    'signing_service_revocation_requests_total',
    'Requests to OCSP responders and for CRLs, by what became of them.',
    { source: REVOCATION_SOURCES, outcome: ['accepted', 'refused', 'unavailable'] },
  )
  const durations = registerDurations(
    registry,
    'signing_service_revocation_request_duration_seconds',
    'Time until an OCSP responder or a distribution point has answered, or was given up.',
    { source: REVOCATION_SOURCES },
  )
  return {
    asked(source, seconds, outcome) {
      requests.inc({ source, outcome })
      durations.observe({ source }, seconds)
    },
  }
}

export function createTimestampMetrics(registry: Registry): TimestampObserver {
  const requests = registerCounter(
    registry,
    'signing_service_timestamp_requests_total',
    'Requests to timestamp authorities, by what became of them.',
    { authority: [], outcome: [] },
  )
  const durations = registerDurations(
    registry,
    'signing_service_timestamp_duration_seconds',
    'Time until a timestamp authority has answered and its answer was checked, or given up.',
    { authority: [] },
  )
  return {
    asked(authority, seconds, outcome) {
      requests.inc({ authority, outcome })
      durations.observe({ authority }, seconds)
    },
  }
}
