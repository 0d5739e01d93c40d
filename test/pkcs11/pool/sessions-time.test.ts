/** What time does to sessions: calls that do not return, a token that throttles, and what is done to idle ones. */
import t from 'tap'
import { playSessions } from '../../support/played-sessions.ts'

const SIGNATURE = Buffer.alloc(256, 2)

t.test('a zombie', async (t) => {
  for (const [how, content] of Object.entries({
    'an error': {
      type: 'sign-failed',
      failure: { returnValue: 'CKR_TEST', call: '', recovery: 'throttled' },
    },
    'a signature': { type: 'signed', signature: SIGNATURE },
  })) {
    t.test(
      `has another session opened in its place, and is closed when it comes back with ${how}`,
      async (t) => {
        const { sessions, observed, lastOrder, answer, open, sign, testAll, job, pass } = playSessions(t, 2)
        testAll()
        sessions.lease(job('work'))
        pass(4_200)
        t.equal(sessions.count().zombie, 1)
        t.same(observed, ['evicted timeout'])
        t.equal(sessions.unusableSince(), undefined)
        t.match(lastOrder(2), { type: 'reopen' })
        open(2)
        sign(2)
        t.same(sessions.count(), { opening: 0, idle: 2, busy: 0, zombie: 1 })
        answer(0, content)
        t.match(lastOrder(0), { type: 'end' })
        t.same(sessions.count(), { opening: 0, idle: 2, busy: 0, zombie: 0 })
      },
    )
  }

  t.test('is opened anew in place of the next one, once it has come back', async (t) => {
    const { sessions, lastOrder, open, sign, answer, testAll, job, pass } = playSessions(t, 2)
    testAll()
    sessions.lease(job('work'))
    pass(4_200)
    open(2)
    sign(2)
    answer(0, { type: 'signed', signature: SIGNATURE })
    sessions.lease(job('more'))
    pass(4_200)
    t.match(sessions.count(), { zombie: 1 })
    t.match(lastOrder(0), { type: 'reopen' })
    t.equal(lastOrder(3), undefined)
    open(0)
    sign(0)
    t.same(sessions.count(), { opening: 0, idle: 2, busy: 0, zombie: 1 })
  })

  t.test('is one of more than the limit: the process is lost', async (t) => {
    const { sessions, events, testAll, job, pass } = playSessions(t, 3)
    testAll()
    sessions.lease(job('work'))
    sessions.lease(job('more'))
    pass(4_200)
    t.equal(sessions.count().idle, 1)
    t.match(events, [/slow/, /slow/, 'lost: sessions do not answer: hang'])
  })

  t.test('is within the limit: the others go on', async (t) => {
    const { sessions, events, testAll, job, pass } = playSessions(t, 4)
    testAll()
    sessions.lease(job('work'))
    sessions.lease(job('more'))
    pass(4_200)
    t.same(sessions.count(), { opening: 2, idle: 2, busy: 0, zombie: 2 })
    t.notMatch(events.join(), /lost/)
  })

  t.test('beside sessions that fail: the process is lost', async (t) => {
    const { sessions, events, failToOpen, failToSign, testAll, job, pass } = playSessions(t, 2)
    testAll()
    sessions.lease(job('work'))
    sessions.lease(job('more'))
    pass(1_500)
    failToSign(1, 'replace-session')
    failToOpen(1, 'device')
    pass(2_700)
    t.same(sessions.count(), { opening: 2, idle: 0, busy: 0, zombie: 1 })
    t.equal(sessions.unusableSince(), 5_200)
    failToOpen(1, 'device')
    failToOpen(2, 'device')
    t.equal(events.at(-1), 'lost: a session cannot be opened (CKR_TEST): hsm')
  })

  t.test('may be one that makes a test signature, or is opened', async (t) => {
    const { sessions, open, pass } = playSessions(t, 4)
    open(0)
    pass(4_200)
    t.equal(sessions.count().zombie, 1)
    pass(7_000)
    t.equal(sessions.count().zombie, 2)
  })
})

t.test('a call that takes far longer than others', async (t) => {
  t.test('is given to another session, once; who comes first wins', async (t) => {
    const { sessions, events, testAll, job, pass, sign } = playSessions(t, 2)
    testAll()
    const work = job('work')
    sessions.lease(work)
    pass(2_000)
    t.same(events, [])
    pass(100)
    t.same(events, ['slow work'])
    sessions.lease(work)
    sign(1, SIGNATURE)
    t.equal(await work.signature, SIGNATURE)
    sign(0, SIGNATURE)
    t.equal(sessions.count().idle, 2)
    t.same(events, ['slow work'])
  })

  t.test('and not where all take long', async (t) => {
    const { sessions, events, serviceTime, testAll, job, pass } = playSessions(t, 2)
    testAll()
    for (let time = 0; time < 50; time++) {
      serviceTime.add(1_100)
    }
    sessions.lease(job('work'))
    pass(3_900)
    t.same(events, [])
  })
})

t.test('a token that throttles', async (t) => {
  t.test('gives the session a rest, and takes it out of use when that does not help', async (t) => {
    const { sessions, events, lastOrder, failToSign, testAll, job, pass, sign } = playSessions(t, 1)
    testAll()
    for (const attempt of [1, 2]) {
      sessions.lease(job(`${attempt}`))
      failToSign(0, 'throttled')
      t.same(sessions.count(), { opening: 0, idle: 0, busy: 1, zombie: 0 })
      pass(100)
      t.same(sessions.count(), { opening: 0, idle: 1, busy: 0, zombie: 0 })
    }
    sessions.lease(job('3'))
    failToSign(0, 'throttled')
    t.equal(sessions.count().opening, 1)
    pass(1_000)
    t.match(lastOrder(0), { type: 'sign' }, 'a test signature')
    failToSign(0, 'throttled')
    t.equal(sessions.count().opening, 1)
    pass(1_000)
    sign(0)
    t.equal(sessions.count().idle, 1)
    t.same(events, ['returned 1 throttled', 'returned 2 throttled', 'returned 3 throttled', 'tested'])
  })

  t.test('does not spare a session that was just opened its test signature', async (t) => {
    const { sessions, events, lastOrder, open, failToSign, job, pass, sign } = playSessions(t, 1)
    open(0)
    failToSign(0, 'throttled')
    pass(100)
    t.notOk(sessions.lease(job('work')))
    t.match(lastOrder(0), { type: 'sign' })
    sign(0)
    t.same(events, ['tested'])
    t.equal(sessions.count().idle, 1)
  })

  t.test('and does so for long: the process is lost', async (t) => {
    const { sessions, events, failToSign, testAll, pass } = playSessions(t, 1, { keepAliveMs: 10_000 })
    testAll()
    for (let second = 0; second < 40; second++) {
      failToSign(0, 'throttled')
      pass(1_000)
    }
    t.same(events, ['lost: no signature comes back: a signing call failed (CKR_TEST): hsm'])
    t.equal(sessions.lastFailure, 'a signing call failed (CKR_TEST)')
  })
})

t.test('idle sessions', async (t) => {
  t.test('make test signatures', async (t) => {
    const { sessions, lastOrder, sign, testAll, pass } = playSessions(t, 1)
    testAll()
    pass(300_000)
    t.match(lastOrder(0), { type: 'sign' })
    t.equal(sessions.count().busy, 1)
    sign(0)
    t.equal(sessions.count().idle, 1)
  })

  t.test('and are opened anew when one fails, as the others may have to be', async (t) => {
    const { sessions, observed, lastOrder, failToSign, open, testAll, pass, sign } = playSessions(t, 2)
    testAll()
    pass(300_000)
    sign(1)
    failToSign(0, 'device')
    t.match(lastOrder(0), { type: 'reopen' })
    t.equal(sessions.count().busy, 1, 'the other one is tested again')
    t.same(observed, ['evicted CKR_TEST'])
    sign(1)
    open(0)
    failToSign(0, 'device')
    t.match(lastOrder(1), { type: 'sign' }, 'once more when its test signature fails')
  })
})

t.test('all calls take far longer than others did: the process is lost while they have time', async (t) => {
  const { sessions, events, pass, testAll, job } = playSessions(t, 2)
  testAll()
  const [one, two] = [job('one'), job('two')]
  sessions.lease(one)
  sessions.lease(two)
  pass(2_100)
  t.match(events, ['slow one', 'slow two', 'lost: sessions do not answer: hang'])
  t.same(sessions.abandon(), [one, two])
})

t.test('a call that may take minutes is waited for', async (t) => {
  const { sessions, events, testAll, job, pass } = playSessions(t, 1, {
    timeoutMs: 300_000,
    keepAliveMs: 30_000,
  })
  testAll()
  sessions.lease(job('work'))
  pass(70_000)
  t.same(events, [])
  t.equal(sessions.unusableSince(), undefined)
})

t.test('unless they have less time than another process needs to start', async (t) => {
  const { sessions, events, pass, testAll, job } = playSessions(t, 1, { timeoutMs: 1_900 })
  testAll()
  sessions.lease(job('one'))
  pass(1_900)
  t.same(events, ['slow one'])
  pass(300)
  t.match(events.at(-1), /lost/)
})

t.test('test signatures that take far longer than others did', async (t) => {
  t.test('have their time', async (t) => {
    const { sessions, events, serviceTime, open, pass, sign } = playSessions(t, 1)
    serviceTime.add(5)
    open(0)
    pass(3_000)
    t.same(events, [])
    sign(0)
    t.same(events, ['tested'])
    t.equal(sessions.count().idle, 1)
  })

  t.test('and no more', async (t) => {
    const { sessions, serviceTime, open, pass, lastOrder } = playSessions(t, 2)
    serviceTime.add(5)
    open(0)
    pass(4_100)
    t.equal(sessions.count().zombie, 0)
    pass(100)
    t.equal(sessions.count().zombie, 1)
    t.match(lastOrder(1), { type: 'reopen' })
  })
})

t.test('nothing happens at all: the process is lost', async (t) => {
  const { events, pass, sessions, stall } = playSessions(t, 64, { keepAliveMs: 4_000 })
  stall(900)
  pass(29_000)
  t.notMatch(events.join(), /lost/)
  t.equal(sessions.unusableSince(), 1_000)
  pass(1_000)
  t.equal(events.at(-1), 'lost: no signature comes back: sessions do not answer: hsm')
})

t.test('nobody is judged right after the event loop stood still', async (t) => {
  const { sessions, events, job, testAll, stall, sign, pass } = playSessions(t, 1, { keepAliveMs: 10_000 })
  testAll()
  sessions.lease(job('work'))
  stall(60_000)
  t.equal(sessions.count().zombie, 0)
  sign(0, SIGNATURE)
  t.equal(sessions.count().idle, 1)
  stall(60_000)
  pass(100)
  t.equal(sessions.count().busy, 1, 'it makes a test signature')
  pass(1_000)
  t.notMatch(events.join(), /lost/)
})
