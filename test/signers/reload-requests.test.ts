/** When a configuration is read anew, and what is told of it. */
import { join } from 'node:path'
import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import { fileVersion } from '../../src/common/file-version.ts'
import { ConfigurationError, type ConfigurationProblem } from '../../src/errors.ts'
import { createReloadMetrics } from '../../src/metrics/event-metrics.ts'
import { Reloading, type ReloadingOptions } from '../../src/signers/reloading.ts'
import { readSamples } from '../support/scrape.ts'
import { until } from '../support/signing.ts'

const SIGNERS = { default: 'a', signers: [], files: new Map() }

/** Takes over whatever it reads, unless the test says otherwise. */
function start(t: Test, change: Partial<ReloadingOptions> = {}) {
  const lines: { level: number; msg: string; delayMs?: number }[] = []
  const outcomes: string[] = []
  const reloading = new Reloading({
    signers: { takeOver: async () => {} },
    configuration: SIGNERS,
    intervalMs: 0,
    load: () => ({ signers: SIGNERS, problems: [], warnings: [] }),
    log: pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line)) }),
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

t.test('a file that is not what it was before it was read for the start is read anew', async (t) => {
  const file = join(t.testdir({ 'signer.pem': '' }), 'signer.pem')
  const before = new Map([[file, 'what it was']])
  const { reloading, outcomes } = start(t, { configuration: { ...SIGNERS, files: before }, intervalMs: 20 })
  await reloading.start()
  await until('it is read', () => outcomes.length > 0)
  t.strictSame(outcomes, ['taken over'])
  const same = { ...SIGNERS, files: new Map([[file, fileVersion(file)]]) }
  for (const [configuration, intervalMs] of [
    [same, 20],
    [{ ...SIGNERS, files: before }, 0],
  ] as const) {
    const other = start(t, { configuration, intervalMs })
    await other.reloading.start()
    await delay(200)
    t.strictSame(other.outcomes, [])
  }
})

t.test('after the end nothing is read any more', async (t) => {
  const { reloading, outcomes } = start(t)
  await reloading.start()
  await reloading.stop()
  reloading.request('signal')
  await delay(20)
  t.strictSame(outcomes, [])
})

t.test(
  'the end does not wait for a look at files, which may take as long as a file server hangs',
  async (t) => {
    const read: string[] = []
    const { reloading } = start(t, {
      signers: { takeOver: async () => void read.push('taken over') },
      load: () => {
        read.push('read')
        return { signers: SIGNERS, problems: [], warnings: [] }
      },
    })
    await reloading.start()
    reloading.request('files')
    await reloading.stop()
    t.strictSame(read, [], 'it looks at them still')
    await until('they are read', () => read.length > 0)
    await delay(20)
    t.strictSame(read, ['read'], 'and nothing is taken over')
  },
)

t.test('files that are read at each use are looked at, of signers of all kinds', async (t) => {
  const signer = (pin: object, authorities: readonly object[] | undefined) => ({
    access: { module: '/module', pin },
    container: { ...(authorities && { timestamps: { authorities } }) },
  })
  const signers = [
    signer({ file: '/pin' }, [
      { credentials: { user: 'user', passwordFile: '/password' }, tls: { caFile: '/ca' } },
      { credentials: { user: 'user', password: 'password' } },
      {},
    ]),
    signer({ variable: 'HSM_PIN' }, undefined),
  ]
  const configuration = { ...SIGNERS, signers } as unknown as ReloadingOptions['configuration']
  const { reloading, outcomes } = start(t, { configuration })
  await reloading.start()
  reloading.request('files')
  await until('it is over', () => outcomes.length === 1)
  t.strictSame(outcomes, ['taken over'])
})

/** Refuses to take over with these problems, one try after the other, and then takes over. */
function takeOverAfter(...refusals: (readonly ConfigurationProblem[])[]) {
  const pinsRetried: boolean[] = []
  const takeOver = async (_configuration: unknown, retryPins: boolean) => {
    pinsRetried.push(retryPins)
    const problems = refusals.shift()
    if (problems !== undefined) {
      throw new ConfigurationError(problems)
    }
  }
  return { takeOver, pinsRetried }
}

const AWAY = {
  variable: 'X',
  message: 'the token is away',
  isTemporary: true,
  publicMessage: 'a token is away',
}
const SILENT = {
  variable: 'Y',
  message: 'http://ocsp.example is silent',
  isTemporary: true,
  publicMessage: 'evidence is missing',
}
const WRONG = { variable: 'Z', message: '/etc/secret is wrong' }

/** Has time pass only when the test says so; files are read in real time. */
function holdTime(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  return async (ms: number, holds: () => boolean) => {
    mock.timers.tick(ms)
    while (!holds()) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

t.test('what may pass is tried again less and less often, and told when it changes', async (t) => {
  const after = holdTime(t)
  const { takeOver, pinsRetried } = takeOverAfter([AWAY], [AWAY], [AWAY, SILENT], [AWAY, SILENT], [SILENT])
  let reads = 0
  const load = () => {
    reads += 1
    return { signers: SIGNERS, problems: [], warnings: ['HSM_PIN_FILE: holds a secret'] }
  }
  const { reloading, outcomes, told } = start(t, { signers: { takeOver }, load })
  await reloading.start()
  const { since } = reloading.status
  reloading.request('signal')
  const waits = () => [...told(40), ...told(20)].flatMap(({ delayMs }) => delayMs ?? [])
  await after(0, () => waits().length === 1)
  t.strictSame(
    told(40).map(({ msg }) => msg),
    [
      'X: the token is away',
      'the new configuration is pending: the signers stay as they were until that has passed; it is tried again',
    ],
  )
  t.match(reloading.status, { since, last: { outcome: 'pending', reason: 'a token is away' } })
  const first = reloading.status.last?.at
  await after(5_000, () => waits().length === 2)
  t.strictSame([told(40).length, told(20).length], [2, 1], 'the same problem is told once')
  t.not(reloading.status.last?.at, first, 'the page has the last try')
  await after(10_000, () => waits().length === 3)
  t.strictSame(told(40).length, 5)
  t.match(reloading.status, { last: { reason: 'a token is away; evidence is missing' } })
  await after(20_000, () => waits().length === 4)
  await after(40_000, () => waits().length === 5)
  await after(60_000, () => outcomes.length === 2)
  t.strictSame(outcomes, ['pending', 'taken over'])
  t.strictSame(pinsRetried, Array(6).fill(true), 'as the signal had it')
  t.equal(reads, 1, 'the files are not read again, as they may be half written')
  t.equal(told(40).at(-1)?.msg, 'HSM_PIN_FILE: holds a secret')
  const shortened = (ms: number) => waits().some((wait) => wait <= ms && wait >= ms * 0.9)
  t.ok([5_000, 10_000, 20_000, 40_000, 60_000].every(shortened), `${waits()}`)
  t.equal(reloading.status.last?.reason, undefined)
})

t.test('files that change end the wait, and what a signal wanted stays', async (t) => {
  const after = holdTime(t)
  const { takeOver, pinsRetried } = takeOverAfter([AWAY], [AWAY])
  const { reloading, outcomes, told } = start(t, { signers: { takeOver } })
  await reloading.start()
  reloading.request('signal')
  await after(0, () => outcomes.length === 1)
  reloading.request('files')
  await after(0, () => outcomes.length === 2)
  t.equal(told(40).length, 4, 'it is told anew')
  reloading.request('files')
  await after(0, () => outcomes.length === 3)
  reloading.request('files')
  await after(60_000, () => outcomes.length === 4)
  t.strictSame(outcomes, ['pending', 'pending', 'taken over', 'taken over'])
  t.strictSame(pinsRetried, [true, true, true, false])
})

t.test('a signal that comes while files are read is not forgotten for other files', async (t) => {
  const { takeOver, pinsRetried } = takeOverAfter()
  const { reloading, outcomes } = start(t, { signers: { takeOver } })
  await reloading.start()
  reloading.request('files')
  reloading.request('signal')
  reloading.request('files')
  await until('both are over', () => outcomes.length === 2)
  t.strictSame(pinsRetried, [false, true])
})

t.test('one problem that does not pass is enough for a refusal, also at a later try', async (t) => {
  const after = holdTime(t)
  const { takeOver } = takeOverAfter([AWAY], [AWAY, WRONG, WRONG])
  const { reloading, outcomes, told } = start(t, { signers: { takeOver } })
  await reloading.start()
  reloading.request('files')
  await after(0, () => outcomes.length === 1)
  await after(5_000, () => outcomes.length === 2)
  t.strictSame(outcomes, ['pending', 'refused'])
  t.equal(told(50).length, 4)
  const reason = 'a token is away; the configuration is wrong; the log says where'
  t.match(reloading.status, { last: { outcome: 'refused', reason } })
})

t.test('nothing is tried again after the end', async (t) => {
  const after = holdTime(t)
  const { takeOver, pinsRetried } = takeOverAfter([AWAY])
  const { reloading, outcomes } = start(t, { signers: { takeOver } })
  await reloading.start()
  reloading.request('files')
  await after(0, () => outcomes.length === 1)
  await reloading.stop()
  await after(60_000, () => true)
  t.equal(pinsRetried.length, 1)
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
  t.match(reloading.status, {
    since,
    last: { outcome: 'refused', reason: 'an unexpected error, which the log has' },
  })
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
  const countReload = createReloadMetrics(registry)
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
    'signing_service_reloads_total{outcome="pending"}': 0,
    'signing_service_reloads_total{outcome="refused"}': 0,
    signing_service_reload_refused: 0,
    signing_service_reload_pending: 0,
  })
  countReload('pending')
  t.match((await samples()).rest, {
    'signing_service_reloads_total{outcome="pending"}': 1,
    signing_service_reload_refused: 0,
    signing_service_reload_pending: 1,
  })
  countReload('refused')
  const refused = await samples()
  t.match(refused.rest, {
    'signing_service_reloads_total{outcome="refused"}': 1,
    signing_service_reload_refused: 1,
    signing_service_reload_pending: 0,
  })
  t.equal(refused.since, before.since)
  await delay(5)
  countReload('taken over')
  const takenOver = await samples()
  t.same(takenOver.rest, {
    'signing_service_reloads_total{outcome="taken_over"}': 1,
    'signing_service_reloads_total{outcome="pending"}': 1,
    'signing_service_reloads_total{outcome="refused"}': 1,
    signing_service_reload_refused: 0,
    signing_service_reload_pending: 0,
  })
  t.ok(takenOver.since > before.since)
})
