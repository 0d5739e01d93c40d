/** When something that is kept fresh is asked for. */

import { mock } from 'node:test'
import pino from 'pino'
import t from 'tap'
import { CachedFetch } from '../../src/revocation/cached-fetch.ts'
import { DEFAULT_LIMITS } from '../../src/revocation/limits.ts'
import { NotAsked } from '../../src/revocation/request-queue.ts'

const MINUTE_MS = 60_000
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS

const REST = {
  onTried() {},
  revokes: () => false,
  limits: DEFAULT_LIMITS,
  log: pino({ level: 'silent' }),
}

t.test('what was not asked for meanwhile is asked for when it is as old as it may get', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: new Date('2026-01-02T03:04:05Z') })
  t.teardown(() => mock.timers.reset())
  let asked = 0
  const source = new CachedFetch({
    name: 'a CRL',
    async ask() {
      asked += 1
      return { thisUpdate: new Date(), nextUpdate: new Date(Date.now() + WEEK_MS) }
    },
    ...REST,
  })
  /** Has time pass, and what is asked for come. */
  const pass = async (minutes: number) => {
    mock.timers.tick(minutes * MINUTE_MS)
    await new Promise((resolve) => setImmediate(resolve))
  }
  source.start()
  await pass(0)
  t.equal(asked, 1)
  source.stop()
  await pass(40)
  source.start()
  await pass(0)
  t.equal(asked, 1, 'it is not old yet')
  await pass(20)
  t.equal(asked, 2)
  source.stop()
  await pass(120)
  source.start()
  await pass(0)
  t.equal(asked, 3, 'it is old')
  await pass(60)
  t.equal(asked, 4)
  source.stop()
})

t.test('what has ended since the clock was put forward is asked for within ten seconds', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: new Date('2026-01-02T03:04:05Z') })
  t.teardown(() => mock.timers.reset())
  let asked = 0
  const source = new CachedFetch({
    ...{ ...REST, name: 'OCSP' },
    async ask() {
      asked += 1
      return { thisUpdate: new Date(), nextUpdate: new Date(Date.now() + 60 * MINUTE_MS) }
    },
  })
  const pass = async (ms: number) => {
    mock.timers.tick(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
  source.start()
  await pass(0)
  await pass(MINUTE_MS)
  t.equal(asked, 1)
  mock.timers.setTime(new Date('2026-01-02T05:04:05Z').getTime())
  t.equal(source.fresh(new Date()), undefined)
  await pass(10_000)
  t.equal(asked, 2)
  t.ok(source.fresh(new Date()))
  source.stop()
})

t.test('who wants to know it anew while it is asked for has it asked for once more', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  t.teardown(() => mock.timers.reset())
  const asked: (() => void)[] = []
  const source = new CachedFetch({
    ...{ ...REST, name: 'a CRL' },
    async ask() {
      await new Promise<void>((resolve) => asked.push(resolve))
      return { thisUpdate: new Date(), nextUpdate: new Date(Date.now() + WEEK_MS) }
    },
  })
  const settle = async () => {
    asked.at(-1)?.()
    await new Promise((resolve) => setImmediate(resolve))
    mock.timers.tick(0)
  }
  source.start()
  mock.timers.tick(0)
  source.renew()
  await settle()
  t.equal(asked.length, 1, 'a reason that its answer may settle')
  source.renew()
  mock.timers.tick(0)
  source.renew(true)
  source.renew(true)
  await settle()
  t.equal(asked.length, 3)
  await settle()
  t.equal(asked.length, 3, 'once')
  source.renew()
  mock.timers.tick(0)
  source.renew(true)
  source.stop()
  source.start()
  await settle()
  t.equal(asked.length, 4, 'it is forgotten at the end')
  source.stop()
})

t.test('an older answer is taken where the one before has ended and revokes nothing', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: new Date('2026-01-02T03:04:05Z') })
  t.teardown(() => mock.timers.reset())
  const answer = (name: string, from: number, to: number) => {
    const minutes = (count: number) => new Date(Date.now() + count * MINUTE_MS)
    return { name, thisUpdate: minutes(from), nextUpdate: minutes(to) }
  }
  const short = answer('short', 0, 60)
  const long = answer('long', -10, 120)
  for (const revokes of [false, true]) {
    let next = short
    const source = new CachedFetch({ ...REST, name: 'OCSP', ask: async () => next, revokes: () => revokes })
    const ask = async () => {
      source.start(true)
      mock.timers.tick(0)
      await new Promise((resolve) => setImmediate(resolve))
      source.stop()
      return source.held?.name
    }
    t.equal(await ask(), 'short')
    next = long
    t.equal(await ask(), 'short', 'it is fresh')
    mock.timers.tick(60 * MINUTE_MS)
    t.equal(await ask(), revokes ? 'short' : 'long')
    t.equal(source.fresh(new Date())?.name, revokes ? undefined : 'long')
    mock.timers.setTime(new Date('2026-01-02T03:04:05Z').getTime())
  }
})

t.test('who waits for others that get no answer has not failed', async (t) => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: new Date('2026-01-02T03:04:05Z') })
  t.teardown(() => mock.timers.reset())
  let asked = 0
  const problems = [NotAsked, NotAsked, NotAsked, Error, NotAsked, NotAsked, Error]
  const source = new CachedFetch({
    ...{ ...REST, name: 'OCSP' },
    async ask() {
      const Problem = problems[asked++] ?? Error
      throw new Problem('it did not answer')
    },
  })
  const pass = async (ms: number) => {
    // Timers that are set meanwhile count from the end of a tick
    for (let passed = 0; passed < ms; passed += 1_000) {
      mock.timers.tick(Math.min(ms - passed, 1_000))
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  source.start()
  await pass(1)
  for (const wait of [10_000, 10_000, 10_000, 20_000, 20_000, 20_000, 40_000]) {
    const before = asked
    await pass(wait * 0.9 - 1)
    t.equal(asked, before)
    await pass(wait * 0.1 + 1)
    t.equal(asked, before + 1, `after ${wait} ms at most`)
  }
  t.equal(source.problem, 'it did not answer')
  source.stop()
})
