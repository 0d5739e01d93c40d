/** The queue, at the pace of the test: the signer process is a list of what it was sent. */
import { generateKeyPairSync, privateEncrypt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import { Registry } from 'prom-client'
import t, { type Test } from 'tap'
import type { HsmConfiguration } from '../../src/config.ts'
import { PoolMetrics } from '../../src/metrics/pool-metrics.ts'
import type { FoundKey, ToSession, ToSignerProcess } from '../../src/pkcs11/messages.ts'
import { SessionPool, type SupervisorCalls } from '../../src/pkcs11/session-pool.ts'
import type { HsmState, SupervisorEvents } from '../../src/pkcs11/supervisor.ts'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

/** A pool of one session that has proved itself, with a queue of one. */
function play(t: Test) {
  const orders: ToSignerProcess[] = []
  let events: SupervisorEvents | undefined
  let state: HsmState = 'starting'
  const supervisor: SupervisorCalls = {
    get state() {
      return { state, since: new Date(0) }
    },
    isHopelessUntil: () => state === 'closing',
    send: (order) => orders.push(order),
    markReady() {
      state = 'ready'
    },
    start() {},
    replace() {},
    refusePin() {},
    async close() {},
  }
  const hsm = { sessions: 1, queueLimit: 1, timeoutMs: 4_000, keepAliveMs: 30_000 } as HsmConfiguration
  const log = pino({ level: 'silent' })
  const observer = new PoolMetrics(new Registry())
  const options = { hsm, onOpened: () => publicKey, onMisconfigured() {}, log, observer }
  const pool = new SessionPool(options, (given) => {
    events = given
    return supervisor
  })
  t.teardown(() => pool.close(0))
  const last = () => orders.at(-1) as Extract<ToSession, { type: 'sign' }>
  const throttle = (ticket = last().ticket) =>
    events?.onSessionMessage({
      session: 0,
      ticket,
      type: 'sign-failed',
      failure: { returnValue: 'CKR_FUNCTION_FAILED', call: 'C_Sign', recovery: 'throttled' },
    })
  const sign = () =>
    events?.onSessionMessage({
      session: 0,
      ticket: last().ticket,
      type: 'signed',
      signature: privateEncrypt(privateKey, last().data),
    })
  events?.onOpened({} as FoundKey)
  events?.onSessionMessage({ session: 0, ticket: 0, type: 'session-opened' })
  const lose = () => {
    state = 'closing'
    events?.onLost()
  }
  const request = (text: string, signal?: AbortSignal) =>
    pool
      .sign(Buffer.from(text), {
        deadline: performance.now() + 3_000,
        ...(signal === undefined ? {} : { signal }),
      })
      .then(
        () => 'signed',
        ({ code }) => code,
      )
  return { pool, orders, throttle, sign, lose, request }
}

t.test('a request that comes after its deadline is answered at once', async (t) => {
  const { pool, orders } = play(t)
  const ordered = orders.length
  await t.rejects(pool.sign(Buffer.from('late'), { deadline: performance.now() - 1 }), {
    code: 'HSM_TIMEOUT',
  })
  t.equal(orders.length, ordered)
})

t.test('what went wrong before the first signature is told', async (t) => {
  const { pool, throttle } = play(t)
  t.match(pool.status(), { state: 'starting', reason: undefined })
  throttle()
  t.match(pool.status(), { state: 'starting', reason: 'a signing call failed (CKR_FUNCTION_FAILED)' })
})

t.test('requests that wait to be repeated on a token that throttles', async (t) => {
  t.test('count as queued, and fill the queue', async (t) => {
    const { pool, throttle, sign, request } = play(t)
    sign()
    const one = request('one')
    throttle()
    t.match(pool.status(), { state: 'ready', queued: 1 })
    const two = request('two')
    throttle()
    t.equal(pool.status().queued, 2)
    t.equal(await request('three'), 'HSM_BUSY')
    for (let waiting = 2; waiting > 0; waiting--) {
      while (pool.status().sessions.busy === 0) {
        await delay(5)
      }
      sign()
    }
    t.same(await Promise.all([one, two]), ['signed', 'signed'])
  })

  t.test('are dropped when their clients leave', async (t) => {
    const { pool, orders, throttle, sign, request } = play(t)
    sign()
    const leaving = new AbortController()
    const one = request('one', leaving.signal)
    throttle()
    leaving.abort()
    t.equal(await one, 'HSM_UNAVAILABLE')
    t.equal(pool.status().queued, 0)

    const away = new AbortController()
    const inFlight = request('two', away.signal)
    away.abort()
    const ordered = orders.length
    throttle()
    t.equal(await inFlight, 'HSM_UNAVAILABLE')
    t.equal(orders.length, ordered, 'also when the client left during the call')
  })

  t.test('are answered when the process is lost and no other comes in time', async (t) => {
    const { throttle, sign, request, lose, pool } = play(t)
    sign()
    const one = request('one')
    throttle()
    lose()
    t.equal(await one, 'HSM_UNAVAILABLE')
    t.equal(pool.status().queued, 0)
  })
})
