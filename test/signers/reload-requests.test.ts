/** When a configuration is read anew, and what is told of it. */
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { ConfigurationError } from '../../src/errors.ts'
import { ReloadMetrics } from '../../src/metrics/reload-metrics.ts'
import { Reloading, type ReloadingOptions } from '../../src/signers/reloading.ts'
import { readSamples } from '../support/scrape.ts'
import { until } from '../support/signing.ts'

const SIGNERS = { default: 'a', signers: [], files: [] }

/** Takes over whatever it reads, unless the test says otherwise. */
function start(t: Test, change: Partial<ReloadingOptions> = {}) {
  const lines: { level: number; msg: string }[] = []
  const outcomes: string[] = []
  const reloading = new Reloading({
    signers: { takeOver: async () => {} },
    files: [],
    intervalMs: 0,
    load: () => ({ signers: SIGNERS, problems: [], warnings: [] }),
    log: pino({ level: 'info' }, { write: (line) => lines.push(JSON.parse(line)) }),
    onEnd: (outcome) => outcomes.push(outcome),
    ...change,
  })
  t.teardown(() => reloading.stop())
  return { reloading, outcomes, told: (level: number) => lines.filter((line) => line.level === level) }
}

t.test('what is asked for before the start waits for it', async (t) => {
  const { reloading, outcomes } = start(t)
  reloading.request('signal')
  await delay(20)
  t.strictSame(outcomes, [])
  t.equal(reloading.status.last, undefined)
  await reloading.start()
  await delay(20)
  t.strictSame(outcomes, ['taken over'])
  t.match(reloading.status, { last: { outcome: 'taken over' } })
})

t.test('after the end nothing is read any more', async (t) => {
  const { reloading, outcomes } = start(t)
  await reloading.start()
  await reloading.stop()
  reloading.request('signal')
  await delay(20)
  t.strictSame(outcomes, [])
})

t.test('what is only warned about is told when it is taken over', async (t) => {
  const warnings = ['HSM_PIN_FILE: holds a secret', 'TSA_CA_FILE: is not set']
  const load = () => ({ signers: SIGNERS, problems: [], warnings })
  const { reloading, told } = start(t, { load })
  await reloading.start()
  reloading.request('signal')
  await until('it is told', () => told(30).some(({ msg }) => msg === 'the signers were taken over'))
  t.strictSame(
    told(40).map(({ msg }) => msg),
    warnings,
  )
})

t.test('what nobody expects is told with its stack, and is no reason to end', async (t) => {
  const takeOver = async () => {
    throw new TypeError('unexpected')
  }
  const { reloading, outcomes, told } = start(t, { signers: { takeOver } })
  await reloading.start()
  const { since } = reloading.status
  reloading.request('files')
  await delay(20)
  t.strictSame(outcomes, ['refused'])
  t.match(told(50), [
    { msg: 'the new configuration cannot be read', err: { message: 'unexpected', stack: String } },
    { msg: 'the new configuration was refused: the signers stay as they were; correct it, or send SIGHUP' },
  ])
  t.match(reloading.status, { since, last: { outcome: 'refused' } })
})

t.test('what is refused at the end is told to nobody', async (t) => {
  let end = () => {}
  const takeOver = () =>
    new Promise<void>((_, reject) => {
      end = () => reject(new ConfigurationError([{ variable: 'X', message: 'is wrong' }]))
    })
  const { reloading, outcomes, told } = start(t, { signers: { takeOver } })
  await reloading.start()
  reloading.request('signal')
  await delay(20)
  const stopped = reloading.stop()
  end()
  await stopped
  t.strictSame(outcomes, [])
  t.strictSame(told(50), [])
})

t.test('metrics count what became of it, and say whether the last one is in use', async (t) => {
  const registry = new Registry()
  const metrics = new ReloadMetrics(registry)
  const samples = async () => {
    const { signing_service_signers_timestamp_seconds: since, ...rest } = Object.fromEntries(
      readSamples(await registry.metrics()),
    )
    return { since: Number(since), rest }
  }
  const before = await samples()
  t.ok(Math.abs(before.since - Date.now() / 1000) < 5)
  t.same(before.rest, {
    'signing_service_reloads_total{outcome="taken_over"}': 0,
    'signing_service_reloads_total{outcome="refused"}': 0,
    signing_service_reload_refused: 0,
  })
  metrics.ended('refused')
  const refused = await samples()
  t.match(refused.rest, {
    'signing_service_reloads_total{outcome="refused"}': 1,
    signing_service_reload_refused: 1,
  })
  t.equal(refused.since, before.since)
  await delay(5)
  metrics.ended('taken over')
  const takenOver = await samples()
  t.same(takenOver.rest, {
    'signing_service_reloads_total{outcome="taken_over"}': 1,
    'signing_service_reloads_total{outcome="refused"}': 1,
    signing_service_reload_refused: 0,
  })
  t.ok(takenOver.since > before.since)
})
