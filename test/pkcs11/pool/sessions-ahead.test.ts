/** What sessions that are busy are told of what comes next, so that none waits for its orders. */
import t, { type Test } from 'tap'
import type { HsmConfiguration } from '../../../src/configuration/configuration.ts'
import { playSessions } from '../../support/played-sessions.ts'

/** One session that signs `one` and knows that `two` comes next. */
function ahead(t: Test, count = 1, change: Partial<HsmConfiguration> = {}) {
  const played = playSessions(t, count, change)
  played.testAll()
  const [one, two] = [played.job('one'), played.job('two')]
  played.sessions.lease(one)
  t.ok(played.sessions.announce(two))
  const next = played.lastOrder(0)?.ticket ?? 0
  const isWithdrawn = () => played.orders.some((order) => order.type === 'withdraw' && order.ticket === next)
  return { ...played, one, two, next, isWithdrawn }
}

const SIGNED = { type: 'signed', signature: Buffer.alloc(256, 2) }

t.test('a session that has signed goes on with what it was told of', async (t) => {
  const { sessions, orders, events, answer, one, two, next } = ahead(t)
  const ordered = orders.length
  t.match(orders.at(-1), { type: 'sign', data: Buffer.from('two') })
  answer(0, SIGNED, next - 1)
  t.ok(one.settled)
  t.same(events, ['begun two'])
  t.ok(sessions.has(two))
  t.match(sessions.count(), { busy: 1, idle: 0 })
  answer(0, SIGNED, next)
  t.ok(two.settled)
  t.match(sessions.count(), { busy: 0, idle: 1 })
  t.equal(orders.length, ordered, 'no word to it in between')
})

t.test('who is told', async (t) => {
  t.test('is the session that has been busy longest', async (t) => {
    const { sessions, lastOrder, testAll, job, pass, serviceTime } = playSessions(t, 2)
    testAll()
    serviceTime.add(1_000)
    sessions.lease(job('one'))
    pass(100)
    sessions.lease(job('two'))
    sessions.announce(job('three'))
    t.match(lastOrder(0), { data: Buffer.from('three') })
    sessions.announce(job('four'))
    t.match(lastOrder(1), { data: Buffer.from('four') })
    t.notOk(sessions.announce(job('five')), 'one thing each')
  })

  t.test('is none that is free, opens, or makes a test signature', async (t) => {
    const { sessions, testAll, job, open } = playSessions(t, 1)
    t.notOk(sessions.announce(job('one')))
    open(0)
    t.notOk(sessions.announce(job('one')))
    testAll()
    t.notOk(sessions.announce(job('one')))
  })

  t.test('is none whose call takes long', async (t) => {
    const { sessions, testAll, job, pass, serviceTime } = playSessions(t, 1, { keepAliveMs: 600_000 })
    testAll()
    serviceTime.add(1)
    sessions.lease(job('one'))
    pass(2_100)
    t.notOk(sessions.announce(job('two')))
  })

  t.test('is none whose call takes longer than those of others', async (t) => {
    const { sessions, testAll, job, pass, serviceTime } = playSessions(t, 2)
    testAll()
    serviceTime.add(1)
    sessions.lease(job('hangs'))
    pass(100)
    sessions.lease(job('one'))
    t.ok(sessions.announce(job('two')))
    t.notOk(sessions.announce(job('three')))
  })

  t.test('is nobody after the end', async (t) => {
    const { sessions, testAll, job } = playSessions(t, 1)
    testAll()
    sessions.lease(job('one'))
    sessions.abandon()
    t.notOk(sessions.announce(job('two')))
  })
})

t.test('what a session was told of is taken back', async (t) => {
  t.test('when its signature fails', async (t) => {
    const { answer, next, isWithdrawn } = ahead(t, 2)
    answer(
      0,
      { type: 'sign-failed', failure: { returnValue: 'CKR_TEST', call: '', recovery: 'replace-session' } },
      next - 1,
    )
    t.ok(isWithdrawn())
  })

  t.test('when its signature is wrong', async (t) => {
    const { answer, next, isWithdrawn } = ahead(t)
    answer(0, { type: 'signed', signature: Buffer.alloc(256, 1) }, next - 1)
    t.ok(isWithdrawn())
  })

  t.test('when its call takes long', async (t) => {
    const { pass, serviceTime, isWithdrawn } = ahead(t)
    serviceTime.add(1)
    pass(2_100)
    t.ok(isWithdrawn())
  })

  t.test('when its call takes longer than others, though no session is free', async (t) => {
    const { pass, serviceTime, isWithdrawn } = ahead(t)
    serviceTime.add(1)
    pass(100)
    t.ok(isWithdrawn())
  })

  t.test('when another session is free and this one takes longer than usual', async (t) => {
    const { sessions, lastOrder, two, pass, serviceTime } = ahead(t, 2)
    for (let count = 0; count < 20; count++) {
      serviceTime.add(100)
    }
    pass(300)
    t.notOk(sessions.lease(two))
    t.ok(sessions.announce(two), 'as before')
    pass(200)
    t.ok(sessions.lease(two))
    t.match(lastOrder(0), { type: 'withdraw' })
    t.match(lastOrder(1), { type: 'sign', data: Buffer.from('two') })
  })

  t.test('when the login was repeated: the session is opened anew', async (t) => {
    const { sessions, lastOrder, answer, next, pass, isWithdrawn } = ahead(t)
    pass(100)
    sessions.receive({ type: 'logged-in' })
    answer(0, SIGNED, next - 1)
    t.ok(isWithdrawn())
    t.match(lastOrder(0), { type: 'reopen' })
  })

  t.test('when nobody waits for it any more', async (t) => {
    const { sessions, orders, two, next } = ahead(t)
    sessions.withdraw(two)
    t.match(orders.at(-1), { type: 'withdraw', session: 0, ticket: next })
    sessions.withdraw(two)
    t.equal(orders.filter(({ type }) => type === 'withdraw').length, 1)
  })

  t.test('when the process is lost: the next one has the job', async (t) => {
    const { sessions, one } = ahead(t)
    t.strictSame(sessions.abandon(), [one])
  })
})

t.test('what comes of a job that was taken back', async (t) => {
  const takenBack = (t: Test) => {
    const played = ahead(t)
    played.sessions.withdraw(played.two)
    t.ok(played.sessions.has(played.two), 'the session may sign it until it says otherwise')
    return played
  }

  t.test('it was left out', async (t) => {
    const { sessions, events, answer, two, next } = takenBack(t)
    answer(0, { type: 'withdrawn' }, next)
    t.same(events, ['left out two'])
    t.notOk(sessions.has(two))
    t.match(sessions.count(), { busy: 1 }, 'it still signs what it was given before')
  })

  t.test(
    'it was signed before the session heard: the signature counts, and the session is free',
    async (t) => {
      const { sessions, events, answer, one, two, next } = takenBack(t)
      answer(0, SIGNED, next - 1)
      t.ok(one.settled)
      t.match(sessions.count(), { idle: 1 })
      answer(0, SIGNED, next)
      t.ok(two.settled)
      t.strictSame(await two.signature, SIGNED.signature)
      t.same(events, [])
    },
  )

  t.test('it was signed wrongly: nobody gets that', async (t) => {
    const { events, observed, logged, answer, two, next } = takenBack(t)
    answer(0, { type: 'signed', signature: Buffer.alloc(256, 1) }, next)
    t.same(events, ['left out two'])
    t.same(observed, ['self-check failed'])
    t.match(logged, [/does not verify/])
    t.notOk(two.settled)
  })

  t.test('it failed', async (t) => {
    const { events, answer, next } = takenBack(t)
    const failure = { returnValue: 'CKR_TEST', call: '', recovery: 'replace-session' }
    answer(0, { type: 'sign-failed', failure }, next)
    t.same(events, ['left out two'])
  })

  t.test('the session is told of nothing else before it has said', async (t) => {
    const { sessions, answer, job, next } = takenBack(t)
    t.notOk(sessions.announce(job('three')))
    answer(0, { type: 'withdrawn' }, next)
    t.ok(sessions.announce(job('four')))
  })

  t.test('the session hung, and says it when another has its place', async (t) => {
    const { sessions, answer, pass, two, next } = ahead(t, 3)
    pass(6_100)
    t.match(sessions.count(), { zombie: 1 })
    answer(0, SIGNED, next - 1)
    t.match(sessions.count(), { zombie: 0 })
    t.ok(sessions.has(two))
    answer(0, SIGNED, next)
    t.ok(two.settled)
  })
})
