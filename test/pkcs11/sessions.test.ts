/** The bookkeeping of sessions, at the pace of the test: what a signer process answers is what the test says. */
import { generateKeyPairSync, privateEncrypt } from 'node:crypto'
import { mock } from 'node:test'
import pino from 'pino'
import t, { type Test } from 'tap'
import { Job } from '../../src/pkcs11/job.ts'
import type { FromSession, ToSignerProcess } from '../../src/pkcs11/messages.ts'
import type { Recovery, TokenFailure } from '../../src/pkcs11/return-values.ts'
import { Sessions } from '../../src/pkcs11/sessions.ts'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const SIGNATURE = Buffer.alloc(256, 1)

function failure(recovery: Recovery): TokenFailure {
  return { returnValue: 'CKR_TEST', call: 'C_Sign', recovery }
}

/** Sessions whose clock and whose signer process the test plays. */
function play(t: Test, count: number, keepAliveMs = 600_000) {
  let now = 1_000
  t.intercept(performance, 'now', { value: () => now })
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] })
  t.teardown(() => mock.timers.reset())
  const orders: ToSignerProcess[] = []
  const events: string[] = []
  const logged: string[] = []
  const sessions = new Sessions({
    publicKey,
    count,
    timeoutMs: 4_000,
    keepAliveMs,
    log: pino({ level: 'warn' }, { write: (line) => logged.push(line) }),
    send: (order) => orders.push(order),
    onProved: () => events.push('proved'),
    onIdle: () => {},
    onReturned: (job, { recovery }) => events.push(`returned ${Buffer.from(job.data)} ${recovery}`),
    onDead: (reason) => events.push(`dead: ${reason}`),
    onPinRefused: () => events.push('PIN refused'),
  })
  t.teardown(() => sessions.abandon())
  const lastOrder = (session: number) =>
    orders.filter((order) => 'session' in order && order.session === session).at(-1) as
      | (ToSignerProcess & { ticket: number; data?: Uint8Array })
      | undefined
  const answer = (session: number, content: object, ticket = lastOrder(session)?.ticket ?? 0) =>
    sessions.receive({ session, ticket, ...content } as FromSession)
  const open = (session: number) => answer(session, { type: 'session-opened' })
  const sign = (session: number, signature?: Buffer) => {
    const data = lastOrder(session)?.data ?? new Uint8Array()
    answer(session, { type: 'signed', signature: signature ?? privateEncrypt(privateKey, data) })
  }
  return {
    sessions,
    orders,
    events,
    logged,
    lastOrder,
    answer,
    open,
    sign,
    /** Opens all sessions and has them prove themselves. */
    prove() {
      for (let session = 0; session < count; session++) {
        open(session)
        sign(session)
      }
      events.length = 0
    },
    failToOpen: (session: number, recovery: Recovery) =>
      answer(session, { type: 'session-failed', failure: failure(recovery) }),
    failToSign: (session: number, recovery: Recovery) =>
      answer(session, { type: 'sign-failed', failure: failure(recovery) }),
    /** The event loop stands still: timers of up to `due` are late, and run at once. */
    stall(ms: number, due: number) {
      now += ms
      mock.timers.tick(due)
    },
    job: (text: string) => {
      const job = new Job(Buffer.from(text), now + 4_000, (late) => {
        late.fail(new Error('late'))
        sessions.expire(late)
      })
      job.signature.catch(() => {})
      return job
    },
    pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 500) {
        now += 500
        mock.timers.tick(500)
      }
    },
  }
}

t.test('a session gets work once a test signature of it has verified', async (t) => {
  const { sessions, events, open, sign, job } = play(t, 1)
  t.notOk(sessions.lease(job('early')))
  open(0)
  t.notOk(sessions.isUsable())
  sign(0)
  t.same(events, ['proved'])
  t.ok(sessions.lease(job('work')))
  t.notOk(sessions.lease(job('more')))
})

t.test('an answer to an older order is dropped, and so is one of a session that there is not', async (t) => {
  const { sessions, answer, lastOrder, prove, job } = play(t, 1)
  prove()
  const [one, two] = [job('one'), job('two')]
  sessions.lease(one)
  const stale = lastOrder(0)?.ticket
  answer(0, { type: 'signed', signature: SIGNATURE })
  t.equal(await one.signature, SIGNATURE)
  sessions.lease(two)
  answer(0, { type: 'signed', signature: Buffer.alloc(256, 2) }, stale)
  answer(7, { type: 'signed', signature: Buffer.alloc(256, 2) })
  t.notOk(two.settled)
  answer(0, { type: 'signed', signature: SIGNATURE })
  t.equal(await two.signature, SIGNATURE)
})

t.test('a test signature that fails keeps a new session out of use for a while', async (t) => {
  for (const recovery of ['device', 'throttled', 'permanent'] as const) {
    t.test(recovery, async (t) => {
      const { sessions, events, orders, open, failToSign, prove, sign, pass } = play(t, 2)
      prove()
      sessions.loggedIn()
      open(1)
      sign(1)
      open(0)
      failToSign(0, recovery)
      const ordered = orders.length
      t.same(sessions.count(), { opening: 1, idle: 1, busy: 0, zombie: 0 })
      t.equal(orders.length, ordered, 'nothing is tried at once')
      pass(1_000)
      t.match(orders.at(-1), { type: 'reopen', session: 0 })
      t.same(events, ['proved'])
    })
  }
})

t.test('no session proves itself: the process is lost', async (t) => {
  const { events, open, sign, failToOpen } = play(t, 2)
  open(0)
  sign(0, SIGNATURE)
  t.same(events, [])
  failToOpen(1, 'device')
  t.same(events, ['dead: a session cannot be opened (CKR_TEST)'])
})

t.test('a request stays with the session that is opened anew for it', async (t) => {
  const { sessions, events, lastOrder, open, failToSign, failToOpen, prove, job, sign } = play(t, 2)
  prove()
  const work = job('work')
  sessions.lease(work)
  failToSign(0, 'replace-session')
  open(0)
  t.equal(lastOrder(0)?.data, work.data)

  t.test('until that fails', async (t) => {
    failToSign(0, 'replace-session')
    failToOpen(0, 'device')
    t.same(events, ['returned work device'])
    t.notOk(work.settled)
  })

  t.test('or it was given to sessions three times', async (t) => {
    events.length = 0
    sessions.lease(work)
    failToSign(1, 'device')
    t.same(events, ['returned work device'])
    open(1)
    sign(1)
    t.ok(sessions.isUsable(), 'after a test signature')
  })
})

t.test('a request that the token throttles is returned, and its session is free', async (t) => {
  const { sessions, events, failToSign, prove, job } = play(t, 1)
  prove()
  const work = job('work')
  sessions.lease(work)
  failToSign(0, 'throttled')
  t.same(events, ['returned work throttled'])
  t.ok(sessions.isUsable())
  work.fail(new Error('end of test'))
})

t.test('a deadline that passes soon after the session was given the request', async (t) => {
  const { sessions, events, prove, job, pass, sign, lastOrder } = play(t, 1)
  prove()
  const work = job('work')
  pass(3_500)
  sessions.lease(work)
  pass(500)
  t.ok(work.settled)
  t.same(sessions.count(), { opening: 0, idle: 0, busy: 1, zombie: 0 }, 'makes no zombie')
  sign(0, SIGNATURE)
  t.ok(sessions.isUsable())
  t.match(lastOrder(0), { type: 'sign' })
  t.same(events, [])
})

t.test('a zombie', async (t) => {
  t.test('that comes back with an error is opened anew', async (t) => {
    const { sessions, orders, failToSign, prove, job, pass } = play(t, 2)
    prove()
    sessions.lease(job('work'))
    pass(4_500)
    t.equal(sessions.count().zombie, 1)
    failToSign(0, 'throttled')
    t.match(orders.at(-1), { type: 'reopen', session: 0 })
  })

  t.test("that comes back with a signature is opened anew too, and its signature is nobody's", async (t) => {
    const { sessions, orders, sign, prove, job, pass } = play(t, 2)
    prove()
    sessions.lease(job('work'))
    pass(4_500)
    sign(0, SIGNATURE)
    t.match(orders.at(-1), { type: 'reopen', session: 0 })
  })

  t.test('is one of more than half: the process is lost', async (t) => {
    const { sessions, events, prove, job, pass } = play(t, 3)
    prove()
    sessions.lease(job('work'))
    sessions.lease(job('more'))
    pass(4_500)
    t.equal(sessions.count().idle, 1)
    t.same(events, ['dead: sessions do not answer'])
  })

  t.test('may be one that makes a test signature', async (t) => {
    const { sessions, events, open, pass } = play(t, 2)
    open(0)
    pass(4_500)
    t.equal(sessions.count().zombie, 1)
    open(1)
    pass(4_500)
    t.same(events, ['dead: sessions do not answer'])
  })

  t.test('beside a session that cannot be opened: the process is lost', async (t) => {
    const { sessions, events, failToOpen, failToSign, prove, job, pass } = play(t, 2)
    prove()
    sessions.lease(job('work'))
    sessions.lease(job('more'))
    pass(3_500)
    failToSign(1, 'replace-session')
    failToOpen(1, 'device')
    t.same(events, ['returned more device'])
    pass(1_000)
    t.same(events, ['returned more device', 'dead: sessions do not answer'])
  })
})

t.test('sessions that hang while they are opened', async (t) => {
  t.test('are zombies after half a minute', async (t) => {
    const { sessions, events, open, sign, pass } = play(t, 3)
    for (const session of [0, 1]) {
      pass(20_000)
      open(session)
      sign(session)
    }
    pass(20_000)
    t.equal(sessions.count().zombie, 0, 'those that wait for the ones before them have time')
    pass(20_000)
    t.equal(sessions.count().zombie, 1)
    t.notMatch(events.join(), /dead/)
  })

  t.test('all of them: the process is lost', async (t) => {
    const { events, pass } = play(t, 2)
    pass(45_000)
    t.match(events, [/dead: sessions do not answer/])
  })
})

t.test('the token forgets the login', async (t) => {
  t.test('one login for all, and every session is opened anew', async (t) => {
    const { sessions, orders, events, lastOrder, failToSign, failToOpen, prove, open, job, sign, pass } =
      play(t, 4)
    prove()
    pass(500)
    const work = ['a', 'b', 'c'].map(job)
    for (const one of work) {
      sessions.lease(one)
    }
    failToSign(0, 'log-in')
    failToSign(1, 'log-in')
    failToOpen(1, 'log-in')
    t.equal(orders.filter(({ type }) => type === 'log-in').length, 1)
    sessions.loggedIn()
    t.match(lastOrder(3), { type: 'reopen' }, 'the idle one')
    pass(1_000)
    t.match(lastOrder(1), { type: 'reopen' }, 'the one that could not be opened')
    sign(2)
    t.match(lastOrder(2), { type: 'reopen' }, 'the one that was signing')
    open(0)
    t.equal(lastOrder(0)?.data, work[0]?.data)
    t.same(events, ['returned b log-in'])
  })

  t.test('sessions fail while the login is repeated: the process is kept', async (t) => {
    const { sessions, events, failToOpen, prove } = play(t, 2)
    prove()
    sessions.loggedIn()
    failToOpen(0, 'log-in')
    failToOpen(1, 'log-in')
    t.same(events, [])

    t.test('and lost when that fails', async (t) => {
      sessions.logInFailed(failure('device'))
      t.same(events, ['dead: the login failed (CKR_TEST)'])
    })
  })

  t.test('and refuses the PIN', async (t) => {
    const { sessions, events } = play(t, 1)
    sessions.logInFailed(failure('pin'))
    t.same(events, ['PIN refused'])
  })
})

t.test('idle sessions make test signatures', async (t) => {
  t.test('and stay in use when the token throttles one', async (t) => {
    const { sessions, lastOrder, failToSign, prove, pass } = play(t, 1)
    prove()
    pass(300_000)
    t.match(lastOrder(0), { type: 'sign' })
    t.equal(sessions.count().busy, 1)
    failToSign(0, 'throttled')
    t.equal(sessions.count().idle, 1)
  })

  t.test('and are opened anew when one fails', async (t) => {
    const { lastOrder, failToSign, prove, pass } = play(t, 1)
    prove()
    pass(300_000)
    failToSign(0, 'device')
    t.match(lastOrder(0), { type: 'reopen' })
  })
})

t.test('what is in flight comes back when the process is lost, test signatures do not', async (t) => {
  const { sessions, prove, open, answer, job, lastOrder } = play(t, 3)
  prove()
  sessions.loggedIn()
  open(0)
  open(1)
  answer(1, { type: 'signed', signature: privateEncrypt(privateKey, lastOrder(1)?.data ?? SIGNATURE) })
  const work = job('work')
  sessions.lease(work)
  t.same(sessions.abandon(), [work])
  answer(1, { type: 'signed', signature: SIGNATURE }, 4)
  t.notOk(work.settled)
  work.fail(new Error('end of test'))
})

t.test('no signature comes back for long: the process is lost, once', async (t) => {
  t.test('since the token throttles each', async (t) => {
    const { sessions, events, orders, failToSign, prove, pass, job, open } = play(t, 1, 10_000)
    prove()
    for (let second = 0; second < 40; second++) {
      if (sessions.count().busy > 0) {
        failToSign(0, 'throttled')
      }
      pass(1_000)
    }
    t.same(events, ['dead: a signing call failed (CKR_TEST)'])
    t.equal(sessions.lastFailure, 'a signing call failed (CKR_TEST)')
    t.notOk(sessions.isUsable())

    t.test('and nothing more is done', async (t) => {
      const ordered = orders.length
      t.notOk(sessions.lease(job('late')))
      open(0)
      sessions.loggedIn()
      pass(60_000)
      t.equal(orders.length, ordered)
      t.equal(events.length, 1)
    })
  })

  t.test('since all sessions are silent', async (t) => {
    const { events, failToOpen, pass } = play(t, 64)
    failToOpen(0, 'device')
    pass(120_000)
    t.same(events, ['dead: sessions do not answer'])
  })

  t.test('since nothing happens at all', async (t) => {
    const { events, pass } = play(t, 1, 4_000)
    pass(30_000)
    t.same(events, [])
    pass(4_000)
    t.same(events, ['dead: no signature comes back'])
  })
})

t.test('a call that does not return after the process was lost makes no zombie', async (t) => {
  const { sessions, events, prove, job, pass } = play(t, 2)
  prove()
  sessions.lease(job('work'))
  sessions.logInFailed(failure('device'))
  pass(5_000)
  t.equal(sessions.count().zombie, 0)
  t.same(events, ['dead: the login failed (CKR_TEST)'])
})

t.test('sessions that fail one after another, each while others wait: the process is lost', async (t) => {
  const { events, failToOpen, pass } = play(t, 16)
  for (let session = 0; session < 16; session++) {
    failToOpen(session, 'device')
    pass(2_000)
  }
  t.same(events, ['dead: a session cannot be opened (CKR_TEST)'])
})

t.test('a session that cannot be opened is tried ever more seldom, and logged once', async (t) => {
  const { orders, logged, open, sign, failToOpen, pass } = play(t, 2)
  open(0)
  sign(0)
  failToOpen(1, 'throttled')
  for (let second = 0; second < 120; second++) {
    const ordered = orders.length
    pass(1_000)
    if (orders.length > ordered) {
      failToOpen(1, 'throttled')
    }
  }
  t.ok(orders.length > 5 && orders.length < 12, `${orders.length} orders in two minutes`)
  t.equal(logged.length, 1)
})

t.test('the login is repeated and does not help: the process is lost at the third', async (t) => {
  t.test('when signing goes on failing', async (t) => {
    const { sessions, events, orders, open, failToSign, prove, job, pass } = play(t, 1)
    prove()
    const work = job('work')
    sessions.lease(work)
    failToSign(0, 'log-in')
    sessions.loggedIn()
    pass(500)
    open(0)
    failToSign(0, 'log-in')
    sessions.loggedIn()
    open(0)
    failToSign(0, 'log-in')
    t.same(events, ['dead: the token does not keep the login'])
    t.equal(orders.filter(({ type }) => type === 'log-in').length, 2)
    t.same(sessions.abandon(), [work])
    work.fail(new Error('end of test'))
  })

  t.test('also when sessions cannot even be opened', async (t) => {
    const { sessions, events, failToOpen, pass } = play(t, 1)
    for (let time = 0; time < 3; time++) {
      failToOpen(0, 'log-in')
      sessions.loggedIn()
      pass(2_500)
    }
    t.same(events, ['dead: the token does not keep the login'])
  })
})

t.test('failures from before the login are no failures', async (t) => {
  const { sessions, events, orders, open, failToOpen, failToSign, lastOrder, pass } = play(t, 2)
  open(1)
  pass(500)
  sessions.loggedIn()
  failToOpen(0, 'log-in')
  t.match(lastOrder(0), { type: 'reopen' })
  failToSign(1, 'log-in')
  t.match(lastOrder(1), { type: 'reopen' })
  t.same(events, [])
  t.notOk(orders.some(({ type }) => type === 'log-in'))
})

t.test('the event loop stands still', async (t) => {
  t.test('a signature that came in time is taken', async (t) => {
    const { sessions, prove, job, stall, sign } = play(t, 2)
    prove()
    const work = job('work')
    sessions.lease(work)
    setTimeout(() => sign(0, SIGNATURE), 4_200)
    stall(6_000, 6_000)
    t.equal(await work.signature, SIGNATURE)
    t.same(sessions.count(), { opening: 0, idle: 2, busy: 0, zombie: 0 })
  })

  t.test('for so long that no test signature could be made: they are made first', async (t) => {
    const { sessions, events, prove, stall, sign } = play(t, 1, 10_000)
    prove()
    stall(60_000, 5_000)
    t.equal(sessions.count().busy, 1)
    sign(0)
    t.same(events, ['proved'])
  })
})
