/** The queue, at the pace of the test: the signer process is a list of what it was sent. */
import { setTimeout as delay } from 'node:timers/promises'
import pino from 'pino'
import t, { type Test } from 'tap'
import { Client } from '../../../src/common/client.ts'
import type { HsmConfiguration } from '../../../src/configuration/configuration.ts'
import { VARIABLE_SETTINGS } from '../../../src/configuration/read-signer.ts'
import type { FoundKey, FromSession, SessionOrder, ToSignerProcess } from '../../../src/pkcs11/messages.ts'
import { SessionPool, type SupervisorCalls } from '../../../src/pkcs11/pool/session-pool.ts'
import type { HsmState, SupervisorEvents } from '../../../src/pkcs11/pool/supervisor.ts'
import { failure, HSM, inputFor, observe, PROTECTED, signature, USE } from '../../support/played-sessions.ts'
import { until } from '../../support/signing.ts'

/** A pool of sessions, by default one, the first of which waits for its test signature; with a queue of one. */
function play(t: Test, change: Partial<HsmConfiguration> = {}, found: Partial<FoundKey> = {}) {
  const orders: ToSignerProcess[] = []
  const observed: string[] = []
  let events: SupervisorEvents | undefined
  let state: HsmState = 'starting'
  const supervised: string[] = []
  const supervisor: SupervisorCalls = {
    get state() {
      return { state, since: new Date(0) }
    },
    isLoginPending: false,
    isUnavailableUntil: () => state === 'closing',
    send: (order) => orders.push(order),
    markReady() {
      const isFirst = state !== 'ready'
      state = 'ready'
      return isFirst
    },
    ...{ start() {}, retry() {} },
    replace: (reason, kind) => supervised.push(`replace: ${reason} (${kind})`),
    refusePin: (returnValue) => supervised.push(`PIN refused: ${returnValue}`),
    misconfigured: ({ message }, reason) => supervised.push(`misconfigured: ${message} (${reason})`),
    async close() {},
  }
  const hsm = { ...HSM, sessions: 1, ...change }
  const log = pino({ level: 'silent' })
  const observer = observe(observed)
  const access = { module: '/none', token: {}, pin: { variable: 'HSM_PIN' } }
  const key = {
    request: { selector: {}, certificateOnToken: false },
    settings: VARIABLE_SETTINGS,
    accept: () => USE,
  }
  const options = { hsm, access, keys: [key] as const, onMisconfigured() {}, log, observer }
  const pool = new SessionPool(options, (given) => {
    events = given
    return supervisor
  })
  t.teardown(() => pool.close(0))
  const answered = new Map<number, number>()
  const ordersFor = (session: number) =>
    orders.filter((order) => 'session' in order && order.session === session) as (SessionOrder & {
      data: Uint8Array
    })[]
  const last = (session: number) => ordersFor(session).at(-1) as SessionOrder & { data: Uint8Array }
  /** What a session does next, as it does one after another; what it was told before it is opened anew counts no more. */
  const next = (session: number, type: SessionOrder['type']) =>
    ordersFor(session).find((order) => order.type === type && order.ticket > (answered.get(session) ?? 0)) ??
    last(session)
  const answer = (session: number, content: { readonly type: string; readonly [field: string]: unknown }) => {
    const { ticket } = next(session, content.type.startsWith('session') ? 'reopen' : 'sign')
    answered.set(session, ticket)
    events?.onMessage({ session, ticket, seconds: 0.001, ...content } as FromSession)
  }
  const open = (session = 0) => answer(session, { type: 'session-opened' })
  const throttle = (session = 0) =>
    answer(session, { type: 'sign-failed', failure: failure('throttled', 'CKR_FUNCTION_FAILED') })
  const sign = (session = 0) =>
    answer(session, { type: 'signed', signature: signature(next(session, 'sign').data) })
  events?.onOpened([
    { label: 'signer', labelBytes: Buffer.from('signer'), id: '01', protection: PROTECTED, ...found },
  ])
  open()
  const lose = () => {
    state = 'closing'
    events?.onLost()
  }
  const request = (
    text: string,
    { timeoutMs = 3_000, ...options }: { client?: Client; timeoutMs?: number; owner?: string } = {},
  ) =>
    pool
      .sign(
        { ...inputFor(text), verify: (octets) => octets.length === 256 },
        { deadline: performance.now() + timeoutMs, ...options },
      )
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
    supervised,
  }
}

t.test('a request that comes after its deadline is answered at once', async (t) => {
  const { pool, orders } = play(t)
  const ordered = orders.length
  await t.rejects(pool.sign(inputFor('late'), { deadline: performance.now() - 1 }), {
    code: 'HSM_TIMEOUT',
  })
  t.equal(orders.length, ordered)
})

t.test('a request whose session does not answer is answered at its deadline', async (t) => {
  const { sign, request } = play(t)
  sign()
  t.equal(await request('one', { timeoutMs: 200 }), 'HSM_TIMEOUT')
})

t.test('a request whose deadline passes while nobody looks was not too many', async (t) => {
  const { sign, request } = play(t, { queueLimit: 2 })
  sign()
  const requests = [request('one', { timeoutMs: 150 }), request('two', { timeoutMs: 150 })]
  const end = performance.now() + 300
  while (performance.now() < end) {}
  t.same(await Promise.all(requests), ['HSM_TIMEOUT', 'HSM_TIMEOUT'])
})

t.test('what went wrong before the first signature is told', async (t) => {
  const { pool, throttle } = play(t)
  t.match(pool.status(), { state: 'starting', reason: undefined })
  throttle()
  t.match(pool.status(), { state: 'starting', reason: 'a signing call failed (CKR_FUNCTION_FAILED)' })
})

t.test('requests that wait to be repeated on a token that throttles', async (t) => {
  t.test('count as queued, and fill the queue', async (t) => {
    const { pool, open, throttle, sign, request, observed } = play(t, { sessions: 2, queueLimit: 2 })
    sign()
    open(1)
    sign(1)
    const requests = [request('one'), request('two')]
    throttle()
    throttle(1)
    t.match(pool.status(), { state: 'ready', queued: 2, sessions: { busy: 2 } })
    t.equal(await request('three'), 'HSM_BUSY')
    await until('both are repeated', () => pool.status().queued === 0)
    t.same(observed, ['retried CKR_FUNCTION_FAILED', 'retried CKR_FUNCTION_FAILED'])
    sign()
    sign(1)
    t.same(await Promise.all(requests), ['signed', 'signed'])
  })

  t.test('are given to sessions three times at most', async (t) => {
    const { throttle, sign, request, orders, observed } = play(t)
    sign()
    const one = request('one', { timeoutMs: 800 })
    for (let attempt = 1; attempt <= 3; attempt++) {
      const given = () =>
        orders.filter((order) => 'data' in order && Buffer.from(order.data).toString() === 'one').length
      await until('a session has it', () => given() === attempt)
      throttle()
    }
    t.equal(await one, 'HSM_UNAVAILABLE')
    t.equal(observed.length, 2)
  })

  t.test('are dropped when their clients leave', async (t) => {
    const { pool, orders, throttle, sign, request } = play(t)
    sign()
    const leaving = new Client()
    const one = request('one', { client: leaving })
    throttle()
    leaving.leave()
    t.equal(await one, 'HSM_UNAVAILABLE')
    t.equal(pool.status().queued, 0)

    await until('the session has rested', () => pool.status().sessions.idle === 1)
    const away = new Client()
    const inFlight = request('two', { client: away })
    away.leave()
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

t.test('a token whose signatures do not verify: the third is the last', async (t) => {
  const { answer, open, sign, request, observed } = play(t)
  sign()
  const one = request('one')
  for (let attempt = 0; attempt < 3; attempt++) {
    answer(0, { type: 'signed', signature: Buffer.alloc(128) })
    open()
    sign()
  }
  t.equal(await one, 'SIGNATURE_SELF_CHECK_FAILED')
  t.equal(observed.filter((event) => event === 'retried signature').length, 2)
})

t.test('a call that says something about the PIN ends its process', async (t) => {
  const { answer, supervised } = play(t)
  answer(0, { type: 'sign-failed', failure: failure('pin', 'CKR_PIN_EXPIRED') })
  t.same(supervised, ['PIN refused: CKR_PIN_EXPIRED'])
})

t.test('test signatures that do not verify', async (t) => {
  const wrong = { type: 'signed', signature: Buffer.alloc(256) }

  t.test('tell that the certificate is that of another key', async (t) => {
    const { answer, supervised } = play(t)
    answer(0, wrong)
    t.match(supervised, [
      /^misconfigured: SIGNER_CERTIFICATE_FILE: test signatures do not verify with it: .* \(test signatures do not verify\)$/,
    ])
  })

  t.test('or that the HSM is faulty, where the certificate is known to be that of the key', async (t) => {
    const { answer, supervised } = play(t, {}, { publicKey: new Uint8Array(1) })
    answer(0, wrong)
    t.same(supervised, ['replace: test signatures do not verify (hsm)'])
  })
})

t.test('a request that would not have its turn in time', async (t) => {
  /** A session that has taken so many milliseconds for each of its first signatures. */
  async function slow(t: Test, ms: number) {
    const played = play(t, { queueLimit: 100 })
    played.sign()
    for (let count = 0; count < 8; count++) {
      const one = played.request('one')
      await delay(ms)
      played.sign()
      await one
    }
    return played
  }

  t.test('is told so when it comes, unless a session is free', async (t) => {
    const { sign, request } = await slow(t, 100)
    const one = request('one', { timeoutMs: 50 })
    sign()
    t.equal(await one, 'signed')
    const two = request('two')
    const three = request('three', { timeoutMs: 2_000 })
    t.equal(await request('four', { timeoutMs: 120 }), 'HSM_BUSY')
    sign()
    sign()
    t.same(await Promise.all([two, three]), ['signed', 'signed'])
  })

  t.test('does not wait for what another one has asked for before', async (t) => {
    const { pool, sign, request } = await slow(t, 100)
    const many = Array.from({ length: 60 }, () => request('many', { owner: 'many', timeoutMs: 600_000 }))
    const one = request('one', { owner: 'one', timeoutMs: 5_000 })
    t.equal(await request('too many', { owner: 'many', timeoutMs: 5_000 }), 'HSM_BUSY')
    while (pool.status().sessions.busy > 0) {
      sign()
      await delay(0)
    }
    t.equal(await one, 'signed')
    await Promise.all(many)
  })

  t.test('is told so as soon as that is clear', async (t) => {
    const { pool, sign, request } = await slow(t, 300)
    const [one, two] = [request('one'), request('two', { timeoutMs: 1_000 })]
    t.equal(pool.status().queued, 1)
    t.equal(await two, 'HSM_BUSY', 'before its deadline')
    sign()
    t.equal(await one, 'signed')
  })

  t.test('does not depend on sessions being opened anew at that moment', async (t) => {
    const { pool, open, sign, request, answer } = play(t, { sessions: 4, queueLimit: 100 })
    const all = [0, 1, 2, 3]
    const test = (session: number) => {
      open(session)
      sign(session)
    }
    sign()
    all.slice(1).forEach(test)
    for (let round = 0; round < 2; round++) {
      const requests = all.map(() => request('one'))
      await delay(200)
      all.forEach(sign)
      await Promise.all(requests)
    }
    const requests = Array.from({ length: 16 }, () => request('one', { timeoutMs: 1_500 }))
    for (const session of all) {
      answer(session, { type: 'sign-failed', failure: failure('device') })
    }
    test(0)
    await delay(200)
    t.match(pool.status(), { queued: 15, sessions: { busy: 1, opening: 3 } })
    all.slice(1).forEach(test)
    const working = setInterval(() => all.forEach(sign), 20)
    t.teardown(() => clearInterval(working))
    t.same(new Set(await Promise.all(requests)), new Set(['signed']))
  })

  t.test('is taken as long as nothing can be told', async (t) => {
    const { sign, request } = play(t, { queueLimit: 100 })
    await delay(200)
    sign()
    const requests = [request('one'), request('two', { timeoutMs: 150 })]
    sign()
    sign()
    t.same(await Promise.all(requests), ['signed', 'signed'])
  })
})

t.test('a queue that is full while the HSM does not sign is not the fault of too many', async (t) => {
  const { request, lose } = play(t)
  const one = request('one')
  t.equal(await request('two'), 'HSM_UNAVAILABLE')
  lose()
  await one
})

t.test('one who asks for much', async (t) => {
  /** One session that signs for `many`, of whom so many more requests wait. */
  function flood(t: Test, waiting: number, change: Partial<HsmConfiguration> = {}) {
    const played = play(t, { queueLimit: 4, ...change })
    const order: string[] = []
    played.sign()
    const ask = async (text: string, owner?: string) => {
      const became = await played.request(text, { timeoutMs: 60_000, ...(owner && { owner }) })
      order.push(became === 'signed' ? text : `${text}: ${became}`)
    }
    const asked = Array.from({ length: 1 + waiting }, (_, number) => ask(`many ${number}`, 'many'))
    return { ...played, order, ask, asked }
  }

  /** Signs for so long as anything waits. */
  async function signAll({ sign, pool }: Pick<ReturnType<typeof play>, 'sign' | 'pool'>) {
    while (pool.status().sessions.busy > 0) {
      sign()
      await delay(0)
    }
  }

  t.test('has the whole queue, where nobody else asks', async (t) => {
    const played = flood(t, 4)
    t.equal(played.pool.status().queued, 4)
    await played.ask('one too many', 'many')
    t.same(played.order, ['one too many: HSM_BUSY'])
    await signAll(played)
    await Promise.all(played.asked)
    t.same(played.order.slice(1), ['many 0', 'many 1', 'many 2', 'many 3', 'many 4'], 'in their order')
  })

  t.test('takes turns with others', async (t) => {
    const played = flood(t, 3, { queueLimit: 8 })
    const others = [played.ask('few 0', 'few'), played.ask('few 1', 'few'), played.ask('nobody')]
    await signAll(played)
    await Promise.all([...played.asked, ...others])
    // The session was told of the next one before others came
    t.same(played.order, ['many 0', 'many 1', 'few 0', 'nobody', 'many 2', 'few 1', 'many 3'])
  })

  t.test('loses places of a full queue to those who have fewer', async (t) => {
    const played = flood(t, 4)
    const others = ['few 0', 'few 1', 'few 2'].map((text) => played.ask(text, 'few'))
    await until('the last ones are told to come back', () => played.order.length === 3)
    t.same(played.order, ['many 4: HSM_BUSY', 'many 3: HSM_BUSY', 'few 2: HSM_BUSY'], 'down to equal parts')
    t.equal(played.pool.status().queued, 4)
    await signAll(played)
    await Promise.all([...played.asked, ...others])
    t.same(played.order.slice(3), ['many 0', 'many 1', 'few 0', 'many 2', 'few 1'])
  })

  t.test('has his turn, too, where many others ask again and again', async (t) => {
    const played = flood(t, 3, { queueLimit: 20 })
    let ended = false
    const others = ['a', 'b', 'c', 'd'].map(async (owner) => {
      while (!ended) {
        await played.ask(owner, owner)
      }
    })
    for (let signed = 0; signed < 20; signed++) {
      played.sign()
      await delay(0)
    }
    t.ok(played.order.includes('many 3'), `${played.order}`)
    ended = true
    await signAll(played)
    await Promise.all([...played.asked, ...others])
  })

  t.test('is told that nothing is signed, while nothing is', async (t) => {
    const played = play(t, { queueLimit: 1 })
    const first = played.request('many', { owner: 'many' })
    const second = played.request('many', { owner: 'many' })
    t.equal(await second, 'HSM_UNAVAILABLE')
    played.sign()
    await signAll(played)
    t.equal(await first, 'signed')
  })
})

t.test('a call that hangs', async (t) => {
  const options = { sessions: 2, timeoutMs: 400 }

  t.test('costs no request: another session signs it', async (t) => {
    const { open, sign, request, last, observed } = play(t, options)
    sign()
    open(1)
    sign(1)
    const one = request('one', { timeoutMs: 400 })
    await until('the other has it', () => observed.includes('retried slow'))
    t.equal(Buffer.from(last(1).data).toString(), 'one')
    sign(1)
    t.equal(await one, 'signed')
  })

  t.test('may return before another session is free', async (t) => {
    const { pool, sign, request, observed } = play(t, options)
    sign()
    const one = request('one', { timeoutMs: 400 })
    await until('it waits for the other', () => observed.includes('retried slow'))
    t.equal(pool.status().queued, 1)
    sign()
    t.equal(await one, 'signed')
    t.equal(pool.status().queued, 0)
  })

  t.test('may fail while another session works on it', async (t) => {
    const { open, sign, request, answer, observed, pool } = play(t, options)
    sign()
    open(1)
    sign(1)
    const one = request('one', { timeoutMs: 800 })
    await until('the other has it', () => observed.includes('retried slow'))
    answer(0, { type: 'sign-failed', failure: failure('device') })
    t.equal(pool.status().queued, 1, 'it is repeated all the same')
    open(0)
    sign(0)
    answer(0, { type: 'sign-failed', failure: failure('device') })
    t.equal(pool.status().queued, 0, 'but not more than twice')
    sign(1)
    t.equal(await one, 'signed')
  })

  t.test('may be throttled while it waits for another session: it waits once, and rests first', async (t) => {
    const { pool, sign, throttle, request, last, observed } = play(t, { ...options, timeoutMs: 1_000 })
    sign()
    const one = request('one')
    const { ticket } = last(0)
    await until('it waits for the other', () => observed.includes('retried slow'))
    throttle()
    t.equal(pool.status().queued, 1)
    await until('it is repeated', () => last(0).ticket > ticket)
    t.equal(pool.status().queued, 0)
    sign()
    t.equal(await one, 'signed')
  })

  t.test('and whose client leaves goes on', async (t) => {
    const { sign, request, observed, pool } = play(t, options)
    sign()
    const leaving = new Client()
    const one = request('one', { timeoutMs: 400, client: leaving })
    await until('it waits for the other', () => observed.includes('retried slow'))
    leaving.leave()
    t.equal(pool.status().queued, 0)
    sign()
    t.equal(await one, 'signed')
  })
})

t.test('a pool that closes', async (t) => {
  t.test('takes no more, and finishes what it has', async (t) => {
    const { pool, sign, request } = play(t)
    sign()
    const one = request('one')
    const closed = pool.close(3_000)
    t.equal(await request('two'), 'HSM_UNAVAILABLE')
    sign()
    t.equal(await one, 'signed')
    await closed
  })

  t.test('or gives it up after a while', async (t) => {
    const { pool, sign, request } = play(t)
    sign()
    const one = request('one', { timeoutMs: 300 })
    await pool.close(50)
    t.equal(await one, 'HSM_TIMEOUT')
  })
})
