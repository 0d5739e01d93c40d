/** The queue, at the pace of the test: the signer process is a list of what it was sent. */
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import t, { type Test } from 'tap'
import type { HsmConfiguration } from '../../src/config.ts'
import type { FoundKey, FromSession, ToSession, ToSignerProcess } from '../../src/pkcs11/messages.ts'
import { SessionPool, type SupervisorCalls } from '../../src/pkcs11/session-pool.ts'
import type { HsmState, SupervisorEvents } from '../../src/pkcs11/supervisor.ts'
import { failure, HSM, observe, publicKey, signature } from '../support/played-sessions.ts'

/** A pool of sessions, by default one, the first of which waits for its test signature; with a queue of one. */
function play(t: Test, change: Partial<HsmConfiguration> = {}) {
  const orders: ToSignerProcess[] = []
  const observed: string[] = []
  let events: SupervisorEvents | undefined
  let state: HsmState = 'starting'
  let refusedCertificate = false
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
    refuseCertificate() {
      refusedCertificate = true
    },
    async close() {},
  }
  const hsm = { ...HSM, sessions: 1, zombieLimit: 0, ...change }
  const log = pino({ level: 'silent' })
  const observer = observe(observed)
  const options = { hsm, onOpened: () => publicKey, onMisconfigured() {}, log, observer }
  const pool = new SessionPool(options, (given) => {
    events = given
    return supervisor
  })
  t.teardown(() => pool.close(0))
  const last = (session: number) =>
    orders.filter((order) => 'session' in order && order.session === session).at(-1) as Extract<
      ToSession,
      { type: 'sign' }
    >
  const answer = (session: number, content: object) =>
    events?.onSessionMessage({
      session,
      ticket: last(session).ticket,
      seconds: 0.001,
      ...content,
    } as FromSession)
  const open = (session = 0) => answer(session, { type: 'session-opened' })
  const throttle = (session = 0) =>
    answer(session, { type: 'sign-failed', failure: failure('throttled', 'CKR_FUNCTION_FAILED') })
  const sign = (session = 0) => answer(session, { type: 'signed', signature: signature(last(session).data) })
  events?.onOpened({} as FoundKey)
  open()
  const lose = () => {
    state = 'closing'
    events?.onLost()
  }
  const request = (
    text: string,
    { signal, timeoutMs = 3_000 }: { signal?: AbortSignal; timeoutMs?: number } = {},
  ) =>
    pool
      .sign(Buffer.from(text), {
        deadline: performance.now() + timeoutMs,
        verify: (octets) => octets.length === 256,
        ...(signal === undefined ? {} : { signal }),
      })
      .then(
        () => 'signed',
        ({ code }) => code,
      )
  return {
    pool,
    orders,
    observed,
    answer,
    last,
    open,
    throttle,
    sign,
    lose,
    request,
    refusedCertificate: () => refusedCertificate,
  }
}

t.test('a request that comes after its deadline is answered at once', async (t) => {
  const { pool, orders } = play(t)
  const ordered = orders.length
  await t.rejects(pool.sign(Buffer.from('late'), { deadline: performance.now() - 1, verify: () => true }), {
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
    const one = request('one', { signal: leaving.signal })
    throttle()
    leaving.abort()
    t.equal(await one, 'HSM_UNAVAILABLE')
    t.equal(pool.status().queued, 0)

    const away = new AbortController()
    const inFlight = request('two', { signal: away.signal })
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
