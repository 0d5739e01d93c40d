/** Which sessions get work, and what becomes of those that fail. */
import t from 'tap'
import { failure, playSessions, signature, WRONG } from '../../support/played-sessions.ts'

t.test('sessions are opened one after another, each when the one before it has signed', async (t) => {
  const { sessions, events, orders, open, sign, job, answer } = playSessions(t, 2)
  t.notOk(sessions.lease(job('early')))
  t.match(orders, [{ type: 'reopen', session: 0 }])
  open(0)
  t.equal(orders.length, 2)
  t.same(sessions.count(), { opening: 2, idle: 0, busy: 0, zombie: 0 })
  sign(0)
  t.same(events, ['tested'])
  t.match(orders[2], { type: 'reopen', session: 1 })
  t.ok(sessions.lease(job('work')))
  t.notOk(sessions.lease(job('more')))
  open(1)
  answer(1, { type: 'sign-failed', failure: failure('device') })
  t.match(sessions.count(), { busy: 1, opening: 1 })
})

t.test('or when it takes more than a second, so that one has always just begun', async (t) => {
  const { orders, pass, open, sign, sessions } = playSessions(t, 3)
  open(0)
  pass(1_000)
  t.match(orders.at(-1), { type: 'reopen', session: 1 })
  pass(900)
  t.equal(orders.length, 3)
  pass(100)
  t.match(orders.at(-1), { type: 'reopen', session: 2 })
  open(2)
  sign(2)
  t.equal(sessions.count().idle, 1)
  t.equal(sessions.unusableSince(), undefined)
})

t.test('an answer to an older order is dropped, and so is one of a session that there is not', async (t) => {
  const { sessions, answer, lastOrder, testAll, job } = playSessions(t, 1)
  testAll()
  const [one, two] = [job('one'), job('two')]
  sessions.lease(one)
  const stale = lastOrder(0)?.ticket
  const first = Buffer.alloc(256, 2)
  answer(0, { type: 'signed', signature: first })
  t.equal(await one.signature, first)
  answer(0, { type: 'signed', signature: first })
  sessions.lease(two)
  answer(0, { type: 'signed', signature: Buffer.alloc(256, 3) }, stale)
  answer(7, { type: 'signed', signature: Buffer.alloc(256, 3) })
  t.notOk(two.settled)
  t.ok(sessions.has(two))
  answer(0, { type: 'signed', signature: first })
  t.equal(await two.signature, first)
})

t.test('a session whose call failed is opened anew and tested before it gets a job', async (t) => {
  for (const recovery of ['device', 'replace-session', 'find-key'] as const) {
    t.test(recovery, async (t) => {
      const { sessions, events, observed, lastOrder, open, sign, failToSign, testAll, job } = playSessions(
        t,
        2,
      )
      testAll()
      const work = job('work')
      sessions.lease(work)
      failToSign(0, recovery)
      t.same(events, [`returned work ${recovery}`])
      t.same(observed, ['evicted CKR_TEST'])
      t.match(lastOrder(0), { type: 'reopen' })
      t.match(lastOrder(1), { type: 'sign' }, 'the idle one is tested too')
      t.notOk(sessions.lease(work))
      sign(1)
      t.ok(sessions.lease(work))
      open(0)
      t.same(sessions.count(), { opening: 1, idle: 0, busy: 1, zombie: 0 })
      sign(0)
      t.same(sessions.count(), { opening: 0, idle: 1, busy: 1, zombie: 0 })
      work.fail(new Error('end of test'))
    })
  }
})

t.test(
  'what repeating cannot help is returned, and its session is tested without being opened anew',
  async (t) => {
    const { sessions, events, lastOrder, failToSign, testAll, job, sign } = playSessions(t, 1)
    testAll()
    sessions.lease(job('work'))
    failToSign(0, 'permanent')
    t.same(events, ['returned work permanent'])
    t.match(lastOrder(0), { type: 'sign' })
    t.equal(sessions.count().opening, 1)
    sign(0)
    t.equal(sessions.count().idle, 1)
  },
)

t.test('a session that fails its test waits, ever longer, and is logged once', async (t) => {
  const { orders, logged, open, sign, failToOpen, pass } = playSessions(t, 2)
  open(0)
  sign(0)
  failToOpen(1, 'throttled')
  sign(0)
  for (let second = 0; second < 120; second++) {
    const ordered = orders.length
    pass(1_000)
    if (orders.length > ordered) {
      failToOpen(1, 'throttled')
    }
  }
  const tries = orders.filter((order) => order.type === 'reopen' && order.session === 1)
  t.equal(tries.length, 9, 'at once, after 1, 2, 4, 8, 16 and then each 30 seconds')
  t.equal(logged.length, 1)
})

t.test('a wrong signature', async (t) => {
  const { sessions, events, observed, logged, testAll, job, sign, lastOrder } = playSessions(t, 2)
  testAll()
  const work = job('work')
  sessions.lease(work)
  sign(0, WRONG)
  t.notOk(work.settled)
  t.same(events, ['returned work replace-session'])
  t.same(observed, ['self-check failed', 'evicted signature'])
  t.match(logged, [/does not verify/])
  t.equal(sessions.lastFailure, 'a signature does not verify with the signer certificate')
  t.match(lastOrder(0), { type: 'reopen' })
  work.fail(new Error('end of test'))
})

t.test("a call whose request is settled is nobody's", async (t) => {
  const { sessions, events, testAll, job, failToSign, sign, pass } = playSessions(t, 2)
  testAll()
  const [one, two] = [job('one'), job('two')]
  pass(3_500)
  sessions.lease(one)
  sessions.lease(two)
  pass(500)
  t.ok(one.settled)
  t.same(sessions.count(), { opening: 0, idle: 0, busy: 2, zombie: 0 }, 'it makes no zombie')
  sign(0, Buffer.alloc(256, 2))
  t.equal(sessions.count().idle, 1)
  failToSign(1, 'device')
  t.same(events, [])
})

t.test('the process is lost', async (t) => {
  t.test('when every session has failed', async (t) => {
    const { sessions, events, open, failToOpen, failToSign, testAll, job } = playSessions(t, 3)
    testAll()
    sessions.lease(job('work'))
    failToSign(0, 'device')
    failToOpen(0, 'device')
    for (const session of [1, 2]) {
      failToSign(session, 'device')
      open(session)
      t.same(events, ['returned work device'])
      failToSign(session, 'device')
    }
    t.same(events, ['returned work device', 'lost: a signing call failed (CKR_TEST): hsm'])
  })

  t.test('when the first two fail and none has signed', async (t) => {
    const { events, open, failToOpen, failToSign } = playSessions(t, 16)
    failToOpen(0, 'device')
    t.same(events, [])
    open(1)
    failToSign(1, 'device')
    t.same(events, ['lost: a signing call failed (CKR_TEST): hsm'])
  })

  t.test('when the only one fails', async (t) => {
    const { events, failToOpen } = playSessions(t, 1)
    failToOpen(0, 'device')
    t.same(events, ['lost: a session cannot be opened (CKR_TEST): hsm'])
  })

  t.test('and nothing more is done', async (t) => {
    const { sessions, events, orders, open, job, pass, failToOpen } = playSessions(t, 1)
    failToOpen(0, 'device')
    const ordered = orders.length
    t.notOk(sessions.lease(job('late')))
    open(0)
    sessions.receive({ type: 'logged-in' })
    sessions.receive({ type: 'log-in-failed', failure: failure('device') })
    pass(60_000)
    t.equal(orders.length, ordered)
    t.equal(events.length, 1)
  })
})

t.test('no signature verifies: the certificate is that of another key', async (t) => {
  const { events, open, sign } = playSessions(t, 8)
  open(0)
  sign(0, WRONG)
  open(1)
  sign(1, WRONG)
  t.same(events, ['mismatch'])
})

t.test('a token that refuses the first test signatures for good does not allow the key', async (t) => {
  const { events, open, failToSign } = playSessions(t, 8)
  open(0)
  failToSign(0, 'permanent', 'CKR_KEY_FUNCTION_NOT_PERMITTED')
  open(1)
  failToSign(1, 'permanent', 'CKR_MECHANISM_INVALID')
  t.same(events, ['refused: CKR_KEY_FUNCTION_NOT_PERMITTED'])
})

t.test('a token that says something about the PIN in any call is not asked again', async (t) => {
  const { sessions, events, orders, testAll, job, failToSign, pass } = playSessions(t, 2)
  testAll()
  const work = job('work')
  sessions.lease(work)
  failToSign(0, 'pin')
  t.same(events, ['pin-refused: CKR_TEST'])
  const ordered = orders.length
  pass(60_000)
  t.equal(orders.length, ordered)
})

t.test('what is in flight comes back once when the process is lost, test signatures do not', async (t) => {
  const { sessions, testAll, open, answer, job } = playSessions(t, 3)
  testAll()
  const work = job('work')
  sessions.lease(work)
  sessions.lease(work)
  sessions.receive({ type: 'logged-in' })
  open(2)
  t.same(sessions.abandon(), [work])
  answer(0, { type: 'signed', signature: signature(work.data) }, -1)
  t.notOk(work.settled)
  work.fail(new Error('end of test'))
})

t.test('a signature that nobody was there to read does not count as slow', async (t) => {
  const { sessions, serviceTime, job, testAll, sign } = playSessions(t, 1)
  testAll()
  sessions.lease(job('work'))
  t.intercept(performance, 'now', { value: () => 7_000 })
  sign(0, Buffer.alloc(256, 2))
  t.ok((serviceTime.ms ?? 0) < 10, `${serviceTime.ms} ms`)
})
