import { Registry } from 'prom-client'
import t from 'tap'
import { createPoolMetrics } from '../../src/metrics/event-metrics.ts'
import { readSamples } from '../support/scrape.ts'

function start() {
  const registry = new Registry()
  const state = { token: 'hsm1' }
  const createObserver = createPoolMetrics(registry)
  const observer = createObserver(() => state.token)
  const samples = async () => readSamples(await registry.metrics())
  return { createObserver, observer, samples, state }
}

/** The samples of a metric whose names are `name{…}`. */
function of(samples: ReadonlyMap<string, number>, name: string): Record<string, number> {
  const own = [...samples].filter(([key]) => key.startsWith(`signing_service_${name}{`))
  return Object.fromEntries(own.map(([key, value]) => [key.slice(key.indexOf('{')), value]))
}

t.test('what may be alerted on is there, as 0, before it happens', async (t) => {
  const samples = await start().samples()
  t.same(of(samples, 'signer_process_restarts_total'), {
    '{token="hsm1",reason="crash"}': 0,
    '{token="hsm1",reason="hang"}': 0,
    '{token="hsm1",reason="hsm"}': 0,
  })
  t.same(of(samples, 'hsm_retries_total'), {
    '{token="hsm1",reason="signature"}': 0,
    '{token="hsm1",reason="process"}': 0,
    '{token="hsm1",reason="slow"}': 0,
  })
  t.same(of(samples, 'hsm_session_evictions_total'), {
    '{token="hsm1",reason="signature"}': 0,
    '{token="hsm1",reason="timeout"}': 0,
  })
  t.same(of(samples, 'hsm_logins_total'), { '{token="hsm1",return_value="CKR_OK"}': 0 })
  t.same(of(samples, 'hsm_calls_total'), {
    '{token="hsm1",operation="sign",return_value="CKR_OK"}': 0,
    '{token="hsm1",operation="open",return_value="CKR_OK"}': 0,
  })
  t.equal(samples.get('signing_service_self_check_failures_total{token="hsm1"}'), 0)
  t.equal(samples.get('signing_service_hsm_wait_seconds_count{token="hsm1"}'), 0)
  t.same(of(samples, 'hsm_call_duration_seconds_count'), {
    '{token="hsm1",operation="sign"}': 0,
    '{token="hsm1",operation="open"}': 0,
  })
})

t.test('events are counted by reason', async (t) => {
  const { observer, samples } = start()
  observer.retried('process')
  observer.retried('process')
  observer.retried('CKR_DEVICE_ERROR')
  observer.evicted('timeout')
  observer.evicted('CKR_SESSION_HANDLE_INVALID')
  observer.evicted('0x80000123')
  observer.loggedIn('CKR_OK')
  observer.loggedIn('CKR_PIN_INCORRECT')
  observer.restarted('hang')
  observer.selfCheckFailed()
  const counted = await samples()
  t.match(of(counted, 'hsm_retries_total'), {
    '{token="hsm1",reason="process"}': 2,
    '{token="hsm1",reason="CKR_DEVICE_ERROR"}': 1,
    '{token="hsm1",reason="slow"}': 0,
  })
  t.match(of(counted, 'hsm_session_evictions_total'), {
    '{token="hsm1",reason="timeout"}': 1,
    '{token="hsm1",reason="CKR_SESSION_HANDLE_INVALID"}': 1,
    '{token="hsm1",reason="CKR_VENDOR_DEFINED"}': 1,
  })
  t.same(of(counted, 'hsm_logins_total'), {
    '{token="hsm1",return_value="CKR_OK"}': 1,
    '{token="hsm1",return_value="CKR_PIN_INCORRECT"}': 1,
  })
  t.match(of(counted, 'signer_process_restarts_total'), {
    '{token="hsm1",reason="hang"}': 1,
    '{token="hsm1",reason="crash"}': 0,
  })
  t.equal(counted.get('signing_service_self_check_failures_total{token="hsm1"}'), 1)
})

t.test('calls are counted by what they returned, and timed by what they were', async (t) => {
  const { observer, samples } = start()
  observer.waited(0.0001)
  observer.waited(0.003)
  observer.called('sign', 0.002, 'CKR_OK')
  observer.called('sign', 0.004, 'CKR_OK')
  observer.called('sign', 12, '0x80000123')
  observer.called('open', 0.1, 'CKR_TOKEN_NOT_PRESENT')
  const counted = await samples()
  t.same(of(counted, 'hsm_calls_total'), {
    '{token="hsm1",operation="sign",return_value="CKR_OK"}': 2,
    '{token="hsm1",operation="open",return_value="CKR_OK"}': 0,
    '{token="hsm1",operation="sign",return_value="CKR_VENDOR_DEFINED"}': 1,
    '{token="hsm1",operation="open",return_value="CKR_TOKEN_NOT_PRESENT"}': 1,
  })
  t.same(of(counted, 'hsm_call_duration_seconds_sum'), {
    '{token="hsm1",operation="sign"}': 12.006,
    '{token="hsm1",operation="open"}': 0.1,
  })
  t.same(
    Object.values(of(counted, 'hsm_wait_seconds_bucket')),
    [1, 1, 1, ...Array(12).fill(2)],
    'cumulative, from half a millisecond to infinity',
  )
  const signed = of(counted, 'hsm_call_duration_seconds_bucket')
  t.equal(signed['{le="10",token="hsm1",operation="sign"}'], 2)
  t.equal(signed['{le="+Inf",token="hsm1",operation="sign"}'], 3)
})

t.test('a pool that takes the place of another one of its token goes on counting', async (t) => {
  const { createObserver, observer, samples, state } = start()
  observer.called('sign', 0.002, 'CKR_OK')
  observer.waited(0.002)
  const next = createObserver(() => 'hsm1')
  next.called('sign', 0.002, 'CKR_OK')
  const counted = await samples()
  t.equal(counted.get('signing_service_hsm_call_duration_seconds_count{token="hsm1",operation="sign"}'), 2)
  t.equal(counted.get('signing_service_hsm_wait_seconds_count{token="hsm1"}'), 1)
  state.token = 'hsm1 (2)'
  observer.restarted('crash')
  const renamed = 'signing_service_signer_process_restarts_total{token="hsm1 (2)",reason="crash"}'
  t.equal((await samples()).get(renamed), 1)
})
