/** Counts what happens: in the session pools, at timestamp authorities and revocation sources, and at reloads. */
import { Gauge, type Registry } from 'prom-client'
import type { PoolObserver } from '../pkcs11/pool/pool-options.ts'
import type { RevocationObserver } from '../revocation/revocation-checker.ts'
import type { ReloadOutcome } from '../signers/reloading.ts'
import type { TimestampObserver } from '../timestamp/timestamper.ts'
import { boundReason, registerCounter, registerDurations, startAtZero } from './registration.ts'

const OPERATIONS = ['sign', 'open'] as const
const RETRIES = ['signature', 'process', 'slow']
const EVICTIONS = ['signature', 'timeout']
const RESTARTS = ['crash', 'hang', 'hsm']

/**
 * Counts what happens in the session pools. Returns a function that creates the observer of one token's pool, whose
 * argument reads the name of the token, since that may change when others are configured.
 */
export function createPoolMetrics(registry: Registry): (readToken: () => string) => PoolObserver {
  const waits = registerDurations(
    registry,
    'signing_service_hsm_wait_seconds',
    'Time from the arrival of a request in the pool until a session takes it.',
    { token: [] },
  )
  const durations = registerDurations(
    registry,
    'signing_service_hsm_call_duration_seconds',
    'Time that the PKCS#11 library takes to sign, or to open a session.',
    { token: [], operation: [] },
  )
  const calls = registerCounter(
    registry,
    'signing_service_hsm_calls_total',
    'Calls to the PKCS#11 library that came back, by what they returned.',
    { token: [], operation: [], return_value: [] },
  )
  const retries = registerCounter(
    registry,
    'signing_service_hsm_retries_total',
    'Requests that were given to a session again.',
    { token: [], reason: [] },
  )
  const evictions = registerCounter(
    registry,
    'signing_service_hsm_session_evictions_total',
    'Sessions that were given up and opened anew.',
    { token: [], reason: [] },
  )
  const logins = registerCounter(
    registry,
    'signing_service_hsm_logins_total',
    'Calls of C_Login, by what it returned.',
    { token: [], return_value: [] },
  )
  const restarts = registerCounter(
    registry,
    'signing_service_signer_process_restarts_total',
    'Replacements of the signer process.',
    { token: [], reason: [] },
  )
  const selfCheckFailures = registerCounter(
    registry,
    'signing_service_self_check_failures_total',
    'Signatures of the token that did not verify with the signer certificate and were discarded.',
    { token: [] },
  )
  const known = new Set<string>()

  /** Another pool of the same token goes on with what was counted. */
  function startCounting(name: string): void {
    if (!known.has(name)) {
      known.add(name)
      const token = [name]
      startAtZero(waits, { token })
      startAtZero(durations, { token, operation: OPERATIONS })
      startAtZero(calls, { token, operation: OPERATIONS, return_value: ['CKR_OK'] })
      startAtZero(retries, { token, reason: RETRIES })
      startAtZero(evictions, { token, reason: EVICTIONS })
      startAtZero(logins, { token, return_value: ['CKR_OK'] })
      startAtZero(restarts, { token, reason: RESTARTS })
      startAtZero(selfCheckFailures, { token })
    }
  }

  return (readToken) => {
    startCounting(readToken())
    const of = <T extends object>(labels: T) => ({ token: readToken(), ...labels })
    return {
      waited: (seconds) => waits.observe(of({}), seconds),
      called(operation, seconds, returnValue) {
        durations.observe(of({ operation }), seconds)
        calls.inc(of({ operation, return_value: boundReason(returnValue) }))
      },
      retried: (reason) => retries.inc(of({ reason: boundReason(reason, RETRIES) })),
      evicted: (reason) => evictions.inc(of({ reason: boundReason(reason, EVICTIONS) })),
      loggedIn: (returnValue) => logins.inc(of({ return_value: boundReason(returnValue) })),
      restarted: (reason) => restarts.inc(of({ reason })),
      selfCheckFailed: () => selfCheckFailures.inc(of({})),
    }
  }
}

const REVOCATION_SOURCES = ['ocsp', 'crl']

/** Counts requests to OCSP responders and for CRLs by their outcomes. */
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

/** Counts requests to timestamp authorities by their outcomes. */
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

const RELOAD_LABELS: Readonly<Record<ReloadOutcome, string>> = {
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
    { outcome: Object.values(RELOAD_LABELS) },
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
    reloads.inc({ outcome: RELOAD_LABELS[outcome] })
    refused.set(outcome === 'refused' ? 1 : 0)
    pending.set(outcome === 'pending' ? 1 : 0)
    if (outcome === 'taken over') {
      since.setToCurrentTime()
    }
  }
}
