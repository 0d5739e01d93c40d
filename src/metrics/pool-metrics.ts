import type { Registry } from 'prom-client'
import type { PoolObserver } from '../pkcs11/pool-observer.ts'
import { boundReason, registerCounter, registerDurations } from './registration.ts'

const OPERATIONS = ['sign', 'open'] as const
const RETRIES = ['signature', 'process', 'slow']
const EVICTIONS = ['signature', 'timeout']

/** Counts what happens in the session pools. */
export function createPoolMetrics(registry: Registry): PoolObserver {
  const waits = registerDurations(
    registry,
    'signing_service_hsm_wait_seconds',
    'Time from the arrival of a request in the pool until a session takes it.',
  )
  const durations = registerDurations(
    registry,
    'signing_service_hsm_call_duration_seconds',
    'Time that the PKCS#11 library takes to sign, or to open a session.',
    { operation: OPERATIONS },
  )
  const calls = registerCounter(
    registry,
    'signing_service_hsm_calls_total',
    'Calls to the PKCS#11 library that came back, by what they returned.',
    { operation: OPERATIONS, return_value: ['CKR_OK'] },
  )
  const retries = registerCounter(
    registry,
    'signing_service_hsm_retries_total',
    'Requests that were given to a session again.',
    { reason: RETRIES },
  )
  const evictions = registerCounter(
    registry,
    'signing_service_hsm_session_evictions_total',
    'Sessions that were given up and opened anew.',
    { reason: EVICTIONS },
  )
  const logins = registerCounter(
    registry,
    'signing_service_hsm_logins_total',
    'Calls of C_Login, by what it returned.',
    { return_value: ['CKR_OK'] },
  )
  const restarts = registerCounter(
    registry,
    'signing_service_signer_process_restarts_total',
    'Replacements of the signer process.',
    { reason: ['crash', 'hang', 'hsm'] },
  )
  const selfCheckFailures = registerCounter(
    registry,
    'signing_service_self_check_failures_total',
    'Signatures of the token that did not verify with the signer certificate and were discarded.',
  )
  return {
    waited: (seconds) => waits.observe(seconds),
    called(operation, seconds, returnValue) {
      durations.observe({ operation }, seconds)
      calls.inc({ operation, return_value: boundReason(returnValue) })
    },
    retried: (reason) => retries.inc({ reason: boundReason(reason, RETRIES) }),
    evicted: (reason) => evictions.inc({ reason: boundReason(reason, EVICTIONS) }),
    loggedIn: (returnValue) => logins.inc({ return_value: boundReason(returnValue) }),
    restarted: (reason) => restarts.inc({ reason }),
    selfCheckFailed: () => selfCheckFailures.inc(),
  }
}
