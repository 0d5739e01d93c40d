/** Counts what happens in the session pools. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { PoolObserver, RestartReason } from '../pkcs11/pool/pool-options.ts'
import { DURATION_BUCKETS } from './duration-buckets.ts'
import { LabelValues } from './label-values.ts'
import { ReasonCounter } from './reason-counter.ts'

const OPERATIONS = ['sign', 'open'] as const
const RESTART_REASONS: readonly RestartReason[] = ['crash', 'hang', 'hsm']

export class PoolMetrics implements PoolObserver {
  readonly #waits: Histogram
  readonly #durations: Histogram<'operation'>
  readonly #calls: Counter<'operation' | 'return_value'>
  readonly #returnValues = new LabelValues(['CKR_OK'])
  readonly #retries: ReasonCounter
  readonly #evictions: ReasonCounter
  readonly #logins: ReasonCounter
  readonly #restarts: ReasonCounter
  readonly #selfCheckFailures: Counter

  constructor(registry: Registry) {
    const registers = [registry]
    this.#waits = new Histogram({
      name: 'signing_service_hsm_wait_seconds',
      help: 'Time from the arrival of a request in the pool until a session takes it.',
      buckets: DURATION_BUCKETS,
      registers,
    })
    this.#durations = new Histogram({
      name: 'signing_service_hsm_call_duration_seconds',
      help: 'Time that the PKCS#11 library takes to sign, or to open a session.',
      labelNames: ['operation'],
      buckets: DURATION_BUCKETS,
      registers,
    })
    this.#calls = new Counter({
      name: 'signing_service_hsm_calls_total',
      help: 'Calls to the PKCS#11 library that came back, by what they returned.',
      labelNames: ['operation', 'return_value'],
      registers,
    })
    for (const operation of OPERATIONS) {
      this.#durations.zero({ operation })
      this.#calls.inc({ operation, return_value: 'CKR_OK' }, 0)
    }
    this.#retries = new ReasonCounter({
      registry,
      name: 'signing_service_hsm_retries_total',
      help: 'Requests that were given to a session again.',
      label: 'reason',
      values: ['signature', 'process', 'slow'],
    })
    this.#evictions = new ReasonCounter({
      registry,
      name: 'signing_service_hsm_session_evictions_total',
      help: 'Sessions that were given up and opened anew.',
      label: 'reason',
      values: ['signature', 'timeout'],
    })
    this.#logins = new ReasonCounter({
      registry,
      name: 'signing_service_hsm_logins_total',
      help: 'Calls of C_Login, by what it returned.',
      label: 'return_value',
      values: ['CKR_OK'],
    })
    this.#restarts = new ReasonCounter({
      registry,
      name: 'signing_service_signer_process_restarts_total',
      help: 'Replacements of the signer process.',
      label: 'reason',
      values: RESTART_REASONS,
    })
    this.#selfCheckFailures = new Counter({
      name: 'signing_service_self_check_failures_total',
      help: 'Signatures of the token that did not verify with the signer certificate and were discarded.',
      registers,
    })
  }

  waited(seconds: number): void {
    this.#waits.observe(seconds)
  }

  called(operation: 'sign' | 'open', seconds: number, returnValue: string): void {
    this.#durations.observe({ operation }, seconds)
    this.#calls.inc({ operation, return_value: this.#returnValues.bound(returnValue) })
  }

  retried(reason: string): void {
    this.#retries.count(reason)
  }

  evicted(reason: string): void {
    this.#evictions.count(reason)
  }

  loggedIn(returnValue: string): void {
    this.#logins.count(returnValue)
  }

  restarted(reason: RestartReason): void {
    this.#restarts.count(reason)
  }

  selfCheckFailed(): void {
    this.#selfCheckFailures.inc()
  }
}
