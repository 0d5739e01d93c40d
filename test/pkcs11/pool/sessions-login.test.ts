/** One login for all sessions, and what becomes of them when the token forgets it. */
import t from 'tap'
import { failure, playSessions } from '../../support/played-sessions.ts'

t.test('the token forgets the login: one for all, and every session is opened anew', async (t) => {
  const played = playSessions(t, 4)
  const { sessions, orders, events, observed, lastOrder, failToSign, testAll, open, job, sign, pass } = played
  testAll()
  pass(500)
  for (const text of ['a', 'b', 'c']) {
    sessions.lease(job(text))
  }
  failToSign(0, 'log-in')
  failToSign(1, 'log-in')
  t.equal(orders.filter(({ type }) => type === 'log-in').length, 1)
  t.same(events, ['returned a log-in', 'returned b log-in'])
  t.same(observed, ['evicted CKR_TEST', 'evicted CKR_TEST'])
  failToSign(3, 'log-in')
  sessions.receive({ type: 'logged-in' })
  sign(2, Buffer.alloc(256, 2))
  pass(100)
  for (const session of [0, 1, 3, 2]) {
    t.match(lastOrder(session), { type: 'reopen' }, `session ${session} in its turn`)
    open(session)
    sign(session)
  }
  t.equal(sessions.count().idle, 4)
})

t.test('idle sessions are opened anew after the login', async (t) => {
  const { sessions, lastOrder, testAll, pass } = playSessions(t, 1)
  testAll()
  pass(500)
  sessions.receive({ type: 'logged-in' })
  t.match(lastOrder(0), { type: 'reopen' })
})

t.test('sessions fail while the login is repeated: the process is kept', async (t) => {
  const { sessions, events, failToSign, failToOpen, open, testAll, job, lastOrder } = playSessions(t, 2)
  testAll()
  sessions.lease(job('work'))
  failToSign(0, 'log-in')
  open(0)
  failToSign(0, 'device')
  t.match(lastOrder(0), { type: 'reopen' })
  failToOpen(0, 'device')
  failToSign(1, 'device')
  t.same(events, ['returned work log-in'])

  t.test('and lost when that fails', async (t) => {
    sessions.receive({ type: 'log-in-failed', failure: failure('device') })
    t.same(events.slice(1), ['lost: the login failed (CKR_TEST): hsm'])
  })
})

t.test('the login is not answered: the process is lost while its requests have time', async (t) => {
  const { sessions, events, failToSign, testAll, job, pass } = playSessions(t, 2)
  testAll()
  const [first, second] = [job('first'), job('second')]
  sessions.lease(first)
  sessions.lease(second)
  failToSign(0, 'log-in')
  pass(2_000)
  t.same(events, ['returned first log-in'])
  pass(100)
  t.equal(events.at(-1), 'lost: the login is not answered: hang')
  t.same(sessions.abandon(), [second])
})

t.test('the token refuses the PIN', async (t) => {
  const { sessions, events, orders, pass } = playSessions(t, 1)
  sessions.receive({ type: 'log-in-failed', failure: failure('pin') })
  t.same(events, ['pin-refused: CKR_TEST'])
  const ordered = orders.length
  pass(10_000)
  t.equal(orders.length, ordered)
})

t.test('the login is repeated and does not help: the process is lost at the third', async (t) => {
  t.test('when signing goes on failing', async (t) => {
    const { sessions, events, orders, open, failToSign, testAll, job, pass } = playSessions(t, 1)
    testAll()
    const work = job('work')
    sessions.lease(work)
    for (let time = 0; time < 3; time++) {
      pass(500)
      failToSign(0, 'log-in')
      pass(500)
      sessions.receive({ type: 'logged-in' })
      open(0)
    }
    t.same(events, ['returned work log-in', 'lost: the token does not keep the login: hsm'])
    t.equal(orders.filter(({ type }) => type === 'log-in').length, 2)
    work.fail(new Error('end of test'))
  })

  t.test('also when sessions cannot even be opened', async (t) => {
    const { sessions, events, failToOpen, pass } = playSessions(t, 1)
    for (let time = 0; time < 3; time++) {
      failToOpen(0, 'log-in')
      sessions.receive({ type: 'logged-in' })
      pass(2_500)
      failToOpen(0, 'log-in')
    }
    t.same(events, ['lost: the token does not keep the login: hsm'])
  })
})

t.test('failures from before the login are no failures', async (t) => {
  const { sessions, events, orders, open, failToOpen, failToSign, lastOrder, pass } = playSessions(t, 2)
  open(0)
  pass(1_100)
  sessions.receive({ type: 'logged-in' })
  failToOpen(1, 'log-in')
  failToSign(0, 'log-in')
  t.match(lastOrder(0), { type: 'sign' }, 'it waits for its turn')
  pass(1_000)
  t.match(lastOrder(0), { type: 'reopen' })
  t.same(events, [])
  t.notOk(orders.some(({ type }) => type === 'log-in'))
})
